"""Equality by content, types told apart."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

import numpy
import pytest
from hypothesis import given, settings

from strongbox.values import ClassReference, Discrete, NamedTuple, same
from tests.core.values.strategies import values_of_any_kind
from tests.draws import drawn

NAN = float("nan")
SAME = [(NAN, NAN), ([NAN], [NAN]), (numpy.array([NAN]), numpy.array([NAN])), ({"a": {1}}, {"a": {1}})]
DIFFERENT = [
    *(
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        ([1], (1,)),
        ({"a": 1}, OrderedDict(a=1)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ),
    *(({1: 2}, {True: 2}), ({1}, {True}), ({1}, {2}), ({1}, {1, 2}), (deque([1], 2), deque([1], 3))),
    *((numpy.float32(1), numpy.float64(1)), (numpy.zeros(1), numpy.zeros((1, 1))), ([1], [1, 2])),
    *((Discrete(n=2), Discrete(n=3)), (b"a", bytearray(b"a")), (ClassReference("a", "b"), ClassReference("a", "c"))),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_same(left: Any, right: Any) -> None:
    assert same(left, right)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_different(left: Any, right: Any) -> None:
    assert not same(left, right)
    assert not same(right, left)


@settings(max_examples=drawn(100), derandomize=True, deadline=None, database=None)
@given(values_of_any_kind)
def test_every_value_is_the_same_as_itself(value: Any) -> None:
    assert same(value, value)


def test_values_that_hold_arrays_compare_by_content() -> None:
    kind = ClassReference("a", "B")
    assert NamedTuple(kind, (numpy.zeros(2),)) == NamedTuple(kind, (numpy.zeros(2),))
    assert NamedTuple(kind, (numpy.zeros(2),)) != NamedTuple(kind, (numpy.ones(2),))
    assert Discrete(n=2) == Discrete(n=2)
    assert Discrete(n=2) != 2
