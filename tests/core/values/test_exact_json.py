"""Which values JSON holds exactly."""

from __future__ import annotations

import json
from enum import IntEnum
from typing import Any

import numpy
import pytest
from hypothesis import given, settings

from strongbox.values import is_exact_json, same
from tests.core.values.strategies import json_values, values_of_any_kind
from tests.draws import drawn


class Color(IntEnum):
    RED = 1


class Text(str):
    pass


LOOP: list[Any] = []
LOOP.append(LOOP)

YES: list[Any] = [
    None,
    True,
    0,
    -(2**70),
    2**127 - 1,
    1 - 2**127,
    0.5,
    float("nan"),
    float("-inf"),
    "",
    "\ud800",
    "é",
    [],
    [1, [None]],
    {"a": {"b": []}},
]
NO: list[Any] = [
    *((1,), [(1,)], {1: 2}, {"a": {2: 3}}, {None: 1}, {1, 2}, b"", bytearray(), 1j, object, Color.RED, Text("a")),
    *(numpy.float64(0.5), numpy.int64(1), numpy.bool_(True), numpy.zeros(1), [numpy.float32(1)], {Text("a"): 1}),
    *({":serialized:": "a"}, {"a": {":portable:": 1}}, {":type:": "int"}, 1 << 127, -(1 << 127), [1 << 5000], LOOP),
]


@pytest.mark.parametrize("value", YES, ids=ascii)
def test_held_exactly(value: Any) -> None:
    assert is_exact_json(value)
    assert same(json.loads(json.dumps(value)), value)


@pytest.mark.parametrize("value", NO, ids=lambda value: ascii(value)[:40])
def test_not_held_exactly(value: Any) -> None:
    assert not is_exact_json(value)


@settings(max_examples=drawn(200), derandomize=True, deadline=None, database=None)
@given(values_of_any_kind | json_values)
def test_what_is_said_to_be_exact_is(value: Any) -> None:
    if is_exact_json(value):
        assert same(json.loads(json.dumps(value)), value)


def nested(levels: int, innermost: Any) -> Any:
    """A list that stands twice in a list that stands twice in a list, and so on."""
    value = [innermost]
    for _ in range(levels):
        value = [value, value]
    return value


def test_what_stands_in_many_places_is_looked_at_once() -> None:
    assert is_exact_json(nested(62, 0.5))
    assert not is_exact_json(nested(62, 1j))
    assert not is_exact_json(nested(64, 0.5))
    shared = nested(40, 0.5)
    assert is_exact_json([shared, [[[shared]]]])
    assert not is_exact_json([shared, [[[shared]]]], depth=43)
