"""Going through graphs: every node once, in place rewriting, size and cycles."""

from __future__ import annotations

import pickle

import pytest

from strongbox.errors import FormatError, LimitError
from strongbox.limits import Limits
from strongbox.pickles import Call, Decoded, Global, Node, PersistentId, children, decode, encode, walk
from strongbox.pickles.graph import measure

LIMITS = Limits()


def call(*arguments: Node, state: Node = None) -> Call:
    made = Call(Global("gym", "Box"), arguments)
    made.state, made.has_state = state, state is not None
    return made


def test_parts() -> None:
    made = Call(Global("gym", "Box"), (1, "a"), keywords={"k": 2.5}, kind="new")
    made.appended.append(b"b")
    made.items.append(("key", "value"))
    assert list(children(made)) == [made.function, 1, "a", 2.5, b"b", "key", "value"]
    made.state, made.has_state = None, True
    assert list(children(made)) == [made.function, 1, "a", 2.5, b"b", "key", "value", None]
    assert list(children({"a": 1, "b": 2})) == ["a", 1, "b", 2]
    assert list(children([1, 2])) == [1, 2]
    assert list(children((1, 2))) == [1, 2]
    assert set(children({1, 2})) == {1, 2}
    assert list(children(PersistentId("x"))) == ["x"]
    for leaf in (None, True, 1, 1.5, "text", b"bytes", bytearray(b"bytes"), made.function):
        assert list(children(leaf)) == []


def test_walk_hands_out_every_node_once_and_in_order() -> None:
    shared = ["shared"]
    root = {"a": shared, "b": (shared, 1.5)}
    assert list(walk(root)) == [root, "a", shared, "shared", "b", (shared, 1.5), 1.5]


def test_walk_goes_through_popped_calls_and_cycles() -> None:
    made = call()
    made.state, made.has_state = {"self": made}, True
    popped = Call(Global("os", "system"), (made, "text"))
    assert list(walk(Decoded(made, popped=(popped,)))) == [
        made,
        made.function,
        made.state,
        "self",
        popped,
        popped.function,
        "text",
    ]


def test_walk_does_not_recurse() -> None:
    deep: Node = ()
    for _ in range(100_000):
        deep = (deep,)
    assert sum(1 for _ in walk(deep)) == 100_001


def test_rewriting_in_place() -> None:
    code = call(1, "/home/me/train.py", ("const", "/home/me/train.py"))
    root = {"__file__": "/home/me/train.py", "code": [code]}
    for node in walk(root):
        if isinstance(node, dict) and "__file__" in node:
            node["__file__"] = "train.py"
        if isinstance(node, Call):
            node.arguments = (node.arguments[0], "train.py", ("const", "train.py"))
    assert root["__file__"] == "train.py"
    assert code.arguments == (1, "train.py", ("const", "train.py"))
    assert b"/home" not in encode(root)


def test_new_nodes_are_walked_too() -> None:
    """What is put in place of a part is looked at, even where Python gives it the address of the old one."""
    root: list[Node] = [[str(number)] for number in range(1000)]
    seen = []
    for node in walk(root):
        if isinstance(node, list) and node is not root and len(node) == 1 and isinstance(node[0], str):
            node[0] = [int(node[0])]
        if isinstance(node, int):
            seen.append(node)
    assert seen == list(range(1000))


@pytest.mark.parametrize(
    ("root", "nodes"),
    [
        (1, 1),
        ((), 1),
        ([1, 2], 3),
        ({"a": 1}, 3),
        ({"a": [1], "b": (1, (2,))}, 9),
        (call(), 2),
        (call(1, "a"), 4),
        (call(1, state={"a": 1}), 6),
        (PersistentId(("storage", 1)), 4),
        ([shared := (1, 2), shared], 7),
    ],
)
def test_size(root: Node, nodes: int) -> None:
    assert measure([root], LIMITS) == (nodes, False)
    assert measure([root, root], LIMITS) == (2 * nodes, False)


LARGE = 640 * "x"
"""A text that weighs as much as eleven nodes."""


