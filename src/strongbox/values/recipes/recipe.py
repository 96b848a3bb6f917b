"""What a recipe is, and what all recipes may ask of a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from ...errors import FormatError
from ...pickles import Call, Node
from ..checks import kind_of

if TYPE_CHECKING:
    from .building import Builder
from ...records import record

__all__ = ["Recipe", "Table", "attributes", "check_call"]

Build: TypeAlias = Callable[["Builder", Call], Any]


@record(frozen=True)
class Recipe:
    """How to build a value from a call.

    ``arguments`` are the numbers of arguments that the call may have, ``kind`` is that of the call,
    and ``uses`` names what else the call may carry: ``"state"``, ``"appended"``, ``"items"``. Where
    the value is shown as Opaque, its type is called ``type``, or else by the name of what was called.
    """

    build: Build
    arguments: tuple[int, ...]
    kind: str = "reduce"
    uses: tuple[str, ...] = ()
    type: str = ""


Table: TypeAlias = dict[tuple[str, str], Recipe]


def check_call(recipe: Recipe, call: Call) -> None:
    """Raise FormatError unless the call has the form that the recipe knows."""
    if call.kind != recipe.kind:
        raise FormatError(f"expected a call of kind {recipe.kind}, found {call.kind}")
    if len(call.arguments) not in recipe.arguments:
        expected = " or ".join(str(count) for count in recipe.arguments)
        raise FormatError(f"expected {expected} arguments, found {len(call.arguments)}")
    carried = {"state": call.has_state, "appended": call.appended, "items": call.items, "keywords": call.keywords}
    for name, content in carried.items():
        if content and name not in recipe.uses:
            raise FormatError(f"expected no {name} for it, found some")


def attributes(call: Call, needed: tuple[str, ...], others: frozenset[str] = frozenset()) -> dict[str, Node]:
    """The attributes that the call's state sets, as nodes.

    Raises FormatError unless all that are ``needed`` are there, and no other than these and
    ``others``: an attribute that is not known may mean anything.
    """
    state = call.state
    if type(state) is not dict:
        raise FormatError(f"expected a mapping of attributes, found {kind_of(state)}")
    for name in needed:
        if name not in state:
            raise FormatError(f"expected the attribute {name}, found none")
    for name in state:
        if type(name) is not str or (name not in others and name not in needed):
            raise FormatError(f"expected no attribute {str(name)[:60]!r}, found one")
    return state
