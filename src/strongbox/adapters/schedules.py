"""Live schedules, as values and back: known ones exactly, any other function as a table.

A learning rate may be any Python function. SB3 keeps its code, which another Python cannot run; here
it is asked for its values instead, at 1,025 points of the progress that remains, and kept as a table
that numpy interpolates. Half way between the points it is asked again: the largest difference says how
good the table is. The table is an ordinary ``functools.partial(numpy.interp, ...)``, so an archive
needs nothing but numpy to be read by SB3.
"""

from __future__ import annotations

import contextlib
import functools
import math
import sys
from collections.abc import Callable
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import numpy

from .. import values
from ..errors import UnsupportedError
from ..values import ConstantSchedule, LinearSchedule, Schedule, TableSchedule

__all__ = ["known_schedule", "live_schedule", "tabulate", "tabulated_before"]

Function: TypeAlias = Callable[[float], Any]

_origins: WeakKeyDictionary[Any, TableSchedule] = WeakKeyDictionary()
"""The tables that live partials were made from: their error and source have no place in the partial."""

_tables: WeakKeyDictionary[Any, TableSchedule] = WeakKeyDictionary()
"""The tables of functions that were asked for one before."""

PROBES = 32
"""A function that was asked before is asked again at every so many points."""


def live_schedule(schedule: Schedule) -> Any:
    """SB3's own object for a schedule; for a table, numpy's interpolation over it."""
    if isinstance(schedule, TableSchedule) and not schedule.as_float:
        return _interpolation(schedule)
    from stable_baselines3.common import utils

    live: Any
    if isinstance(schedule, ConstantSchedule):
        live = utils.ConstantSchedule(schedule.value)
    elif isinstance(schedule, LinearSchedule):
        live = utils.LinearSchedule(schedule.start, schedule.end, schedule.end_fraction)
    else:
        live = _interpolation(schedule)
    return utils.FloatSchedule(live) if schedule.as_float else live


def _interpolation(schedule: TableSchedule) -> Any:
    points = numpy.linspace(0.0, 1.0, len(schedule.values))
    live = functools.partial(numpy.interp, xp=points, fp=schedule.values.copy())
    _origins[live] = schedule
    return live


def known_schedule(live: Any) -> Schedule | None:
    """The value of a schedule made of SB3's own classes, or of a table; None for any other function."""
    inner: Any = _inner(live)
    as_float = inner is not live
    if _is(inner, "ConstantSchedule") and _numbers(inner.val):
        return ConstantSchedule(value=float(inner.val), as_float=as_float)
    if _is(inner, "LinearSchedule") and _numbers(inner.start, inner.end, inner.end_fraction):
        return LinearSchedule(
            start=float(inner.start),
            end=float(inner.end),
            end_fraction=float(inner.end_fraction),
            as_float=as_float,
        )
    table = _origins.get(inner) if type(inner) is functools.partial else None
    if table is None:
        return None
    return TableSchedule(values=table.values, largest_error=table.largest_error, source=table.source, as_float=as_float)


def _is(live: Any, name: str) -> bool:
    """Whether an object is of one of SB3's own classes of schedules: none is where SB3 is not loaded."""
    return type(live) is getattr(sys.modules.get("stable_baselines3.common.utils"), name, object())


def _numbers(*items: Any) -> bool:
    return all(type(item) in (int, float) for item in items)


def tabulate(live: Any) -> TableSchedule:
    """A function as a table; raises UnsupportedError where it is no function of the progress alone."""
    function = _inner(live)
    table = values.tabulate(_guarded(function), source=_source(function), as_float=function is not live)
    if not _gives(function, table, step=len(table.values) // 4):
        raise UnsupportedError("expected a function of the progress alone, found one that changes as it is called")
    with contextlib.suppress(TypeError):  # It may be no key.
        _tables[live] = table
    return table


def tabulated_before(live: Function) -> TableSchedule | None:
    """The table of a function that was asked for one before, where it gives the same numbers still."""
    try:
        table = _tables.get(live)
        return table if table is not None and _gives(_inner(live), table, step=PROBES) else None
    except (TypeError, UnsupportedError):
        return None


def _inner(live: Any) -> Function:
    function: Function = live.value_schedule if _is(live, "FloatSchedule") else live
    return function


def _gives(function: Function, table: TableSchedule, *, step: int) -> bool:
    """Whether a function gives the numbers of a table, at every so many points of it."""
    evaluate, last = _guarded(function), len(table.values) - 1
    return all(evaluate(index / last) == table.values[index] for index in range(0, last + 1, step))


def _guarded(function: Function) -> Callable[[float], float]:
    """The function, with UnsupportedError for whatever it does but give a finite number."""

    def evaluate(progress: float) -> float:
        try:
            result = function(progress)
            number = float(result)
        except Exception as error:
            raise UnsupportedError(
                f"expected a function from the progress that remains to a number, found that it raises "
                f"{type(error).__name__}: {error}"
            ) from error
        if not math.isfinite(number) or isinstance(result, str | bytes):
            raise UnsupportedError("expected a function that gives finite numbers, found one that does not")
        return number

    return evaluate


def _source(function: Any) -> str:
    """The function's name, without where it lies."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"
