"""The table of emitters, one for each type of value, and the way through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import UnsupportedError
from ...pickles import Node
from . import arrays, containers, generators, noise, references, schedules, spaces, torch_objects
from .emitters import Emitters

__all__ = ["EMITTERS", "to_node"]

EMITTERS: Emitters = {
    **arrays.EMITTERS,
    **containers.EMITTERS,
    **generators.EMITTERS,
    **noise.EMITTERS,
    **references.EMITTERS,
    **schedules.EMITTERS,
    **spaces.EMITTERS,
    **torch_objects.EMITTERS,
}
"""Every emitter, by the exact type of value."""

THEMSELVES = frozenset((type(None), bool, int, float, str, bytes, bytearray))


def to_node(value: Any, *, opaque: Callable[[Any], Node | None] = lambda part: None) -> Node:
    """The node of a value, which a decoding followed by :func:`strongbox.values.to_value` makes into it again.

    ``opaque`` may know the node of a part that is not understood. Raises UnsupportedError for what no pickle
    that all releases read can hold.
    """

    def emit(part: Any) -> Node:
        kind = type(part)
        if kind in THEMSELVES:
            return part
        emitter = EMITTERS.get(kind) or arrays.emitter_of(part)
        node = emitter(emit, part) if emitter is not None else opaque(part)
        if node is None:
            raise UnsupportedError(f"expected a value that can be written for every release, found {kind.__name__}.")
        return node

    return emit(value)
