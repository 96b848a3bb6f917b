"""Recipes for schedules that are instances of classes, and for tables.

Sources: ``stable_baselines3/common/utils.py`` since 2.7 (FloatSchedule, LinearSchedule,
ConstantSchedule); ``rl_zoo3/utils.py`` since 2.7 (SimpleLinearSchedule). A table is what Strongbox
itself writes for Stable-Baselines3's reader: ``functools.partial(numpy.interp, xp=points, fp=values)``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy

from ...errors import FormatError
from ...pickles import Call
from ..checks import check, kind_of
from ..opaque import Opaque
from ..references import ClassReference, FunctionReference, Partial
from ..schedules import ConstantSchedule, LinearSchedule, Schedule, TableSchedule
from .numbers import to_float
from .recipe import Recipe, Table, attributes

if TYPE_CHECKING:
    from .building import Builder

__all__ = ["RECIPES", "as_float"]

SB3_UTILS = "stable_baselines3.common.utils"


def as_float(value: Any) -> Any:
    """A schedule inside SB3's FloatSchedule, or in the function that came before it."""
    if isinstance(value, ConstantSchedule | LinearSchedule | TableSchedule):
        return replace(value, as_float=True)
    if isinstance(value, Opaque):
        raise FormatError(f"it holds {value.type}: {value.reason}")
    if isinstance(value, ClassReference | FunctionReference):
        raise FormatError(f"it holds {value.path}, which is kept by name alone")
    raise FormatError(f"expected a schedule in it, found {kind_of(value)}")


def build_float(builder: Builder, call: Call) -> Schedule:
    """A FloatSchedule: the schedule inside it, marked."""
    state = attributes(call, ("value_schedule",))
    schedule: Schedule = as_float(builder.value(state["value_schedule"]))
    return schedule


def build_constant(builder: Builder, call: Call) -> ConstantSchedule:
    """A ConstantSchedule."""
    state = attributes(call, ("val",))
    return ConstantSchedule(value=to_float(builder.value(state["val"])))


def build_linear(builder: Builder, call: Call) -> LinearSchedule:
    """A LinearSchedule."""
    state = attributes(call, ("start", "end", "end_fraction"))
    start, end, end_fraction = (to_float(builder.value(state[name]), name) for name in ("start", "end", "end_fraction"))
    return LinearSchedule(start=start, end=end, end_fraction=end_fraction)


def build_simple_linear(builder: Builder, call: Call) -> LinearSchedule:
    """A SimpleLinearSchedule, which ends at zero."""
    state = attributes(call, ("initial_value",))
    return LinearSchedule(start=to_float(builder.value(state["initial_value"])), end=0.0)


def build_partial(builder: Builder, call: Call) -> Partial | TableSchedule:
    """A partial call; a table of a schedule where it interpolates one."""
    state = call.state
    if type(state) is not tuple or len(state) != 4 or state[0] is not call.arguments[0]:
        raise FormatError("expected the four parts of a partial call")
    check(not state[3], "expected a partial call without attributes")
    function, arguments, keywords = (builder.value(part) for part in state[:3])
    if isinstance(function, Opaque):
        raise FormatError(f"it calls {function.type}: {function.reason}")
    if isinstance(function, FunctionReference) and function.path == "numpy.interp" and not arguments:
        return build_table(keywords)
    return Partial(function=function, arguments=arguments, keywords={} if keywords is None else keywords)


def build_table(keywords: Any) -> TableSchedule:
    """The table behind ``partial(numpy.interp, xp=points, fp=values)`` over evenly spaced points."""
    if type(keywords) is not dict or set(keywords) != {"xp", "fp"}:
        raise FormatError("expected the points and values of a table")
    points, values = keywords["xp"], keywords["fp"]
    for row in (points, values):
        check(type(row) is numpy.ndarray and row.ndim == 1 and row.dtype == numpy.float64, "expected rows of float64")
    check(len(points) == len(values) >= 2, "expected as many values as points, and at least two")
    even = numpy.linspace(0.0, 1.0, len(points))
    check(bool((abs(points - even) <= 1e-12).all()), "expected evenly spaced points from 0 to 1")
    return TableSchedule(values=values)


def _instance(build: Any) -> Recipe:
    return Recipe(build, (0,), kind="new", uses=("state",))


RECIPES: Table = {
    (SB3_UTILS, "FloatSchedule"): _instance(build_float),
    (SB3_UTILS, "ConstantSchedule"): _instance(build_constant),
    (SB3_UTILS, "LinearSchedule"): _instance(build_linear),
    ("rl_zoo3.utils", "SimpleLinearSchedule"): _instance(build_simple_linear),
    ("functools", "partial"): Recipe(build_partial, (1,), uses=("state",)),
}
