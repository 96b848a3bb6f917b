"""The opcode machine against CPython's pickle and pickletools: whatever is accepted means the same there."""

from __future__ import annotations

import pickle
import pickletools
import random
from contextlib import suppress
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.errors import StrongboxError
from strongbox.pickles import Call, Decoded, decode, decode_next, encode
from strongbox.pickles.handlers import HANDLERS
from tests.core.pickles.graphs import EXAMPLES, outline
from tests.core.pickles.oracle import load_as_nodes
from tests.core.pickles.programs import make_program

OBEYED = {opcode.name for opcode in HANDLERS} | {"PROTO", "STOP"}

Values: TypeAlias = st.SearchStrategy[Any]

KEYS: Values = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**60) + 1, 2**60 - 1), st.floats(), st.text(max_size=5)
)
KEYS = KEYS | st.tuples(KEYS, KEYS) | st.tuples(st.tuples(KEYS), KEYS)
TEXTS = st.text(st.characters(codec=None), max_size=300)
SCALARS: Values = st.one_of(st.none(), st.booleans(), st.integers(-(2**128) + 1, 2**128 - 1), st.floats(), TEXTS)


def values(protocol: int) -> Values:
    """Values that pickle writes without naming anything; older protocols have opcodes for fewer."""
    leaves, keys = SCALARS, KEYS
    if protocol >= 3:
        leaves, keys = leaves | st.binary(max_size=300), keys | st.binary(max_size=5)
    if protocol >= 4:
        leaves = leaves | st.sets(keys, max_size=5) | st.frozensets(keys, max_size=5)
    if protocol >= 5:
        leaves = leaves | st.binary(max_size=300).map(bytearray)
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=5)
            | st.dictionaries(keys, inner, max_size=5)
            | st.lists(inner, max_size=5).map(tuple)
            | inner.map(lambda shared: [shared, shared, (shared,)])
        ),
        max_leaves=25,
    )


def attempt(content: bytes) -> Decoded | None:
    """What a pickle says, or None where it is refused, with words."""
    try:
        return decode(content)
    except StrongboxError as error:
        return None if str(error) else Decoded("an error without words")


def check_accepted(content: bytes, decoded: Decoded) -> None:
    """Hold what was accepted against pickletools and the unpickler."""
    operations = list(pickletools.genops(content))
    assert {operation.name for operation, _, _ in operations} <= OBEYED
    names = [f"{item.module}.{item.name}" for item in decoded.globals]
    assert len(names) == len(set(names))
    assert {item.path for item in decoded.calls} <= set(names)
    if not any(operation.name == "FRAME" for operation, _, _ in operations):
        assert outline(decoded.root) == outline(load_as_nodes(content))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_values_decode_to_what_pickle_loads(protocol: int) -> None:
    @EXAMPLES
    @given(values(protocol))
    def check(value: Any) -> None:
        content = pickle.dumps(value, protocol=protocol)
        decoded = decode(content)
        assert outline(decoded.root) == outline(pickle.loads(content))
        assert (decoded.protocol, decoded.globals, decoded.calls, decoded.popped) == (protocol, (), (), ())

    check()


def test_long_containers_come_in_batches() -> None:
    value = [list(range(2500)), dict.fromkeys(range(2500)), set(range(2500)), tuple(range(2500))]
    assert decode(pickle.dumps(value, 4)).root == value


@pytest.mark.parametrize("python", [True, False], ids=["python", "c"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_both_picklers_are_read_alike(protocol: int, python: bool) -> None:
    value = {"a": [1.5, None, ("x", "y", "x")], "b": [{}, [], (), 2**70, -1, "é" * 300]}
    dumps = pickle._dumps if python else pickle.dumps  # type: ignore[attr-defined]
    assert outline(decode(dumps(value, protocol)).root) == outline(value)


@EXAMPLES
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.02, 0.1]))
def test_programs_mean_what_the_unpickler_does(seed: int, faults: float) -> None:
    content = make_program(seed, faults=faults)
    decoded = attempt(content)
    if decoded is not None:
        check_accepted(content, decoded)


def test_most_programs_are_accepted() -> None:
    """Otherwise the tests above would say little."""
    accepted = calls = 0
    for seed in range(300):
        decoded = attempt(make_program(seed))
        accepted += decoded is not None
        calls += decoded is not None and bool(decoded.calls)
    assert accepted > 200
    assert calls > 100


@EXAMPLES
@given(st.integers(0, 2**32))
def test_programs_survive_writing(seed: int) -> None:
    decoded = attempt(make_program(seed))
    if decoded is None:
        return
    content = encode(decoded)
    again = decode(content)
    check_accepted(content, again)
    assert outline(again.root) == outline(decoded.root)
    assert encode(again) == content


def _without_frames(content: bytes) -> bytes:
    """The same pickle in one piece, so that a change to it need not agree with a frame's length."""
    starts = [(operation.name, position) for operation, _, position in pickletools.genops(content)]
    ends = [position for _, position in starts[1:]] + [len(content)]
    pieces = zip(starts, ends, strict=True)
    return b"".join(content[start:end] for (name, start), end in pieces if name != "FRAME")


def _mutate(content: bytes, chance: random.Random) -> bytes:
    """Change a pickle in one to three places."""
    changed = bytearray(content)
    for _ in range(chance.randrange(1, 4)):
        start = chance.randrange(len(changed))
        piece = changed[start : start + chance.randrange(6)]
        change = chance.randrange(5)
        if change == 0:
            changed[start] = chance.randrange(256)
        elif change == 1:
            del changed[start : start + len(piece)]
        elif change == 2:
            changed[start:start] = piece
        elif change == 3:
            changed[start:start] = bytes([chance.choice(list(HANDLERS))])
        else:
            changed[start] ^= 1 << chance.randrange(8)
        changed = changed or bytearray(b".")
    return bytes(changed)


@EXAMPLES
@given(st.data())
def test_mutated_pickles(data: st.DataObject) -> None:
    protocol = data.draw(st.sampled_from([2, 4, 5]))
    original = _without_frames(pickle.dumps(data.draw(values(protocol)), protocol))
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    for _ in range(5):
        content = _mutate(original, chance)
        decoded = attempt(content)
        if decoded is not None:
            check_accepted(content, decoded)


@EXAMPLES
@given(st.binary(max_size=60))
def test_any_bytes(content: bytes) -> None:
    for data in (content, b"\x80\x04" + content, b"\x80\x02" + content + b"."):
        with suppress(StrongboxError):
            decoded, end = decode_next(data, 0, persistent=True)
            assert data[end - 1 : end] == b"."
            check_accepted(data[:end], decoded)


def test_every_cut_of_a_pickle_is_too_short() -> None:
    content = pickle.dumps({"a": [1, 2.5, "text"], "b": Call}, 4)
    for length in range(len(content)):
        with pytest.raises(ValueError, match="found the end of its bytes"):
            decode(content[:length])
