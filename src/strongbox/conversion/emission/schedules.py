"""Schedules, as the classes that SB3 has for them since 2.7; a table as numpy's interpolation over it."""

from __future__ import annotations

import numpy

from ...pickles import Global, Node
from ...values import ConstantSchedule, LinearSchedule, Schedule, TableSchedule
from .arrays import array_node
from .emitters import Emit, Emitters
from .instances import instance_node
from .references import partial_node

__all__ = ["EMITTERS"]

MODULE = "stable_baselines3.common.utils"


def emit_constant(emit: Emit, value: ConstantSchedule) -> Node:
    """A ConstantSchedule."""
    return as_float(value, instance_node(MODULE, "ConstantSchedule", {"val": value.value}))


def emit_linear(emit: Emit, value: LinearSchedule) -> Node:
    """A LinearSchedule."""
    state = {"start": value.start, "end": value.end, "end_fraction": value.end_fraction}
    return as_float(value, instance_node(MODULE, "LinearSchedule", state))


def emit_table(emit: Emit, value: TableSchedule) -> Node:
    """``functools.partial(numpy.interp, xp=points, fp=values)``; how well it fits has no place in it."""
    points = numpy.linspace(0.0, 1.0, len(value.values))
    keywords = {"xp": array_node(points), "fp": array_node(value.values)}
    return as_float(value, partial_node(Global("numpy", "interp"), (), keywords))


def as_float(value: Schedule, node: Node) -> Node:
    """The schedule inside a FloatSchedule, where SB3 kept it in one."""
    return instance_node(MODULE, "FloatSchedule", {"value_schedule": node}) if value.as_float else node


EMITTERS: Emitters = {ConstantSchedule: emit_constant, LinearSchedule: emit_linear, TableSchedule: emit_table}
