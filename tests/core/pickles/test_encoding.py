"""The writer: what it writes reads back the same, always in the same bytes, and by CPython's pickle too."""

from __future__ import annotations

import itertools
import os
import pickle
import pickletools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy
import pytest
from hypothesis import given

from strongbox.errors import FormatError, LimitError, RefusedError, StrongboxError, UnsupportedError
from strongbox.limits import Limits
from strongbox.pickles import Call, Decoded, Global, Node, PersistentId, decode, encode, encode_part
from strongbox.pickles.opcodes import Opcode
from tests.core.pickles.graphs import EXAMPLES, outline
from tests.core.pickles.oracle import load_as_nodes
from tests.core.pickles.test_differential import values

TORCH_OPCODES = {
    *("PROTO", "STOP", "MARK", "GLOBAL", "NEWOBJ", "REDUCE", "BUILD", "APPEND", "APPENDS", "SETITEM", "SETITEMS"),
    *("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "NONE", "NEWTRUE", "NEWFALSE", "EMPTY_TUPLE", "EMPTY_LIST"),
    *("EMPTY_DICT", "EMPTY_SET", "BININT", "BININT1", "BININT2", "BINFLOAT", "BINUNICODE", "BINPERSID", "BINGET"),
    *("LONG_BINGET", "BINPUT", "LONG_BINPUT", "LONG1"),
}
"""What torch 2.0 to 2.13 know in ``_weights_only_unpickler.py``."""


def call(name: str, *arguments: Node, **options: Any) -> Call:
    module, _, name = name.rpartition(".")
    return Call(Global(module, name), arguments, **options)


def names(content: bytes) -> list[str]:
    return [operation.name for operation, _, _ in pickletools.genops(content)]


def refused(node: Node, kind: type[StrongboxError], words: str, **options: Any) -> None:
    with pytest.raises(kind, match=words) as raised:
        encode(node, **options)
    assert type(raised.value) is kind


# ---- values


@EXAMPLES
@given(values(5))
def test_values_come_back(value: Any) -> None:
    content = encode(value)
    assert outline(decode(content).root) == outline(value)
    assert outline(pickle.loads(content)) == outline(value)
    assert encode(decode(content)) == content


@EXAMPLES
@given(values(3))
def test_values_come_back_from_protocol_2(value: Any) -> None:
    content = encode(value, protocol=2)
    assert set(names(content)) <= TORCH_OPCODES
    assert outline(pickle.loads(content)) == outline(value)
    assert encode(decode(content), protocol=2) == content


WRITTEN = [
    (None, b"N"),
    (True, b"\x88"),
    (False, b"\x89"),
    (0, b"K\x00"),
    (255, b"K\xff"),
    (256, b"M\x00\x01"),
    (65535, b"M\xff\xff"),
    (65536, b"J\x00\x00\x01\x00"),
    (-1, b"J\xff\xff\xff\xff"),
    (-(2**31), b"J\x00\x00\x00\x80"),
    (2**31, b"\x8a\x05\x00\x00\x00\x80\x00"),
    (-(2**31) - 1, b"\x8a\x05\xff\xff\xff\x7f\xff"),
    (-(2**39), b"\x8a\x05\x00\x00\x00\x00\x80"),
    (2**127, b"\x8a\x11" + bytes(15) + b"\x80\x00"),
    (0.5, b"G?\xe0\x00\x00\x00\x00\x00\x00"),
    ("", b"\x8c\x00"),
    ("é", b"\x8c\x02\xc3\xa9"),
    ("\udc80", b"\x8c\x03\xed\xb2\x80"),
    ("a" * 256, b"X\x00\x01\x00\x00" + b"a" * 256),
    (b"", b"C\x00"),
    (b"\xff", b"C\x01\xff"),
    (bytes(256), b"B\x00\x01\x00\x00" + bytes(256)),
    ((), b")"),
    ((1,), b"K\x01\x85"),
    ((1, 1), b"K\x01K\x01\x86"),
    ((1, 1, 1), b"K\x01K\x01K\x01\x87"),
    ((1, 1, 1, 1), b"(K\x01K\x01K\x01K\x01t"),
    ([], b"]"),
    ([1], b"]K\x01a"),
    ([1, 1], b"](K\x01K\x01e"),
    ({}, b"}"),
    ({1: None}, b"}K\x01Ns"),
    ({1: None, 2: None}, b"}(K\x01NK\x02Nu"),
    (set(), b"\x8f"),
    ({1}, b"\x8f(K\x01\x90"),
    (frozenset(), b"(\x91"),
    (frozenset({1}), b"(K\x01\x91"),
    (["aa", "aa"], b"](\x8c\x02aa\x94h\x00e"),
    ([b"aa", b"aa"], b"](C\x02aa\x94h\x00e"),
    (Global("a", "b"), b"\x8c\x01a\x8c\x01b\x93"),
    (call("a.b"), b"\x8c\x01a\x8c\x01b\x93)R"),
    (call("a.b", 1, kind="new"), b"\x8c\x01a\x8c\x01b\x93K\x01\x85\x81"),
    (call("a.b", kind="new", keywords={"k": 1}), b"\x8c\x01a\x8c\x01b\x93)}\x8c\x01kK\x01s\x92"),
    (PersistentId(1), b"K\x01Q"),
]


@pytest.mark.parametrize(("node", "code"), WRITTEN)
def test_what_is_written(node: Node, code: bytes) -> None:
    assert encode(node) == b"\x80\x04" + code + b"."


def test_a_bytearray_needs_protocol_5() -> None:
    assert encode([bytearray(b"a")]) == b"\x80\x05]\x96\x01\x00\x00\x00\x00\x00\x00\x00aa."


def test_calls_with_all_that_is_done_to_them() -> None:
    made = call("collections.OrderedDict", 1)
    made.appended += [1, 2]
    made.items += [("a", 1)]
    made.state, made.has_state = None, True
    content = encode(made)
    assert content.endswith(b"\x85R(K\x01K\x02e\x8c\x01aK\x01sNb.")
    assert outline(decode(content).root) == outline(made)
    assert outline(load_as_nodes(content)) == outline(made)


def test_only_what_is_used_again_is_memoised() -> None:
    assert "MEMOIZE" not in names(encode([["a"], {"b": ("c",)}, call("d.e", "f")]))
    shared = ["shared"]
    content = encode([shared, shared, Global("a", "b"), Global("a", "b")])
    assert names(content).count("MEMOIZE") == 2
    root = decode(content).root
    assert root[0] is root[1]
    assert root[2] is root[3]


def test_equal_containers_are_not_made_one() -> None:
    one, two = decode(encode([["a"], ["a"]])).root
    assert one == two
    assert one is not two


def test_long_memos() -> None:
    parts: list[Node] = [[index] for index in range(300)]
    content = encode([*parts, *parts])
    assert {"BINGET", "LONG_BINGET"} <= set(names(content))
    assert outline(decode(content).root) == outline([*parts, *parts])
    torch = encode([*parts, *parts], protocol=2)
    assert {"BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"} <= set(names(torch))
    assert outline(decode(torch).root) == outline([*parts, *parts])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("dumps", [pickle.dumps, pickle._dumps], ids=["c", "python"])  # type: ignore[attr-defined]
def test_the_pickler_leaves_no_trace(dumps: Callable[..., bytes], protocol: int) -> None:
    """Frames, memo entries, batches and the protocol do not get through to what is written."""
    shared = ("x", 1.5)
    value = {"a": [shared, shared], "b": list(range(2000)), "c": {"d": None}}
    assert encode(decode(dumps(value, protocol))) == encode(value)


def test_sets_are_written_in_order_whatever_the_seed_of_hashes() -> None:
    program = (
        "from strongbox.pickles import encode, Global, Call;"
        "words = [str(n) for n in range(50)] + [b'b', 1.5, None, True, ('a', 1), Global('a', 'b')];"
        "words += [Call(Global('enum', 'E'), (n,)) for n in range(3)];"
        "print(encode([set(words), frozenset(words)]).hex())"
    )
    written = set()
    for seed in ("1", "2"):
        result = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        )
        written.add(result.stdout)
    assert len(written) == 1


