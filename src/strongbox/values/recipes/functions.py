"""Functions and classes by value: known schedules become schedules, everything else stays opaque."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import FormatError
from ...pickles import Call
from ..opaque import Opaque
from ..schedules import TableSchedule
from .bytecode import tabulate_function
from .code import CLOUDPICKLE, Function, class_by_value, makes_function, read_function
from .formulas import recognise
from .recipe import Recipe, Table

if TYPE_CHECKING:
    from .building import Builder

__all__ = ["BY_VALUE", "INSTANCE", "RECIPES", "TAKE_STATEMENTS", "makes_function"]

CODE_BY_VALUE = "its code is in the file by value"


def build_function(builder: Builder, call: Call) -> Any:
    """A schedule where the function by value is a known one, otherwise Opaque."""
    try:
        function = read_function(call, builder.statements(call))
    except FormatError as error:
        return Opaque("function", error.problem, needs_code=True)
    recognised = recognise(function)
    if recognised is None:
        table = builder.tabulates() and tabulated(function)
        return table or Opaque(function.title, CODE_BY_VALUE, needs_code=True)
    make, nodes = recognised
    try:
        return make(*[builder.value(node) for node in nodes])
    except FormatError as error:
        return Opaque(function.title, error.problem, needs_code=True)


def tabulated(function: Function) -> TableSchedule | None:
    """The table of a function that is arithmetic on its argument, or None where it is anything else."""
    try:
        return tabulate_function(function)
    except FormatError:
        return None


def build_class(builder: Builder, call: Call) -> Opaque:
    """A class by value, which is always Opaque."""
    return Opaque(class_by_value(call, builder.statements(call)) or "class", CODE_BY_VALUE, needs_code=True)


def build_instance(builder: Builder, call: Call) -> Opaque:
    """An instance of a class by value, which is always Opaque."""
    # The class is read once, however many instances there are.
    return Opaque(f"instance of {builder.value(call.function).type}", CODE_BY_VALUE, needs_code=True)


BY_VALUE = Recipe(build_function, (2, 3, 4, 5))
INSTANCE = Recipe(build_instance, tuple(range(64)), kind="new", uses=("state", "appended", "items", "keywords"))
SKELETON = Recipe(build_class, tuple(range(16)))

TAKE_STATEMENTS = (BY_VALUE, SKELETON)
"""Recipes that look at what the pickle does to a result by calls whose own result it throws away."""

RECIPES: Table = {
    (CLOUDPICKLE, "_make_function"): BY_VALUE,
    (CLOUDPICKLE, "_fill_function"): Recipe(build_function, (2, 5, 6)),
    (CLOUDPICKLE, "_make_skeleton_class"): SKELETON,
    (CLOUDPICKLE, "_make_skeleton_enum"): SKELETON,
    (CLOUDPICKLE, "_rehydrate_skeleton_class"): SKELETON,
}
