"""Schedules: a number as a function of the progress that remains, from 1 (the start) down to 0.

The formulas are those of ``stable_baselines3.common.utils`` (ConstantSchedule, LinearSchedule); the
table is Strongbox's own, for any other function. Every schedule here can be called, in plain Python.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any, TypeAlias

import numpy

from ..errors import FormatError
from ..records import record
from . import checks
from .equality import same

__all__ = ["SCHEDULE_NAMES", "ConstantSchedule", "LinearSchedule", "Schedule", "TableSchedule", "tabulate"]

SCHEDULE_NAMES = frozenset(
    ("learning_rate", "lr_schedule", "clip_range", "clip_range_vf", "exploration_schedule", "delta_std_schedule")
)
"""The attributes of an agent that hold a schedule, or the number or function that one is made of."""

POINTS = 1025
"""Points of a table."""


@record(frozen=True, kw_only=True, eq=False)
class ConstantSchedule:
    """The same ``value`` always.

    ``as_float`` says that SB3 kept it inside its ``FloatSchedule``, which casts the result to float.
    """

    value: float
    as_float: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        checks.number(self.value, "the value")
        checks.flag(self.as_float, "as_float")

    def __call__(self, progress_remaining: float) -> float:
        return self.value

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return hash((self.value, self.as_float))


@record(frozen=True, kw_only=True, eq=False)
class LinearSchedule:
    """From ``start`` to ``end``, which is reached after the fraction ``end_fraction`` of training."""

    start: float
    end: float
    end_fraction: float = 1.0
    as_float: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        checks.number(self.start, "the start")
        checks.number(self.end, "the end")
        checks.number(self.end_fraction, "the fraction")
        checks.flag(self.as_float, "as_float")

    def __call__(self, progress_remaining: float) -> float:
        if (1 - progress_remaining) > self.end_fraction or self.end_fraction == 0:
            return self.end
        return self.start + (1 - progress_remaining) * (self.end - self.start) / self.end_fraction

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return hash((self.start, self.end, self.end_fraction))

    def __repr__(self) -> str:
        fraction = "" if self.end_fraction == 1 else f", end_fraction={self.end_fraction}"
        return f"LinearSchedule(start={self.start}, end={self.end}{fraction})"


@record(frozen=True, kw_only=True, eq=False)
class TableSchedule:
    """Any other function as a table, interpolated linearly: approximate, and marked so.

    ``values`` are the function's results, float64, at ``len(values)`` evenly spaced points of the
    progress that remains, from 0 to 1. ``largest_error`` is the largest difference from the function
    that was seen half way between the points, NaN where that is not known; ``source`` is the
    function's name.
    """

    values: numpy.ndarray[Any, numpy.dtype[numpy.float64]] = field(repr=False)
    largest_error: float = float("nan")
    source: str = ""
    as_float: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        checks.array(self.values, "the values", kinds="f")
        checks.check(self.values.dtype == numpy.float64, "expected the values to be of float64")
        checks.check(self.values.ndim == 1 and self.values.size >= 2, "expected a row of at least two values")
        checks.number(self.largest_error, "the largest error")
        checks.text(self.source, "the source")
        checks.flag(self.as_float, "as_float")

    def __call__(self, progress_remaining: float) -> float:
        points = numpy.linspace(0.0, 1.0, len(self.values))
        return float(numpy.interp(progress_remaining, points, self.values))

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return hash((len(self.values), self.source))


Schedule: TypeAlias = ConstantSchedule | LinearSchedule | TableSchedule


def tabulate(function: Callable[[float], float], *, source: str = "", as_float: bool = False) -> TableSchedule:
    """The table of a function of the progress that remains, with the largest error half way between its points.

    Raises FormatError where the function gives something that is not finite, and what it raises itself.
    """
    points = numpy.linspace(0.0, 1.0, POINTS)
    values, between = _results(function, points), _results(function, (points[1:] + points[:-1]) / 2)
    with numpy.errstate(over="ignore"):
        largest_error = float(numpy.abs(between - (values[1:] / 2 + values[:-1] / 2)).max())
    return TableSchedule(values=values, largest_error=largest_error, source=source, as_float=as_float)


def _results(
    function: Callable[[float], float], points: numpy.ndarray[Any, numpy.dtype[numpy.float64]]
) -> numpy.ndarray[Any, numpy.dtype[numpy.float64]]:
    values = numpy.array([function(float(point)) for point in points], numpy.float64)
    if not numpy.isfinite(values).all():
        raise FormatError("expected a function that gives finite numbers, found one that does not")
    return values
