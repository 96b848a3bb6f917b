"""Trees of arrays, put into the live ones of the same form.

A live train state says what is expected: the same keys, the same named tuples, the same shapes and types. Each leaf is
held against it, by its place, before a new state is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy
import numpy

from ...errors import MismatchError
from ...values import JaxArray, NamedTuple, TrainState

__all__ = ["check_state", "live_array", "put_state"]

Leaf: TypeAlias = Callable[[Any, Any, str], Any]


def live_array(value: JaxArray) -> jax.Array:
    """An array of JAX on its default device, weakly typed where it was."""
    made: Any = jax.numpy.asarray(value.array)
    if value.weak_type:
        # As JAX itself does when it unpickles an array; no public function makes one of any shape weak.
        made.aval = made.aval.update(weak_type=True)
    array: jax.Array = made
    return array


def check_state(live: Any, kept: TrainState, place: str) -> None:
    """Raise MismatchError, with the place, where a kept state is not of the form of a live or an abstract one."""
    _check_type(live, kept.type.path, place)
    for name, tree in kept.trees.items():
        _put(getattr(live, name), tree, f"{place}.{name}", _check_leaf)


def put_state(live: Any, kept: TrainState, place: str) -> Any:
    """A state like the live one, with what was kept; raises MismatchError where the two are not of one form."""
    check_state(live, kept, place)
    trees = {name: _put(getattr(live, name), tree, f"{place}.{name}", _make_leaf) for name, tree in kept.trees.items()}
    step = live_array(kept.step) if isinstance(kept.step, JaxArray) else kept.step
    return live.replace(step=step, **trees)


def _put(live: Any, kept: Any, place: str, leaf: Leaf) -> Any:
    if isinstance(kept, NamedTuple):
        return _put_named_tuple(live, kept, place, leaf)
    if isinstance(kept, Mapping):
        names = set(live) if isinstance(live, Mapping) else None
        if names != set(kept):
            raise _mismatch(place, _listed(live), _listed(kept))
        return {name: _put(live[name], item, f"{place}.{name}", leaf) for name, item in kept.items()}
    if isinstance(kept, (tuple, list)):
        if not isinstance(live, (tuple, list)) or hasattr(live, "_fields") or len(live) != len(kept):
            raise _mismatch(place, _listed(live), _listed(kept))
        pairs = enumerate(zip(live, kept, strict=True))
        return type(kept)(_put(part, item, f"{place}.{index}", leaf) for index, (part, item) in pairs)
    return leaf(live, kept, place)


def _put_named_tuple(live: Any, kept: NamedTuple, place: str, leaf: Leaf) -> Any:
    fields: tuple[str, ...] = getattr(live, "_fields", ())
    if not isinstance(live, tuple) or len(fields) != len(kept.items):
        raise _mismatch(place, _listed(live), kept.type.name)
    _check_type(live, kept.type.path, place)
    triples = zip(fields, live, kept.items, strict=True)
    return type(live)(*(_put(part, item, f"{place}.{name}", leaf) for name, part, item in triples))


def _check_leaf(live: Any, kept: Any, place: str) -> Any:
    if _form(live) != _form(kept):
        raise _mismatch(place, _shown(live), _shown(kept))
    return kept


def _make_leaf(live: Any, kept: Any, place: str) -> Any:
    return live_array(kept) if isinstance(kept, JaxArray) else kept


def _form(leaf: Any) -> tuple[Any, ...] | None:
    """What two leaves must have in common: the shape and type of an array; a number is like an array without shape."""
    if leaf is None:
        return None
    if isinstance(leaf, JaxArray):
        leaf = leaf.array
    if isinstance(leaf, bool | int | float):
        leaf = numpy.asarray(leaf, {bool: "bool", int: "int32", float: "float32"}[type(leaf)])
    shape, dtype = getattr(leaf, "shape", "none"), getattr(leaf, "dtype", type(leaf).__name__)
    return shape, str(dtype)


def _check_type(live: Any, path: str, place: str) -> None:
    found = f"{type(live).__module__}.{type(live).__qualname__}"
    if found != path:
        raise _mismatch(place, found, path)


def _listed(tree: Any) -> str:
    if isinstance(tree, Mapping):
        return f"{', '.join(map(str, list(tree)[:10])) or 'nothing'}"[:200]
    return f"{len(tree)} parts" if isinstance(tree, (tuple, list)) else _shown(tree)


def _shown(leaf: Any) -> str:
    form = _form(leaf)
    return "nothing" if form is None else f"{form[1]} of shape {form[0]}"


def _mismatch(place: str, expected: str, found: str) -> MismatchError:
    return MismatchError(
        f"expected {expected} at {place}, as the agent's settings make it, found {found}.",
        hint="Was the agent made with other settings, or by another release of sbx, flax or optax?",
    )
