"""Every rule of the opcode machine with what it accepts and what it refuses."""

from __future__ import annotations

import pickle as p
import struct
from typing import Any

import pytest

from strongbox.errors import FormatError, LimitError, RefusedError, StrongboxError
from strongbox.limits import Limits
from strongbox.pickles import Budget, Call, Decoded, Global, PersistentId, decode, decode_next
from strongbox.pickles.handlers import DISPATCH, HANDLERS, refuse
from strongbox.pickles.opcodes import REASONS, Opcode
from tests.core.pickles.graphs import outline

START = b"\x80\x04"
ONE = p.BININT1 + b"\x01"
TEXT = p.SHORT_BINUNICODE + b"\x01a"
NAME = p.GLOBAL + b"gym.spaces\nBox\n"


def row(*parts: bytes) -> bytes:
    """A pickle of these opcodes."""
    return START + b"".join(parts) + p.STOP


def call(name: bytes = NAME, arguments: bytes = p.EMPTY_TUPLE) -> bytes:
    return name + arguments + p.REDUCE


def refused(content: bytes, kind: type[StrongboxError], offset: int | None, words: str, **options: Any) -> None:
    with pytest.raises(kind) as raised:
        decode(content, **options)
    assert type(raised.value) is kind
    assert raised.value.offset == offset
    assert words in str(raised.value)


# ---- P1: the table of opcodes


def test_the_tables_name_every_opcode_once() -> None:
    assert {name: ord(code) for name, code in vars(p).items() if _is_opcode(name, code)} == {
        opcode.name: opcode.value for opcode in Opcode
    }
    assert not set(HANDLERS) & set(REASONS)
    assert set(HANDLERS) | set(REASONS) | {Opcode.STOP} == set(Opcode)


def _is_opcode(name: str, code: object) -> bool:
    return name.isupper() and isinstance(code, bytes) and len(code) == 1 and name not in ("TRUE", "FALSE")


def test_what_is_not_obeyed_is_refused() -> None:
    assert {code for code in range(256) if DISPATCH[code] is not refuse} == {opcode.value for opcode in HANDLERS}


@pytest.mark.parametrize("opcode", REASONS, ids=lambda opcode: opcode.name)
def test_forbidden_opcodes_are_refused_by_name(opcode: Opcode) -> None:
    refused(row(ONE, bytes([opcode]), b"\x01\n"), RefusedError, 4, f"opcode {opcode.name} is not allowed: ")


@pytest.mark.parametrize("byte", sorted(set(range(256)) - {opcode.value for opcode in Opcode}))
def test_unknown_bytes_are_refused(byte: int) -> None:
    refused(row(bytes([byte])), FormatError, 2, f"found byte 0x{byte:02x}, which is none")