@pytest.mark.parametrize(
    ("root", "nodes"),
    [
        ("x" * 63, 1),
        ("x" * 64, 2),
        (LARGE, 11),
        (b"b" * 640, 11),
        (bytearray(6400), 101),
        ([LARGE] * 3, 34),
        ({LARGE: LARGE}, 23),
        (call(LARGE, state=LARGE), 24),
        (PersistentId((LARGE,)), 13),
        ([shared_text := [LARGE], shared_text], 25),
    ],
)
@pytest.mark.parametrize("quick", [0, 10_000])
def test_texts_and_bytes_weigh_by_their_size_for_each_reference(root: Node, nodes: int, quick: int) -> None:
    assert measure([root], LIMITS, quick=quick) == (nodes, False)
    assert measure([root, root], Limits(nodes=2 * nodes), quick=quick) == (2 * nodes, False)
    with pytest.raises(LimitError, match="once shared parts are expanded"):
        measure([root, root], Limits(nodes=2 * nodes - 1), quick=quick)


def test_texts_in_cycles_weigh_too() -> None:
    made = call(LARGE)
    made.state, made.has_state = [made, LARGE], True
    assert measure([made], Limits(nodes=38)) == (38, True)
    with pytest.raises(LimitError, match="once shared parts are expanded"):
        measure([made], Limits(nodes=37))


def test_a_blob_used_often_is_neither_read_nor_written() -> None:
    """4,000 references of two bytes to one blob of 64 KB are 256 MB to whoever copies it for each."""
    blob = bytes(1 << 16)
    content = pickle.dumps([blob] * 4000, protocol=4)
    with pytest.raises(LimitError, match="at most 1000000 values"):
        decode(content)
    with pytest.raises(LimitError, match="at most 1000000 values"):
        encode([blob] * 4000)
    assert encode(decode(pickle.dumps([blob] * 900, protocol=4)))


def ring(size: int) -> Call:
    """Calls of which each has the next in its state, and the last the first."""
    calls = [call() for _ in range(size)]
    for index, made in enumerate(calls):
        made.state, made.has_state = {"next": calls[(index + 1) % size]}, True
    return calls[0]


def test_size_with_cycles() -> None:
    assert measure([ring(1)], LIMITS) == (6, True)
    assert measure([ring(3)], LIMITS) == (14, True)
    assert measure([ring(3), ring(3)], LIMITS) == (28, True)


def test_rings_have_a_depth() -> None:
    assert measure([ring(32)], LIMITS)[1]
    with pytest.raises(LimitError, match="nested at most 64 deep"):
        measure([ring(33)], LIMITS)


def test_dense_cycles_take_no_time() -> None:
    calls = [call() for _ in range(30)]
    for made in calls:
        made.state, made.has_state = list(calls), True
    nodes, cyclic = measure([calls[0]], LIMITS)
    assert cyclic
    assert nodes < 30 * 30 * 30
    assert sum(1 for _ in walk(calls[0])) == 90


def test_an_allowed_cycle_does_not_hide_a_forbidden_one() -> None:
    """The forbidden cycle root → list → root is entered by way of a state first."""
    items: list[Node] = []
    root = call(items)
    items.append(root)
    detour = call(state=items)
    root.arguments = (detour, items)
    with pytest.raises(FormatError, match="does not contain itself"):
        measure([root], LIMITS)


def test_a_forbidden_cycle_behind_an_allowed_one() -> None:
    items: list[Node] = []
    items.append((items,))
    made = ring(2)
    made.appended.append(items)
    with pytest.raises(FormatError, match="does not contain itself"):
        measure([made], LIMITS)


def test_expansion_is_limited() -> None:
    doubled: Node = (1,)
    for _ in range(60):
        doubled = (doubled, doubled)
    with pytest.raises(LimitError, match="at most 1000000 values"):
        measure([doubled], LIMITS)
    wide = tuple(range(100_000))
    with pytest.raises(LimitError, match="at most 1000000 values"):
        measure([[wide] * 11], LIMITS)


def test_a_graph_of_objects_that_refer_to_each_other() -> None:
    class Part:
        def __init__(self, owner: object) -> None:
            self.owner = owner
            self.again = [owner, self]

    content = pickle.dumps(ring, 4)
    assert decode(content).root.name == "ring"
    whole = Part(None)
    whole.owner = [Part(whole) for _ in range(5)]
    Part.__qualname__ = "Part"
    decoded = decode(_dump_by_name(whole))
    assert decoded.cyclic
    assert len({id(node) for node in walk(decoded) if isinstance(node, Call)}) == 6


def _dump_by_name(value: object) -> bytes:
    """Pickle an object of a class that cannot be found by its name."""
    name, module = type(value).__name__, type(value).__module__
    owner = __import__("sys").modules[module]
    setattr(owner, name, type(value))
    try:
        return pickle.dumps(value, 4)
    finally:
        delattr(owner, name)
