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
from typing import Any

from ...errors import FormatError, LimitError, StrongboxError
from ...limits import DEFAULT_LIMITS, Limits
from ...pickles import Budget, Call, Decoded, Global, Node
from ..keys import Keys
from ..names import current_name
from ..opaque import Opaque
from . import arrays, containers, functions, generators, noise, references, schedules, spaces, torch_objects
from .code import class_by_value, holds_code
from .naming import type_of
from .recipe import Recipe, Table, check_call

__all__ = ["RECIPES", "Builder", "to_value"]

SCALARS = frozenset({type(None), bool, int, float, str, bytes, bytearray})

RECIPES: Table = {
    **arrays.RECIPES,
    **containers.RECIPES,
    **functions.RECIPES,
    **generators.RECIPES,
    **noise.RECIPES,
    **references.RECIPES,
    **schedules.RECIPES,
    **spaces.RECIPES,
    **torch_objects.RECIPES,
}
"""Every recipe, by the current module and name of what a pickle calls."""


def to_value(decoded: Decoded | Node, *, limits: Limits = DEFAULT_LIMITS, budget: Budget | None = None) -> Any:
    """The typed value of a decoded pickle, or of a node of one; parts that no recipe fits are Opaque.

    ``budget`` is that of the archive; pickles inside the pickle (torch's storages) are decoded on it.
    Raises LimitError, and nothing else.
    """
    whole = decoded if isinstance(decoded, Decoded) else Decoded(decoded)
    builder = Builder(whole, limits, budget or Budget(limits))
    try:
        return builder.value(whole.root)
    except RecursionError:
        raise LimitError("expected values nested less deeply than Python can follow, found more.") from None


class Builder:
    """Builds the values of one decoded pickle; recipes ask it for the values of their parts."""

    def __init__(self, decoded: Decoded, limits: Limits, budget: Budget) -> None:
        self.limits = limits
        self.budget = budget
        self.keys = Keys()
        self._statements: dict[int, list[Call]] = {}
        for call in decoded.popped:
            if call.arguments:
                self._statements.setdefault(id(call.arguments[0]), []).append(call)
        self._values: dict[int, Any] = {}
        self._open: set[int] = set()

    def value(self, node: Node) -> Any:
        """The value of a node; Opaque where no recipe fits it."""
        if type(node) in SCALARS:
            return node
        key = id(node)
        if key in self._values:
            return self._values[key]
        if key in self._open:
            return Opaque(type_of(node), "it contains itself", holds_code(node))
        if len(self._open) >= self.limits.depth:
            raise LimitError(
                f"expected values nested at most {self.limits.depth} deep, found more.",
                hint="Where the file is trusted, raise Limits.depth.",
            )
        self._open.add(key)
        value = self._build(node)
        self._open.discard(key)
        self._values[key] = value
        return value

    def statements(self, call: Call) -> list[Call]:
        """What the pickle does to a call's result by calls whose own result it throws away."""
        return self._statements.get(id(call), [])

    def _build(self, node: Node) -> Any:
        build = BUILDERS.get(type(node))
        if build is None:
            return Opaque(type_of(node), "it is kept outside of the pickle")
        try:
            return build(self, node)
        except LimitError:
            raise
        except StrongboxError as error:
            return Opaque(type_of(node), error.problem, holds_code(node))

    def _call(self, call: Call) -> Any:
        recipe = self._recipe(call)
        if recipe is None:
            return Opaque(type_of(call), "no recipe knows it", holds_code(call))
        check_call(recipe, call)
        if self.statements(call) and recipe not in functions.TAKE_STATEMENTS:
            raise FormatError("expected nothing to be called with it, found a call")
        return recipe.build(self, call)

    def _recipe(self, call: Call) -> Recipe | None:
        if isinstance(call.function, Global):
            return RECIPES.get(current_name(call.function.module, call.function.name))
        if functions.makes_function(call.function):
            return functions.BY_VALUE
        return functions.INSTANCE if class_by_value(call.function) else None


BUILDERS: dict[type, Callable[[Builder, Any], Any]] = {
    list: containers.build_list,
    tuple: containers.build_tuple,
    dict: containers.build_dict,
    set: containers.build_set,
    frozenset: containers.build_frozenset,
    Global: references.build_reference,
    Call: Builder._call,
}