PUSHED = [
    (p.NONE, None),
    (p.NEWTRUE, True),
    (p.NEWFALSE, False),
    (p.BININT + b"\xfe\xff\xff\xff", -2),
    (p.BININT1 + b"\xff", 255),
    (p.BININT2 + b"\x00\xff", 65280),
    (p.BINFLOAT + struct.pack(">d", -0.0), -0.0),
    (p.BINFLOAT + struct.pack(">d", float("nan")), float("nan")),
    (p.LONG1 + b"\x00", 0),
    (p.LONG1 + b"\x02\x00\xff", -256),
    (p.LONG4 + b"\x01\x00\x00\x00\x80", -128),
    (p.LONG1 + b"\x11" + b"\xff" * 16 + b"\x00", 2**128 - 1),
    (p.LONG1 + b"\x11" + b"\x01" + b"\x00" * 15 + b"\xff", -(2**128) + 1),
    (p.SHORT_BINUNICODE + b"\x03\xe2\x82\xac", "€"),
    (p.SHORT_BINUNICODE + b"\x03\xed\xa0\x80", "\ud800"),
    (p.BINUNICODE + b"\x01\x00\x00\x00a", "a"),
    (p.BINUNICODE8 + b"\x01\x00\x00\x00\x00\x00\x00\x00a", "a"),
    (p.SHORT_BINBYTES + b"\x01\xff", b"\xff"),
    (p.BINBYTES + b"\x01\x00\x00\x00\xff", b"\xff"),
    (p.BINBYTES8 + b"\x01\x00\x00\x00\x00\x00\x00\x00\xff", b"\xff"),
    (p.BYTEARRAY8 + b"\x01\x00\x00\x00\x00\x00\x00\x00\xff", bytearray(b"\xff")),
    (p.EMPTY_TUPLE, ()),
    (ONE + p.TUPLE1, (1,)),
    (ONE + TEXT + p.TUPLE2, (1, "a")),
    (ONE + TEXT + p.NONE + p.TUPLE3, (1, "a", None)),
    (p.MARK + ONE * 4 + p.TUPLE, (1, 1, 1, 1)),
    (p.MARK + p.TUPLE, ()),
    (p.EMPTY_LIST + ONE + p.APPEND, [1]),
    (p.EMPTY_LIST + p.MARK + ONE * 3 + p.APPENDS, [1, 1, 1]),
    (p.EMPTY_DICT + TEXT + ONE + p.SETITEM, {"a": 1}),
    (p.EMPTY_DICT + p.MARK + TEXT + ONE + p.NONE + TEXT + p.SETITEMS, {"a": 1, None: "a"}),
    (p.EMPTY_SET + p.MARK + TEXT + ONE + p.ADDITEMS, {"a", 1}),
    (p.MARK + TEXT + ONE + p.FROZENSET, frozenset({"a", 1})),
    (ONE + p.BINPUT + b"\x09" + p.POP + p.BINGET + b"\x09", 1),
    (ONE + p.LONG_BINPUT + b"\xff\xff\xff\xff" + p.POP + p.LONG_BINGET + b"\xff\xff\xff\xff", 1),
    (TEXT + p.MEMOIZE + ONE + p.MEMOIZE + p.TUPLE2 + p.POP + p.BINGET + b"\x01", 1),
    (TEXT + p.MARK + ONE + ONE + p.POP_MARK, "a"),
    (p.FRAME + struct.pack("<Q", 3) + ONE, 1),
]


@pytest.mark.parametrize(("code", "value"), PUSHED)
def test_obeyed_opcodes(code: bytes, value: Any) -> None:
    assert outline(decode(row(code)).root) == outline(value)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_is_read(kind: type) -> None:
    assert decode(kind(row(ONE))).root == 1


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_protocols(protocol: int) -> None:
    decoded = decode(bytes([0x80, protocol]) + b"N.")
    assert (decoded.root, decoded.protocol) == (None, protocol)


@pytest.mark.parametrize("protocol", [0, 1, 6, 255])
def test_other_protocols_are_refused(protocol: int) -> None:
    refused(bytes([0x80, protocol]) + b"N.", RefusedError, 0, f"expected pickle protocol 2 to 5, found {protocol}.")


@pytest.mark.parametrize("protocol", [0, 1])
def test_the_text_protocols_are_refused_at_their_first_byte(protocol: int) -> None:
    refused(p.dumps([1], protocol), RefusedError, 0, "Save the object again with pickle protocol 2 or later.")


# ---- P2: names


@pytest.mark.parametrize(
    "code",
    [
        p.GLOBAL + b"collections\nOrderedDict\n",
        p.SHORT_BINUNICODE + b"\x0bcollections" + p.SHORT_BINUNICODE + b"\x0bOrderedDict" + p.STACK_GLOBAL,
    ],
    ids=["text", "stack"],
)
def test_names_are_written_down(code: bytes) -> None:
    decoded = decode(row(code))
    assert type(decoded.root) is Global
    assert decoded.root.path == "collections.OrderedDict"
    assert (decoded.globals, decoded.calls) == ((decoded.root,), ())


def test_a_name_is_one_node_and_is_listed_once() -> None:
    other = p.GLOBAL + b"os\nsystem\n"
    decoded = decode(row(p.EMPTY_LIST, p.MARK, NAME, other, NAME, call(other), p.APPENDS))
    assert decoded.root[0] is decoded.root[2]
    assert [item.path for item in decoded.globals] == ["gym.spaces.Box", "os.system"]
    assert [item.path for item in decoded.calls] == ["os.system"]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("gym.spaces", ""),
        ("gym.spaces", ".Box"),
        ("gym.spaces", "Box."),
        ("gym.spaces", "Box..new"),
        ("__main__", "make.<locals>.Box"),
        ("", "Box"),
        ("gym..spaces", "Box"),
        (".gym", "Box"),
        ("gym.", "Box"),
        ("gym", "Bóx"),
        ("gуm", "Box"),
        ("gym", "Box "),
        ("gym", "<lambda>"),
        ("gym", "1"),
        ("gym", "Box\0"),
        ("gym", "Box\r"),
        ("gym/spaces", "Box"),
    ],
)
def test_names_that_are_not_plain_are_refused(module: str, name: str) -> None:
    texts = b"".join(p.SHORT_BINUNICODE + bytes([len(t.encode())]) + t.encode() for t in (module, name))
    refused(row(texts, p.STACK_GLOBAL), RefusedError, 2 + len(texts), "in plain ASCII")
    refused(row(p.GLOBAL, f"{module}\n{name}\n".encode()), RefusedError, 2, "in plain ASCII")