# ---- cycles and popped calls


def test_an_object_that_refers_to_itself() -> None:
    made = call("a.b")
    made.state, made.has_state = {"self": made}, True
    made.appended.append(made)
    made.items.append(("self", made))
    content = encode(made)
    assert outline(decode(content).root) == outline(made)
    assert outline(load_as_nodes(content)) == outline(made)


def test_a_tuple_met_among_its_own_parts() -> None:
    made = call("a.b")
    whole: Node = (made, [1], "x")
    made.state, made.has_state = {"whole": whole}, True
    content = encode(whole)
    assert "POP" in names(content)
    assert outline(decode(content)) == outline(Decoded(whole))
    assert encode(decode(content)) == content


def test_a_long_tuple_and_a_frozen_set_met_among_their_own_parts() -> None:
    made = call("a.b")
    whole: Node = (made, 1, 2, 3)
    frozen = frozenset({made})
    made.state, made.has_state = [whole, frozen], True
    for root in (whole, frozen):
        content = encode(root)
        assert "POP_MARK" in names(content)
        assert outline(decode(content)) == outline(Decoded(root))
        assert encode(decode(content)) == content


def test_a_call_met_among_its_own_arguments() -> None:
    """As for a class whose base class refers to it."""
    base = call("a.Base")
    derived = call("a.Derived", base)
    base.state, base.has_state = {"derived": derived}, True
    content = encode(derived)
    assert outline(decode(content)) == outline(Decoded(derived))
    assert encode(decode(content)) == content


