"""Schedules can be called, and give what Stable-Baselines3's give."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from strongbox.errors import FormatError
from strongbox.values import ConstantSchedule, LinearSchedule, TableSchedule

POINTS = (1.0, 0.75, 0.5, 0.25, 0.0)


def test_constant() -> None:
    assert [ConstantSchedule(value=0.3)(point) for point in POINTS] == [0.3] * 5


def test_linear() -> None:
    assert [LinearSchedule(start=1.0, end=0.0)(point) for point in POINTS] == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_linear_over_a_part_of_training() -> None:
    schedule = LinearSchedule(start=1.0, end=0.2, end_fraction=0.5)
    assert [schedule(point) for point in POINTS] == pytest.approx([1.0, 0.6, 0.2, 0.2, 0.2])


def test_linear_over_no_part_of_training() -> None:
    schedule = LinearSchedule(start=1.0, end=0.2, end_fraction=0.0)
    assert [schedule(point) for point in POINTS] == [0.2] * 5


def test_table() -> None:
    schedule = TableSchedule(values=numpy.array([0.0, 1.0, 4.0]))
    assert [schedule(point) for point in POINTS] == [4.0, 2.5, 1.0, 0.5, 0.0]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (ConstantSchedule, {"value": 1}),
        (ConstantSchedule, {"value": 1.0, "as_float": 1}),
        (LinearSchedule, {"start": 1.0, "end": None}),
        (TableSchedule, {"values": numpy.zeros(1)}),
        (TableSchedule, {"values": numpy.zeros((2, 2))}),
        (TableSchedule, {"values": numpy.zeros(2, "float32")}),
        (TableSchedule, {"values": [0.0, 1.0]}),
    ],
)
def test_content_of_another_type_is_refused(kind: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        kind(**fields)
