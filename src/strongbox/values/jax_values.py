"""What JAX, flax and optax put into data: arrays, modules, train states and policies. No JAX is needed to hold them.

An agent of sbx keeps its networks in data, inside the pickle of its policy. What learning has made of them is arrays,
in trees of dictionaries, tuples and named tuples; the rest is code (``apply_fn``, ``tx``), which is named and not kept:
the classes make it anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..records import record
from . import checks
from .checks import Array
from .equality import same
from .references import ClassReference, NamedTuple

__all__ = ["OPTIMIZER_STATES", "FlaxModule", "JaxArray", "JaxPolicy", "TrainState", "walk_arrays"]

OPTIMIZER_STATES: dict[tuple[str, str], tuple[str, ...]] = {
    ("optax._src.base", "EmptyState"): (),
    ("optax._src.factorized", "FactoredState"): ("count", "v_row", "v_col", "v"),
    ("optax._src.transform", "ScaleByAdaDeltaState"): ("e_g", "e_x"),
    ("optax._src.transform", "ScaleByAdamState"): ("count", "mu", "nu"),
    ("optax._src.transform", "ScaleByAdanState"): ("m", "v", "n", "g", "t"),
    ("optax._src.transform", "ScaleByAmsgradState"): ("count", "mu", "nu", "nu_max"),
    ("optax._src.transform", "ScaleByBeliefState"): ("count", "mu", "nu"),
    ("optax._src.transform", "ScaleByLionState"): ("count", "mu"),
    ("optax._src.transform", "ScaleByNovogradState"): ("count", "mu", "nu"),
    ("optax._src.transform", "ScaleByOptimisticGradientState"): ("is_initial_step", "previous_gradient"),
    ("optax._src.transform", "ScaleByRStdDevState"): ("mu", "nu"),
    ("optax._src.transform", "ScaleByRStdDevWithCountState"): ("count", "mu", "nu"),
    ("optax._src.transform", "ScaleByRmsState"): ("nu",),
    ("optax._src.transform", "ScaleByRmsWithCountState"): ("count", "nu"),
    ("optax._src.transform", "ScaleByRpropState"): ("step_sizes", "prev_updates"),
    ("optax._src.transform", "ScaleByRssState"): ("sum_of_squares",),
    ("optax._src.transform", "ScaleByScheduleState"): ("count",),
    ("optax._src.transform", "ScaleBySM3State"): ("mu", "nu"),
    ("optax.schedules._inject", "InjectHyperparamsState"): ("count", "hyperparams", "inner_state"),
    ("optax.schedules._inject", "InjectStatefulHyperparamsState"): (
        *("count", "hyperparams", "hyperparams_states", "inner_state"),
    ),
    ("optax.schedules._inject", "WrappedScheduleState"): ("count",),
    ("optax.transforms._accumulation", "EmaState"): ("count", "ema"),
    ("optax.transforms._accumulation", "TraceState"): ("trace",),
    ("optax.transforms._combining", "PartitionState"): ("inner_states",),
    ("optax.transforms._constraining", "ZeroNansState"): ("found_nan",),
    ("optax.transforms._masking", "MaskedNode"): (),
    ("optax.transforms._masking", "MaskedState"): ("inner_state",),
}
"""The named tuples that optax's optimizers keep, each with the names of its items (optax 0.2.8)."""


@record(frozen=True, kw_only=True, eq=False)
class JaxArray:
    """An array of JAX: its content, and whether its type is weak.

    A weak type gives way to the other operand's, as that of a Python number does.
    """

    array: Array
    weak_type: bool = False

    def __post_init__(self) -> None:
        checks.array(self.array, "an array's content")
        checks.flag(self.weak_type, "weak_type")

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return id(self)


@record(frozen=True, kw_only=True, eq=False)
class FlaxModule:
    """A module of flax: its class by name, and the fields that it is made from.

    ``code`` names the attributes that are code and not kept (``apply``).
    """

    type: ClassReference
    fields: dict[str, Any]
    code: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_named(self.type, self.fields, self.code)

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return hash(self.type)


@record(frozen=True, kw_only=True, eq=False)
class TrainState:
    """What the training of one network has come to: a ``TrainState`` of flax, or of a class derived from it.

    ``params`` is the tree of its parameters, ``opt_state`` that of its optimizer, ``others`` what a derived class has
    besides (``target_params``, ``batch_stats``). Leaves are :class:`JaxArray` or numbers. ``code`` names the
    attributes that are code and not kept (``apply_fn``, ``tx``).
    """

    type: ClassReference
    step: JaxArray | int
    params: Any
    opt_state: Any
    others: dict[str, Any]
    code: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_named(self.type, self.others, self.code)
        if isinstance(self.step, JaxArray):
            whole = self.step.array.dtype.kind in "iu" and self.step.array.size == 1
            checks.check(whole, "expected one whole number as the step")
        else:
            checks.whole(self.step, "the step", 0, 2**63 - 1)

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return hash(self.type)

    @property
    def trees(self) -> dict[str, Any]:
        """Its trees by the name of the attribute, those of parameters first."""
        return {"params": self.params, **self.others, "opt_state": self.opt_state}


@record(frozen=True, kw_only=True, eq=False)
class JaxPolicy:
    """A policy of sbx: its class by name, and its attributes, train states and settings among them.

    ``code`` names the attributes that are code and not kept.
    """

    type: ClassReference
    attributes: dict[str, Any]
    code: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_named(self.type, self.attributes, self.code)

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return hash(self.type)

    @property
    def states(self) -> dict[str, TrainState]:
        """Its train states by the name of the attribute."""
        return {name: item for name, item in self.attributes.items() if isinstance(item, TrainState)}


def walk_arrays(tree: Any, place: str = "") -> Iterator[tuple[str, JaxArray]]:
    """Every array of a tree with its place, names joined by dots: ``params.Dense_0.kernel``."""
    if isinstance(tree, JaxArray):
        yield place, tree
    else:
        for step, item in _items(tree):
            yield from walk_arrays(item, f"{place}.{step}" if place else step)


def _items(tree: Any) -> list[tuple[str, Any]]:
    if isinstance(tree, Mapping):
        return [(str(key), item) for key, item in tree.items()]
    if isinstance(tree, NamedTuple):
        names = OPTIMIZER_STATES.get((tree.type.module, tree.type.name), ())
        named = names if len(names) == len(tree.items) else range(len(tree.items))
        return [(str(name), item) for name, item in zip(named, tree.items, strict=True)]
    return [(str(index), item) for index, item in enumerate(tree)] if isinstance(tree, (tuple, list)) else []


def _check_named(kind: Any, named: Any, code: Any) -> None:
    checks.instance(kind, ClassReference, "a reference to a class")
    checks.instance(named, dict, "a mapping of attributes")
    for name in (*named, *checks.tuple_of(code, str, "the names of what is code")):
        checks.text(name, "the name of an attribute")
        checks.check(name.isidentifier(), "expected the name of an attribute to be one of Python")
    checks.check(named.keys().isdisjoint(code), "expected each attribute once, kept or code")