def test_popped_calls_come_right_after_what_they_are_about() -> None:
    function = call("c._make_function", "code")
    state = {"__globals__": {"f": function}}
    setter = call("c._function_setstate", function, (state, {}))
    other = call("os.system", "ls")
    decoded = Decoded({"f": function, "g": 1}, popped=(setter, other))
    content = encode(decoded)
    order = [argument for operation, argument, _ in pickletools.genops(content) if operation.name.endswith("UNICODE")]
    assert order.index("system") < order.index("_make_function") < order.index("_function_setstate") < order.index("g")
    again = decode(content)
    assert [popped.path for popped in again.popped] == ["os.system", "c._function_setstate"]
    assert again.statements_on(again.root["f"]) == [again.popped[1]]
    assert encode(again) == content


def test_popped_calls_on_what_is_nowhere_else() -> None:
    lost = call("a.b")
    setter = call("a.set", lost, 1)
    content = encode(Decoded(None, popped=(setter,)))
    assert [popped.path for popped in decode(content).popped] == ["a.set"]
    assert encode(decode(content)) == content


def test_a_long_chain_of_functions_is_refused_in_words() -> None:
    functions = [call("c.make", index) for index in range(100)]
    setters = [call("c.set", one, {"next": two}) for one, two in itertools.pairwise(functions)]
    refused(Decoded(functions[0], popped=tuple(setters)), LimitError, "nested at most 160 deep")
    assert encode(Decoded(functions[0], popped=tuple(setters[:50])))


# ---- what is not written


def test_other_types_are_refused() -> None:
    for value in (numpy.float64(1.0), numpy.zeros(2), object(), 1j, range(3), type("Text", (str,), {})("a")):
        refused([value], UnsupportedError, "expected a node to write, found a ")


def test_other_protocols_are_refused() -> None:
    for protocol in (0, 1, 3, 5):
        refused(1, UnsupportedError, "expected pickle protocol 2 or 4", protocol=protocol)


def test_what_a_reader_would_refuse_is_not_written() -> None:
    refused(Global("os", "path..join"), RefusedError, "plain ASCII")
    refused(Global("os\nsystem", "x"), RefusedError, "plain ASCII", protocol=2)
    refused(Global("os", "x\n."), RefusedError, "plain ASCII", protocol=2)
    refused({2**60: 1}, RefusedError, "at most 60 bits")
    refused({(((),),): 1}, RefusedError, "nested deeper")
    refused({tuple(range(65))}, LimitError, "at most 64 values")
    refused(2**128, LimitError, "at most 16 bytes")
    refused(-(2**128), LimitError, "at most 16 bytes")
    refused(bytes(100), LimitError, "at most 100 bytes, found 10", limits=Limits(pickle_bytes=100))
    refused([[["deep"]]], LimitError, "nested at most 2 deep", limits=Limits(depth=2))
    refused([1, 2, 3], LimitError, "at most 3 values", limits=Limits(nodes=3))
    refused(["a", "a", "b", "b"], LimitError, "at most 1 shared", limits=Limits(pickle_memo=1))
    recursive: list[Node] = []
    recursive.append(recursive)
    refused(recursive, FormatError, "does not contain itself")
    made = call("a.b")
    made.items.append(([], 1))
    refused(made, RefusedError, "found a list")