def test_qualified_names_are_kept_as_they_stand() -> None:
    one = p.GLOBAL + b"os\npath.join\n"
    two = p.GLOBAL + b"os.path\njoin\n"
    decoded = decode(row(one, two, p.TUPLE2))
    assert [(item.module, item.name) for item in decoded.root] == [("os", "path.join"), ("os.path", "join")]
    assert decoded.globals == decoded.root


def test_a_name_must_be_text() -> None:
    refused(row(ONE, TEXT, p.STACK_GLOBAL), FormatError, 7, "expected a name as two strings")
    refused(row(TEXT, p.SHORT_BINBYTES + b"\x01a", p.STACK_GLOBAL), FormatError, 8, "expected a name as two strings")


def test_long_names_are_refused() -> None:
    refused(row(p.GLOBAL, b"a" * 300, b"\nb\n"), LimitError, 2, "at most 256 characters")
    text = p.BINUNICODE + struct.pack("<I", 300) + b"a" * 300
    refused(row(TEXT, text, p.STACK_GLOBAL), LimitError, 310, "at most 256 characters")


# ---- P3 and P4: stand-ins, and what acts on what


def test_calls_are_written_down() -> None:
    state = p.EMPTY_DICT + TEXT + ONE + p.SETITEM
    filled = p.MARK + ONE + TEXT + p.APPENDS + TEXT + ONE + p.SETITEM + p.NONE + p.TUPLE1 + p.BUILD
    decoded = decode(row(call(NAME, state + p.TUPLE1), filled))
    made = decoded.root
    assert type(made) is Call
    assert (made.path, made.kind, made.arguments, made.keywords) == ("gym.spaces.Box", "reduce", ({"a": 1},), {})
    assert (made.appended, made.items, made.state, made.has_state) == ([1, "a"], [("a", 1)], (None,), True)
    assert decoded.calls == (made.function,)


def test_a_state_of_none_is_a_state() -> None:
    assert decode(row(call(), p.NONE, p.BUILD)).root.has_state
    assert not decode(row(call())).root.has_state


def test_new_objects() -> None:
    made = decode(row(NAME, ONE, p.TUPLE1, p.NEWOBJ)).root
    assert (made.kind, made.arguments, made.keywords) == ("new", (1,), {})
    keywords = p.EMPTY_DICT + TEXT + ONE + p.SETITEM
    made = decode(row(NAME, p.EMPTY_TUPLE, keywords, p.NEWOBJ_EX)).root
    assert (made.kind, made.arguments, made.keywords) == ("new", (), {"a": 1})


def test_the_result_of_a_call_can_be_called() -> None:
    made = decode(row(call(call()))).root
    assert made.path == ""
    assert made.function.path == "gym.spaces.Box"


def test_two_decodings_share_nothing() -> None:
    content = row(call(), NAME, p.TUPLE2)
    one, two = decode(content), decode(content)
    assert one.root[0] is not two.root[0]
    assert one.root[1] is not two.root[1]
    assert one.root[1] != two.root[1]
    assert len({one.root[0], two.root[0]}) == 2


