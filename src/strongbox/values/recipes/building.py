"""From nodes to values: one way through the graph, with a table of recipes for the calls in it.

Rules:

- Every list, dictionary and call is built once, however many places refer to it: the result is shared
  like the nodes were, and takes time in proportion to the graph.
- A call that contains itself (by way of its state) is Opaque at the place where it comes up again.
- A recipe raises FormatError where the content does not fit; the call then becomes Opaque with the
  problem as its reason. LimitError passes through.
- A dictionary whose keys are not all hashable values is Opaque as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy

from ...errors import FormatError, LimitError, StrongboxError
from ...limits import DEFAULT_LIMITS, Limits, how_to_raise
from ...pickles import Budget, Call, Decoded, Global, Node
from ..checks import Array, kind_of, read_elements
from ..keys import Keys
from ..names import current_name
from ..opaque import Opaque
from . import (
    arrays,
    containers,
    functions,
    generators,
    jax_objects,
    noise,
    references,
    schedules,
    spaces,
    torch_objects,
)
from .code import SKELETON_CLASSES, called, holders_of_code
from .naming import type_of
from .recipe import Recipe, Table, check_call

__all__ = ["RECIPES", "Builder", "to_value"]

LARGE = 1024
"""Bytes or characters above which it matters how often a scalar comes up."""
SIZED = frozenset({str, bytes, bytearray})
SCALARS = SIZED | {type(None), bool, int, float}

RECIPES: Table = {
    **arrays.RECIPES,
    **containers.RECIPES,
    **functions.RECIPES,
    **generators.RECIPES,
    **jax_objects.RECIPES,
    **noise.RECIPES,
    **references.RECIPES,
    **schedules.RECIPES,
    **spaces.RECIPES,
    **torch_objects.RECIPES,
}
"""Every recipe, by the current module and name of what a pickle calls."""


def to_value(
    decoded: Decoded | Node,
    *,
    limits: Limits = DEFAULT_LIMITS,
    budget: Budget | None = None,
    is_schedule: bool = False,
) -> Any:
    """The typed value of a decoded pickle, or of a node of one; parts that no recipe fits are Opaque.

    ``is_schedule`` says that a function in it is a schedule: one that does arithmetic on the progress, and nothing
    else, becomes a table. ``budget`` is that of the archive; pickles inside the pickle (torch's storages) are
    decoded on it.
    Raises LimitError, and nothing else.
    """
    whole = decoded if isinstance(decoded, Decoded) else Decoded(decoded)
    builder = Builder(whole, limits, budget or Budget(limits), tables=int(is_schedule))
    try:
        return builder.value(whole.root)
    except RecursionError:
        raise LimitError("expected values nested less deeply than Python can follow, found more.") from None


class Builder:
    """Builds the values of one decoded pickle; recipes ask it for the values of their parts.

    What comes up again is charged to the budget at its whole size: a few lines of a pickle can refer to
    one large part from very many places, and whoever shows or writes the value walks through them all.
    """

    def __init__(self, decoded: Decoded, limits: Limits, budget: Budget, *, tables: int = 0) -> None:
        self.limits = limits
        self.budget = budget
        self.keys = Keys()
        self._decoded = decoded
        self._values: dict[int, tuple[Any, int, int]] = {}
        self._elements: dict[tuple[int, str], Array] = {}
        self._large: set[int] = set()
        self._open: set[int] = set()
        self._size = 0
        self._bytes = 0
        self._tables = tables

    def value(self, node: Node) -> Any:
        """The value of a node; Opaque where no recipe fits it."""
        self._size += 1
        kind = type(node)
        if kind in SCALARS:
            if kind in SIZED and len(node) > LARGE:
                self._large_scalar(node)
            return node
        key = id(node)
        if key in self._values:
            return self._again(*self._values[key])
        if key in self._open:
            return Opaque(type_of(node), "it contains itself", self.holds_code(node))
        if len(self._open) >= self.limits.depth:
            raise LimitError(
                f"expected values nested at most {self.limits.depth} deep, found more.",
                hint=how_to_raise("depth"),
            )
        size, content = self._size, self._bytes
        self._open.add(key)
        value = self._build(node)
        self._open.discard(key)
        self._values[key] = (value, self._size - size, self._bytes - content)
        return value

    def elements(self, node: Node, dtype: numpy.dtype[Any]) -> Array:
        """The elements of an array or scalar out of its bytes, as a row; made once for each dtype."""
        content = self.value(node)
        if not isinstance(content, bytes | bytearray):
            raise FormatError(f"expected the bytes of an array, found {kind_of(content)}")
        key = id(content), dtype.str
        if key not in self._elements:
            self._elements[key] = read_elements(content, dtype)
        return self._elements[key]

    def tabulates(self) -> bool:
        """Whether a function may be worked out; each time uses up one of the tables that there may be."""
        self._tables -= 1
        return self._tables >= 0

    def statements(self, call: Call) -> list[Call]:
        """What the pickle does to a call's result by calls whose own result it throws away."""
        return self._decoded.statements_on(call)

    def holds_code(self, node: Node) -> bool:
        """Whether there is code by value in a node or anything below it."""
        return id(node) in self._code_holders

    @cached_property
    def _code_holders(self) -> frozenset[int]:
        return holders_of_code(self._decoded)

    def _large_scalar(self, node: Any) -> None:
        if id(node) in self._large:
            self._charge(0, len(node))
        self._large.add(id(node))
        self._bytes += len(node)

    def _again(self, value: Any, size: int, content: int) -> Any:
        self._size += size
        self._bytes += content
        self._charge(size, content)
        return value

    def _charge(self, size: int, content: int) -> None:
        self.budget.count_nodes(size)
        self.budget.inflated_bytes += content
        if self.budget.inflated_bytes > self.limits.inflated_bytes:
            raise LimitError(
                f"expected at most {self.limits.inflated_bytes:,} bytes once shared parts are expanded, found more.",
                hint=how_to_raise("inflated_bytes"),
            )

    def _build(self, node: Node) -> Any:
        build = BUILDERS.get(type(node))
        if build is None:
            return Opaque(type_of(node), "it is kept outside of the pickle")
        try:
            return build(self, node)
        except LimitError:
            raise
        except StrongboxError as error:
            return Opaque(type_of(node), error.problem, self.holds_code(node))

    def _call(self, call: Call) -> Any:
        recipe = self._recipe(call)
        if recipe is None:
            return Opaque(type_of(call), "no recipe knows it", self.holds_code(call))
        check_call(recipe, call)
        if self.statements(call) and recipe not in functions.TAKE_STATEMENTS:
            raise FormatError("expected nothing to be called with it, found a call")
        return recipe.build(self, call)

    def _recipe(self, call: Call) -> Recipe | None:
        if isinstance(call.function, Global):
            return RECIPES.get(current_name(call.function.module, call.function.name))
        if functions.makes_function(call.function):
            return functions.BY_VALUE
        return functions.INSTANCE if called(call.function) in SKELETON_CLASSES else None


BUILDERS: dict[type, Callable[[Builder, Any], Any]] = {
    list: containers.build_list,
    tuple: containers.build_tuple,
    dict: containers.build_dict,
    set: containers.build_set,
    frozenset: containers.build_frozenset,
    Global: references.build_reference,
    Call: Builder._call,
}