def test_calls_that_cannot_be_made_are_refused() -> None:
    refused(Call(1, ()), UnsupportedError, "expected a call of a name")
    refused(Call(Global("a", "b"), [1]), UnsupportedError, "expected a call of a name")  # type: ignore[arg-type]
    refused(call("a.b", keywords={"a": 1}), UnsupportedError, "found one of kind 'reduce'")
    refused(call("a.b", kind="other"), UnsupportedError, "found one of kind 'other'")


def test_depth_beyond_python_s_stack_is_refused_in_words() -> None:
    deep: Node = ()
    for _ in range(10_000):
        deep = (deep,)
    refused(deep, LimitError, "nested at most 64 deep")
    refused(deep, LimitError, "nested at most 160 deep", limits=Limits(depth=100_000))


# ---- protocol 2


def test_protocol_2_is_what_torch_reads() -> None:
    storage = PersistentId(("storage", Global("torch", "FloatStorage"), "0", "cpu", 4))
    tensor = call("torch._utils._rebuild_tensor_v2", storage, 0, (2, 2), (2, 1), False, call("collections.OrderedDict"))
    state = call("collections.OrderedDict")
    state.items += [("weight", tensor), ("again", tensor)]
    state.state, state.has_state = {"_metadata": {"": {"version": 1}}}, True
    root = {"state": state, "large": [2**40, -(2**100)], "bytes": [b"\x00\xff", b"\x00\xff", b"a", b""]}
    content = encode(root, protocol=2)
    assert content[:2] == b"\x80\x02"
    assert set(names(content)) <= TORCH_OPCODES
    assert b"ctorch\nFloatStorage\n" in content
    decoded = decode(content, persistent=True)
    assert outline(decoded.root["state"]) == outline(state)
    assert decoded.root["bytes"][0].arguments == ("\x00ÿ", "latin1")
    assert decoded.root["bytes"][0] is decoded.root["bytes"][1]


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({1}, "found a set"),
        (frozenset(), "found a frozenset"),
        (bytearray(), "found a bytearray"),
        (call("a.b", kind="new", keywords={"k": 1}), "keyword arguments"),
        (Decoded(1, popped=(call("a.b"),)), "thrown away"),
    ],
)
def test_what_torch_does_not_read(node: Node, words: str) -> None:
    refused(node, UnsupportedError, words, protocol=2)


def test_torch_has_no_integers_above_255_bytes() -> None:
    limits = Limits(long_bytes=1000)
    assert decode(encode(2**2038, protocol=2, limits=limits), limits=limits).root == 2**2038
    refused(2**2040, UnsupportedError, "more than 255 bytes", protocol=2, limits=limits)
    assert decode(encode(-(2**4000), limits=limits), limits=limits).root == -(2**4000)
    assert encode(2**4000, limits=limits)[2] == Opcode.LONG4


# ---- parts that are encoded once


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_part_stands_in_any_pickle_as_if_it_were_written_there(protocol: int) -> None:
    tree = call("m.make", ("storage", "0", 3), (2, 3), call("collections.OrderedDict"))
    part = encode_part(tree, protocol=protocol)
    content = encode({"a": "storage", "b": part, "c": [part, "storage"]}, protocol=protocol)
    root = decode(content).root
    assert outline(root["b"]) == outline(tree)
    assert root["c"][0] is root["b"]
    assert outline(root) == outline({"a": "storage", "b": tree, "c": [tree, "storage"]})


def test_a_part_of_a_later_protocol_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="protocol 2"):
        encode([encode_part((1, 2))], protocol=2)


def test_a_part_that_refers_back_to_itself_is_refused() -> None:
    loop = call("m.make")
    loop.items = [("self", loop)]
    with pytest.raises(UnsupportedError, match="contains itself"):
        encode_part(loop)


def test_a_part_of_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="protocol"):
        encode_part(None, protocol=3)