WRONG_TARGETS = [
    (
        "append to a dictionary",
        p.EMPTY_DICT + ONE + p.APPEND,
        RefusedError,
        "expected a list to append to, found a dict",
    ),
    ("append to a tuple", p.EMPTY_TUPLE + ONE + p.APPEND, RefusedError, "found a tuple"),
    ("append to a name", NAME + ONE + p.APPEND, RefusedError, "found a Global"),
    ("append to a number", ONE + p.MARK + ONE + p.APPENDS, RefusedError, "found a int"),
    ("append to bytes", p.BYTEARRAY8 + bytes(8) + ONE + p.APPEND, RefusedError, "found a bytearray"),
    ("set an item of a list", p.EMPTY_LIST + ONE + ONE + p.SETITEM, RefusedError, "expected a dictionary"),
    ("set items of a set", p.EMPTY_SET + p.MARK + ONE + ONE + p.SETITEMS, RefusedError, "found a set"),
    ("set an item of a name", NAME + ONE + ONE + p.SETITEM, RefusedError, "found a Global"),
    ("add to a list", p.EMPTY_LIST + p.MARK + ONE + p.ADDITEMS, RefusedError, "expected a set to add to, found a list"),
    ("add to a frozen set", p.MARK + p.FROZENSET + p.MARK + ONE + p.ADDITEMS, RefusedError, "found a frozenset"),
    ("add to a call", call() + p.MARK + ONE + p.ADDITEMS, RefusedError, "found a Call"),
    ("build a name", NAME + p.EMPTY_DICT + p.BUILD, RefusedError, "found that of a Global"),
    ("build a dictionary", p.EMPTY_DICT + p.EMPTY_DICT + p.BUILD, RefusedError, "found that of a dict"),
    ("build twice", call() + p.NONE + p.BUILD + p.NONE + p.BUILD, RefusedError, "found a second"),
    ("append after items", call() + ONE + ONE + p.SETITEM + ONE + p.APPEND, RefusedError, "found it after"),
    ("append after state", call() + p.NONE + p.BUILD + ONE + p.APPEND, RefusedError, "found it after"),
    ("items after state", call() + p.NONE + p.BUILD + ONE + ONE + p.SETITEM, RefusedError, "found it after"),
    (
        "call a number",
        ONE + p.EMPTY_TUPLE + p.REDUCE,
        FormatError,
        "expected a name to call, found a value of type int",
    ),
    ("call a text", TEXT + p.EMPTY_TUPLE + p.NEWOBJ, FormatError, "found a value of type str"),
    ("call with a list", NAME + p.EMPTY_LIST + p.REDUCE, FormatError, "expected a tuple of arguments"),
    ("new with a list", NAME + p.EMPTY_LIST + p.NEWOBJ, FormatError, "expected a tuple of arguments"),
    ("keywords as a list", NAME + p.EMPTY_TUPLE + p.EMPTY_LIST + p.NEWOBJ_EX, FormatError, "expected keyword"),
    ("keywords as None", NAME + p.EMPTY_TUPLE + p.NONE + p.NEWOBJ_EX, FormatError, "expected keyword"),
    (
        "keywords by number",
        NAME + p.EMPTY_TUPLE + p.EMPTY_DICT + ONE + ONE + p.SETITEM + p.NEWOBJ_EX,
        FormatError,
        "expected keyword",
    ),
]


@pytest.mark.parametrize(
    ("code", "kind", "words"), [case[1:] for case in WRONG_TARGETS], ids=[c[0] for c in WRONG_TARGETS]
)
def test_wrong_targets(code: bytes, kind: type[StrongboxError], words: str) -> None:
    refused(row(code), kind, len(START + code) - 1, words)


def test_keywords_are_a_copy() -> None:
    later = p.BINGET + b"\x00" + ONE + ONE + p.SETITEM + p.POP
    made = decode(row(NAME, p.EMPTY_TUPLE, p.EMPTY_DICT, p.MEMOIZE, TEXT, ONE, p.SETITEM, p.NEWOBJ_EX, later)).root
    assert made.keywords == {"a": 1}


def test_popped_calls_are_kept_in_order() -> None:
    about = call(NAME, p.BINGET + b"\x00" + TEXT + p.TUPLE2) + p.POP
    other = p.GLOBAL + b"os\nsystem\n"
    decoded = decode(row(call(), p.MEMOIZE, about, p.MARK, ONE, call(other), p.POP_MARK, about))
    assert [item.path for item in decoded.popped] == ["gym.spaces.Box", "os.system", "gym.spaces.Box"]
    assert decoded.popped[0].arguments[0] is decoded.root
    assert decoded.statements_on(decoded.root) == [decoded.popped[0], decoded.popped[2]]
    assert [item.path for item in decoded.calls] == ["gym.spaces.Box", "os.system"]


def test_what_is_popped_and_stands_elsewhere_is_no_statement() -> None:
    decoded = decode(row(call(), p.MEMOIZE, p.BINGET + b"\x00", p.POP))
    assert decoded.popped == ()
    decoded = decode(row(call(), p.MEMOIZE, p.POP, p.EMPTY_LIST, ONE, p.APPEND))
    assert len(decoded.popped) == 1


