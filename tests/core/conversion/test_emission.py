"""Values become pickles: read back they are the same values, and the same bytes every time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy
import pytest
from hypothesis import assume, given

from strongbox import values
from strongbox.conversion.emission import to_node
from strongbox.errors import StrongboxError, UnsupportedError
from strongbox.pickles import Global, decode, encode, walk
from strongbox.values import same, to_value
from tests.core.conversion.examples import EMITTED
from tests.core.values.strategies import values_of_any_kind

INT64 = numpy.dtype("int64")
IMPORTABLE = {
    *("numpy", "numpy.core.multiarray", "numpy.random._pickle", "collections", "builtins", "functools", "pathlib"),
    *(f"gymnasium.spaces.{name}" for name in ("box", "dict", "discrete", "multi_binary", "multi_discrete", "oneof")),
    *("gymnasium.spaces.sequence", "gymnasium.spaces.text", "gymnasium.spaces.tuple"),
    *("stable_baselines3.common.noise", "stable_baselines3.common.utils"),
    *("torch", "torch._utils", "torch.storage"),
}
"""Modules that an emitter names of its own accord: all are there in numpy 1.24 and 2, gymnasium 0.29 and 1."""


def emitted(value: Any) -> bytes:
    return encode(to_node(value))


@given(values_of_any_kind)
def test_what_is_emitted_is_read_back_as_the_same_value(value: Any) -> None:
    try:
        content = emitted(value)
    except StrongboxError:
        return
    read = to_value(decode(content))
    assume(all(is_whole(leaf) for leaf in leaves(value)))
    assert same(read, value)
    assert emitted(read) == content


LOSSY = (
    *(values.ClassReference, values.FunctionReference, values.EnumMember, values.NamedTuple, values.Partial),
    *(values.TableSchedule, values.TorchTensor, values.Device, values.Normalization),
)
"""Kinds of which some have no pickle: made-up names, a table's error, seeds, numbers that bfloat16 does not hold."""


def is_whole(leaf: Any) -> bool:
    """Whether a value of such a kind is read back by itself."""
    return same(to_value(decode(emitted(leaf))), leaf)


def leaves(value: Any) -> Iterator[Any]:
    """The parts of a value that are of such a kind."""
    if isinstance(value, LOSSY):
        yield value
    elif isinstance(value, dict):
        yield from (leaf for item in value.items() for side in item for leaf in leaves(side))
    elif isinstance(value, list | tuple | set | frozenset | deque):
        yield from (leaf for item in value for leaf in leaves(item))
    elif is_dataclass(value):
        yield from (leaf for item in fields(value) for leaf in leaves(getattr(value, item.name)))


def kind_of(value: Any) -> str:
    return type(value).__name__


@pytest.mark.parametrize("value", EMITTED, ids=kind_of)
def test_each_kind_of_value_is_read_back_by_names_that_all_releases_have(value: Any) -> None:
    decoded = decode(emitted(value))
    assert same(to_value(decoded), value)
    if not isinstance(value, values.ClassReference | values.FunctionReference | values.EnumMember | values.NamedTuple):
        own = {node.module for node in walk(decoded) if type(node) is Global} - {"torch.nn.modules.activation"}
        assert own <= IMPORTABLE


def test_parts_that_stand_twice_are_written_as_if_they_were_two() -> None:
    space = values.Discrete(n=2)
    once = values.Tuple(spaces=(space, space))
    twice = values.Tuple(spaces=(values.Discrete(n=2), values.Discrete(n=2)))
    assert emitted(once) == emitted(twice)


@pytest.mark.parametrize(
    "value",
    [
        values.Graph(node_space=values.Discrete(n=2), edge_space=None),
        values.Sequence(feature_space=values.Discrete(n=2), stack=True),
        values.TorchTensor(array=numpy.ones(1, "uint32"), dtype="uint32"),
        values.Opaque("a", "no recipe knows it"),
        [values.Opaque("a", "no recipe knows it")],
    ],
    ids=kind_of,
)
def test_what_has_no_form_that_all_releases_read_is_refused(value: Any) -> None:
    with pytest.raises(UnsupportedError):
        to_node(value)


def test_a_part_that_is_not_understood_takes_the_node_that_is_known_for_it() -> None:
    part = values.Opaque("function", "its code is in the file by value")
    node = Global("builtins", "print")
    assert encode(to_node({"a": part}, opaque=lambda found: node if found is part else None)) == encode({"a": node})
