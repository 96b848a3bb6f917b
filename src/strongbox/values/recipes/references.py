"""Recipes for names that are not called, and for enum members and named tuples of Stable-Baselines3.

A pickle does not say whether a name is a class or a function. A name whose last part starts with an
upper-case letter is taken for a class, and so are the lower-case classes of the table below; torch's
dtypes are values of their own.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ...errors import FormatError
from ...pickles import Call, Global
from ..checks import check, kind_of
from ..names import current_name
from ..opaque import Opaque
from ..references import ClassReference, EnumMember, FunctionReference, NamedTuple
from ..torch_values import TORCH_DTYPES, TorchDtype
from .numbers import to_whole
from .recipe import Recipe, Table

if TYPE_CHECKING:
    from .building import Builder

__all__ = ["RECIPES", "build_reference"]

LOWER_CASE_CLASSES: dict[str, frozenset[str]] = {
    "builtins": frozenset(
        [
            "bool",
            "bytearray",
            "bytes",
            "complex",
            "dict",
            "float",
            "frozenset",
            "int",
            "list",
            "object",
            "range",
            "set",
            "slice",
            "str",
            "tuple",
            "type",
        ]
    ),
    "collections": frozenset({"defaultdict", "deque"}),
    "functools": frozenset({"partial"}),
    "numpy": frozenset(
        [
            "bool_",
            "uint8",
            "uint16",
            "uint32",
            "uint64",
            "int8",
            "int16",
            "int32",
            "int64",
            "longlong",
            "ulonglong",
            "intc",
            "uintc",
            "float16",
            "float32",
            "float64",
            "longdouble",
            "complex64",
            "complex128",
            "clongdouble",
            "datetime64",
            "timedelta64",
            "str_",
            "bytes_",
            "void",
            "object_",
            "generic",
            "number",
            "integer",
            "signedinteger",
            "unsignedinteger",
            "inexact",
            "floating",
            "complexfloating",
            "ndarray",
            "dtype",
            "ufunc",
        ]
    ),
    "torch": frozenset({"device", "dtype", "layout"}),
}
"""Classes whose names start with a lower-case letter, by module."""

GOAL_STRATEGY = ("stable_baselines3.her.goal_selection_strategy", "GoalSelectionStrategy")
TYPE_ALIASES = "stable_baselines3.common.type_aliases"


def build_reference(builder: Builder, node: Global) -> ClassReference | FunctionReference | TorchDtype:
    """A name that is not called: a class, a function or a dtype of torch."""
    module, name = current_name(node.module, node.name)
    if module == "torch" and name in TORCH_DTYPES:
        return TorchDtype(name)
    last = name.rpartition(".")[2].lstrip("_")
    if last[:1].isupper() or name in LOWER_CASE_CLASSES.get(module, ()):
        return ClassReference(module, name)
    return FunctionReference(module, name)


def build_member(builder: Builder, call: Call, *, values: frozenset[int | str]) -> EnumMember:
    """A member of an enum, by its value."""
    value = call.arguments[0]
    if type(value) not in (int, str) or value not in values:
        raise FormatError(f"expected one of {', '.join(map(str, sorted(values, key=str)))}, found {kind_of(value)}")
    return EnumMember(reference(call), value)


def reference(call: Call) -> ClassReference:
    """The class that a call names."""
    return ClassReference(*current_name(call.function.module, call.function.name))


def build_train_frequency(builder: Builder, call: Call) -> NamedTuple:
    """A TrainFreq: a number and its unit."""
    frequency = to_whole(builder.value(call.arguments[0]), "the frequency")
    unit = builder.value(call.arguments[1])
    check(isinstance(unit, EnumMember), "expected a unit for the frequency")
    return NamedTuple(reference(call), (frequency, unit))


def build_named_tuple(builder: Builder, call: Call) -> NamedTuple:
    """A named tuple of anything that is understood."""
    items = tuple([builder.value(item) for item in call.arguments])
    for item in items:
        check(not isinstance(item, Opaque), f"it holds {getattr(item, 'type', '')}: {getattr(item, 'reason', '')}")
    return NamedTuple(reference(call), items)


UNITS = frozenset({"step", "episode"})

RECIPES: Table = {
    GOAL_STRATEGY: Recipe(partial(build_member, values=frozenset({0, 1, 2, 3})), (1,)),
    (TYPE_ALIASES, "TrainFrequencyUnit"): Recipe(partial(build_member, values=UNITS), (1,)),
    (TYPE_ALIASES, "TrainFreq"): Recipe(build_train_frequency, (2,), kind="new"),
    (TYPE_ALIASES, "RolloutReturn"): Recipe(build_named_tuple, (3,), kind="new"),
    ("sb3_contrib.common.recurrent.type_aliases", "RNNStates"): Recipe(build_named_tuple, (2,), kind="new"),
}