def test_persistent_ids_only_where_they_are_expected() -> None:
    content = row(TEXT, p.TUPLE1, p.BINPERSID)
    refused(content, RefusedError, 6, "opcode BINPERSID is not allowed here")
    root = decode(content, persistent=True).root
    assert type(root) is PersistentId
    assert root.value == ("a",)


# ---- P5: keys


def nested_tuple(levels: int) -> bytes:
    return p.EMPTY_TUPLE + p.TUPLE1 * (levels - 1)


GOOD_KEYS = [
    p.NONE,
    p.NEWTRUE,
    ONE,
    p.LONG1 + b"\x08" + b"\xff" * 7 + b"\x0f",
    p.BINFLOAT + bytes(8),
    TEXT,
    p.SHORT_BINBYTES + b"\x01a",
    nested_tuple(1),
    nested_tuple(2),
    ONE + TEXT + p.TUPLE2 + NAME + p.TUPLE2,
    NAME,
    call(),
    p.MARK + ONE * 64 + p.TUPLE,
]
BAD_KEYS = [
    ("list", p.EMPTY_LIST, RefusedError, "found a list"),
    ("dictionary", p.EMPTY_DICT, RefusedError, "found a dict"),
    ("set", p.EMPTY_SET, RefusedError, "found a set"),
    ("frozen set", p.MARK + p.FROZENSET, RefusedError, "found a frozenset"),
    ("bytearray", p.BYTEARRAY8 + bytes(8), RefusedError, "found a bytearray"),
    ("tuple with a list", p.EMPTY_LIST + p.TUPLE1, RefusedError, "found a list"),
    ("deep tuple", nested_tuple(3), RefusedError, "nested deeper"),
    ("large integer", p.LONG1 + b"\x08" + bytes(7) + b"\x10", RefusedError, "at most 60 bits"),
    ("large negative integer", p.LONG1 + b"\x08" + bytes(7) + b"\xf0", RefusedError, "at most 60 bits"),
    ("large integer in a tuple", p.LONG1 + b"\x08" + bytes(7) + b"\x10" + p.TUPLE1, RefusedError, "at most 60 bits"),
    ("long tuple", p.MARK + ONE * 65 + p.TUPLE, LimitError, "at most 64 values"),
    (
        "tuple of long tuples",
        p.MARK + ONE * 40 + p.TUPLE + p.MEMOIZE + p.BINGET + b"\x00" + p.TUPLE2,
        LimitError,
        "at most 64 values",
    ),
]
HOLDERS = {
    "SETITEM": lambda key: p.EMPTY_DICT + key + p.NONE + p.SETITEM,
    "SETITEMS": lambda key: p.EMPTY_DICT + p.MARK + TEXT + ONE + key + p.NONE + p.SETITEMS,
    "ADDITEMS": lambda key: p.EMPTY_SET + p.MARK + key + p.ADDITEMS,
    "FROZENSET": lambda key: p.MARK + key + p.FROZENSET,
    "SETITEM on a call": lambda key: call() + key + p.NONE + p.SETITEM,
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("key", GOOD_KEYS)
def test_good_keys(holder: str, key: bytes) -> None:
    decode(row(HOLDERS[holder](key)))


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize(("key", "kind", "words"), [case[1:] for case in BAD_KEYS], ids=[case[0] for case in BAD_KEYS])
def test_bad_keys(holder: str, key: bytes, kind: type[StrongboxError], words: str) -> None:
    code = HOLDERS[holder](key)
    refused(row(code), kind, len(START + code) - 1, words)


def test_equal_keys_are_one_as_in_python() -> None:
    items = p.NEWTRUE + TEXT + ONE + p.NONE + p.BINFLOAT + struct.pack(">d", 1.0) + ONE
    assert list(decode(row(p.EMPTY_DICT, p.MARK, items, p.SETITEMS)).root.items()) == [(True, 1)]
    not_a_number = p.BINFLOAT + struct.pack(">d", float("nan"))
    assert len(decode(row(p.EMPTY_SET, p.MARK, not_a_number, not_a_number, p.ADDITEMS)).root) == 2


def test_calls_and_persistent_ids_are_keys_by_identity() -> None:
    content = row(p.EMPTY_SET, p.MARK, call(), call(), TEXT, p.BINPERSID, TEXT, p.BINPERSID, p.ADDITEMS)
    assert len(decode(content, persistent=True).root) == 4


def test_tuples_as_keys_are_counted_over_all_pickles() -> None:
    budget = Budget()
    content = row(p.EMPTY_SET, (p.MARK + p.EMPTY_TUPLE + p.ADDITEMS) * 4000)
    decode(content, budget=budget)
    with pytest.raises(LimitError, match="at most 4096 tuples"):
        decode(content, budget=budget)


# ---- P5: depth, size, cycles


def test_depth() -> None:
    limits = Limits(depth=3)
    assert decode(row(ONE, p.TUPLE1 * 3), limits=limits).root == (((1,),),)
    refused(row(ONE, p.TUPLE1 * 4), LimitError, None, "nested at most 3 deep", limits=limits)
    assert decode(row(call(call(call()))), limits=limits)
    refused(row(call(call(call(call())))), LimitError, None, "nested at most 3 deep", limits=limits)


def test_depth_of_shared_parts() -> None:
    """A part is measured at the deepest place where it stands, wherever it was met first."""
    shared = p.EMPTY_LIST + p.MEMOIZE + nested_tuple(3) + p.APPEND
    content = row(shared, p.BINGET + b"\x00" + p.TUPLE1 * 3, p.TUPLE2)
    decode(content, limits=Limits(depth=8))
    refused(content, LimitError, None, "nested at most 7 deep", limits=Limits(depth=7))


def test_nodes_are_counted_with_shared_parts_expanded() -> None:
    doubling = ONE + p.TUPLE1 + b"".join(p.BINPUT + bytes([i]) + p.BINGET + bytes([i]) + p.TUPLE2 for i in range(5))
    nodes = 1 + 1
    for _ in range(5):
        nodes = 2 * nodes + 1
    budget = Budget(Limits(nodes=nodes))
    decode(row(doubling), budget=budget)
    assert budget.nodes == nodes
    limits = Limits(nodes=nodes - 1)
    refused(row(doubling), LimitError, None, "values", limits=limits)


@pytest.mark.parametrize(
    "code",
    [
        p.EMPTY_LIST + p.MEMOIZE + p.BINGET + b"\x00" + p.APPEND,
        p.EMPTY_DICT + p.MEMOIZE + TEXT + p.BINGET + b"\x00" + p.SETITEM,
        p.EMPTY_LIST + p.MEMOIZE + p.BINGET + b"\x00" + p.TUPLE1 + p.APPEND,
        p.EMPTY_LIST + p.MEMOIZE + call(NAME, p.BINGET + b"\x00" + p.TUPLE1) + p.APPEND,
        p.EMPTY_LIST + p.MEMOIZE + p.BINGET + b"\x00" + p.BINPERSID + p.APPEND,
        ONE + p.TUPLE1 + p.EMPTY_LIST + p.MEMOIZE + p.BINGET + b"\x00" + p.APPEND + p.TUPLE2,
        call() + p.EMPTY_LIST + p.MEMOIZE + p.BINGET + b"\x00" + p.APPEND + p.BUILD,
    ],
    ids=["list", "dict", "tuple", "arguments", "persistent id", "beside", "in a state"],
)
def test_values_that_contain_themselves_are_refused(code: bytes) -> None:
    refused(row(code), FormatError, None, "does not contain itself", persistent=True)


@pytest.mark.parametrize(
    "code",
    [
        call() + p.MEMOIZE + p.EMPTY_DICT + TEXT + p.BINGET + b"\x00" + p.SETITEM + p.BUILD,
        call() + p.MEMOIZE + p.BINGET + b"\x00" + p.APPEND,
        call() + p.MEMOIZE + TEXT + p.BINGET + b"\x00" + p.SETITEM,
        p.EMPTY_LIST + p.MEMOIZE + call() + p.BINGET + b"\x00" + p.BUILD + p.APPEND,
    ],
    ids=["state", "appended", "items", "list"],
)
def test_a_call_may_be_part_of_what_is_done_to_it(code: bytes) -> None:
    decoded = decode(row(code))
    assert decoded.cyclic
    assert not decode(row(call())).cyclic


# ---- P6: lengths and memo


TOO_LONG = [
    p.SHORT_BINUNICODE + b"\x09a",
    p.BINUNICODE + b"\xff\xff\xff\xff",
    p.BINUNICODE8 + b"\xff" * 8,
    p.SHORT_BINBYTES + b"\xff",
    p.BINBYTES + b"\xff\xff\xff\x7f",
    p.BINBYTES8 + b"\xff" * 7 + b"\x7f",
    p.BYTEARRAY8 + b"\xff\xff\xff\x7f" + bytes(4),
    p.LONG1 + b"\x0c",
    p.LONG4 + b"\xff\xff\xff\x7f",
    p.FRAME + b"\xff" * 8,
    p.FRAME + b"\x02" + bytes(7),
    p.BININT + b"\x01",
    p.BINFLOAT + b"\x01",
    p.GLOBAL + b"os",
    p.GLOBAL + b"os\nsys",
    b"",
]


@pytest.mark.parametrize("code", TOO_LONG)
def test_lengths_are_compared_with_what_remains(code: bytes) -> None:
    offset = 2 if code else 3
    content = row(code) if code else START + p.NONE
    refused(content, FormatError, offset, "found the end of its bytes")


def test_negative_lengths() -> None:
    refused(row(p.LONG4, b"\xff\xff\xff\xff"), FormatError, 2, "found a negative number")


@pytest.mark.parametrize(
    "code",
    [
        p.LONG1 + b"\x12" + bytes(17) + b"\x01",
        p.LONG1 + b"\x11" + bytes(16) + b"\x01",
        p.LONG1 + b"\x11" + bytes(16) + b"\xff",
        p.LONG1 + b"\xff" + bytes(255),
        p.LONG4 + b"\x00\x01\x00\x00" + bytes(256),
    ],
)
def test_large_integers(code: bytes) -> None:
    refused(row(code), LimitError, 2, "expected an integer of at most 16 bytes")


def test_text_must_be_utf_8() -> None:
    refused(row(p.SHORT_BINUNICODE, b"\x01\xff"), FormatError, 2, "expected text in UTF-8")


@pytest.mark.parametrize("code", [p.BINGET + b"\x01", p.LONG_BINGET + b"\xff\xff\xff\xff"])
def test_memo_entries_must_be_set(code: bytes) -> None:
    refused(row(ONE, p.MEMOIZE, code), FormatError, 5, "to be set, found it empty")


def test_memo_limit() -> None:
    limits = Limits(pickle_memo=3)
    decode(row(ONE, p.MEMOIZE * 3, p.BINPUT + b"\x00"), limits=limits)
    for code in (p.MEMOIZE, p.BINPUT + b"\x09", p.LONG_BINPUT + b"\xff\xff\xff\xff"):
        refused(row(ONE, p.MEMOIZE * 3, code), LimitError, 7, "at most 3 entries", limits=limits)


# ---- P7: one value, marks, rows


SHAPES = [
    ("no value", b"", FormatError, 2, "expected one value on the stack at STOP, found 0"),
    ("two values", ONE + ONE, FormatError, 6, "found 2"),
    ("open MARK", p.MARK + ONE, FormatError, 5, "expected every MARK to be used up"),
    ("value before an open MARK", ONE + p.MARK, FormatError, 5, "expected every MARK to be used up"),
    ("no MARK for TUPLE", ONE + p.TUPLE, FormatError, 4, "expected a MARK on the stack"),
    ("no MARK for POP_MARK", p.POP_MARK, FormatError, 2, "expected a MARK on the stack"),
    (
        "nothing to append to",
        p.MARK + ONE + p.APPENDS,
        FormatError,
        5,
        "expected a value on the stack for opcode APPENDS",
    ),
    ("POP of a MARK", ONE + p.MARK + p.POP, FormatError, 5, "for opcode POP,"),
    ("TUPLE2 across a MARK", ONE + p.MARK + ONE + p.TUPLE2, FormatError, 7, "expected 2 values on the stack, found 1"),
    ("REDUCE across a MARK", NAME + p.MARK + p.EMPTY_TUPLE + p.REDUCE, FormatError, 20, "expected 2 values"),
    ("APPEND across a MARK", p.EMPTY_LIST + p.MARK + ONE + p.APPEND, FormatError, 6, "for opcode APPEND,"),
    ("memo of a MARK", ONE + p.MARK + p.MEMOIZE, FormatError, 5, "for opcode MEMOIZE,"),
    (
        "a key without a value",
        p.EMPTY_DICT + p.MARK + ONE + p.SETITEMS,
        FormatError,
        6,
        "expected a value for every key",
    ),
    ("BUILD of nothing", ONE + p.BUILD, FormatError, 4, "for opcode BUILD,"),
]


@pytest.mark.parametrize(("code", "kind", "offset", "words"), [case[1:] for case in SHAPES], ids=[c[0] for c in SHAPES])
def test_shapes(code: bytes, kind: type[StrongboxError], offset: int, words: str) -> None:
    refused(row(code), kind, offset, words)


def test_nothing_may_follow() -> None:
    refused(row(ONE) + b"\n", FormatError, 5, "expected nothing after the pickle")
    refused(row(ONE) + row(ONE), FormatError, 5, "expected nothing after the pickle")


def test_rows_of_pickles() -> None:
    content = b"head" + row(ONE) + row(TEXT) + b"storages"
    one, middle = decode_next(content, 4)
    two, end = decode_next(content, middle)
    assert (one.root, two.root, content[end:]) == (1, "a", b"storages")
    with pytest.raises(RefusedError) as raised:
        decode_next(content, end)
    assert raised.value.offset == end
    with pytest.raises(FormatError, match="found the end of its bytes") as cut:
        decode_next(content, len(content))
    assert cut.value.offset == len(content)


def test_offsets_in_a_row_are_those_of_the_file() -> None:
    with pytest.raises(FormatError) as raised:
        decode_next(b"head" + row(p.POP_MARK), 4)
    assert raised.value.offset == 6


# ---- P9 and P11: limits and budgets


def test_a_pickle_may_not_be_longer_than_allowed() -> None:
    content = row(p.BINBYTES, b"\x10\x00\x00\x00", bytes(16))
    assert decode(content, limits=Limits(pickle_bytes=len(content))).root == bytes(16)
    limits = Limits(pickle_bytes=len(content) - 1)
    refused(content, LimitError, len(content) - 1, f"a pickle of at most {len(content) - 1} bytes", limits=limits)
    refused(content, LimitError, 2, "a pickle of at most 10 bytes", limits=Limits(pickle_bytes=10))
    refused(content, LimitError, 0, "a pickle of at most 1 bytes", limits=Limits(pickle_bytes=1))


def test_a_long_row_is_no_long_pickle() -> None:
    content = row(ONE) + bytes(100)
    assert decode_next(content, 0, limits=Limits(pickle_bytes=5))[0].root == 1


def test_opcodes_are_counted() -> None:
    content = row(p.EMPTY_LIST, (ONE + p.APPEND) * 10)
    budget = Budget(Limits(pickle_opcodes=50))
    decode(content, budget=budget)
    assert budget.opcodes == 22
    decode(content, budget=budget)
    with pytest.raises(LimitError, match="at most 50 opcodes in all"):
        decode(content, budget=budget)
    assert budget.opcodes == 50
    with pytest.raises(LimitError, match="at most 50 opcodes in all"):
        decode(row(ONE), budget=budget)


def test_a_failed_pickle_counts_too() -> None:
    budget = Budget()
    with pytest.raises(FormatError):
        decode(row(ONE, ONE, p.POP_MARK), budget=budget)
    assert budget.opcodes == 3


def test_nodes_are_counted_over_all_pickles() -> None:
    content = row(p.EMPTY_LIST, (ONE + p.APPEND) * 10)
    budget = Budget(Limits(nodes=22))
    decode(content, budget=budget)
    decode(content, budget=budget)
    assert budget.nodes == 22
    with pytest.raises(LimitError, match="at most 22 values in all"):
        decode(content, budget=budget)


def test_pickles_inside_pickles_have_a_depth() -> None:
    budget = Budget(Limits(depth=2))
    with budget.nested(), budget.nested(), pytest.raises(LimitError, match="at most 2 pickles inside one another"):
        budget.nested().__enter__()
    with budget.nested():
        pass


def test_nothing_of_the_bytes_is_held_on_to() -> None:
    """A file's memory map can be closed at once, whether its pickle was good or bad."""
    content = bytearray(row(TEXT, p.SHORT_BINBYTES + b"\x01a", p.TUPLE2))
    decoded: Decoded = decode(content)
    content.extend(b"more")
    for bad in (
        row(p.SHORT_BINUNICODE, b"\x01\xff"),
        row(p.LONG1 + b"\x1f" + bytes(31)),
        row(p.GLOBAL + b"a.b\nc..d\n"),
    ):
        content = bytearray(bad)
        with pytest.raises(StrongboxError) as raised:
            decode(content)
        content.extend(b"more")
        assert raised.value.offset == 2
    assert decoded.root == ("a", b"a")
