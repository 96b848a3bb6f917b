"""The generators of an object's spaces, those of the spaces inside a space included.

``space.sample()`` draws from them. A generator is made when it is first needed, so that there may be none yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy

from ...values import RandomGenerator
from ..generators import hold_generator, make_generator, read_generator, write_generator
from ..later import Later
from ..loaded import loaded_classes
from ..slots import fields_of
from .notes import Notes

if TYPE_CHECKING:
    import gymnasium

__all__ = ["NO_SPACES", "capture_spaces", "restore_spaces", "spaces_in"]

ALONE = ("Box", "Discrete", "MultiBinary", "MultiDiscrete", "Text")
"""Gymnasium's spaces with no other space inside; a class derived from one may have some."""
CONTAINERS = (dict, list, tuple)
NO_SPACES = frozenset({type(None), bool, int, float, str, bytes, numpy.ndarray})
"""Types of most attributes, which hold no space: there is no need to look."""


def capture_spaces(live: Any) -> dict[str, list[Later | None]]:
    """The generators of each space, by the attribute that holds it: the outer space's first; the values later."""
    return {name: [_read(part) for part in _parts(space)] for name, space in _spaces(live).items()}


def restore_spaces(live: Any, states: Any, place: str, notes: Notes) -> None:
    """Put the generators back; what does not fit is reported."""
    states = states if type(states) is dict else {}
    for name, space in _spaces(live).items():
        parts, found = list(_parts(space)), states.get(name)
        if type(found) is not list or len(found) != len(parts) or not all(map(_is_state, found)):
            notes.add(f"{place}.{name}", f"expected the random generators of {len(parts)} spaces, found others")
            continue
        for part, state in zip(parts, found, strict=True):
            _write(part, state)


def spaces_in(value: Any) -> dict[str, gymnasium.Space[Any]]:
    """What is a space, or a dictionary, list or tuple of nothing but spaces: each by what stands behind its name."""
    space = loaded_classes("gymnasium", "Space")
    if isinstance(value, space):
        return {"": value}
    if not isinstance(value, CONTAINERS) or not value:
        return {}
    if not isinstance(next(iter(value.values() if isinstance(value, dict) else value)), space):
        return {}
    items = value if isinstance(value, dict) else dict(enumerate(value))
    if not all(isinstance(item, space) for item in items.values()):
        return {}
    return {f".{key}": item for key, item in items.items()}


def _spaces(live: Any) -> dict[str, gymnasium.Space[Any]]:
    """The spaces of an object, but those of a container that are inside of another space anyway."""
    alone: dict[str, gymnasium.Space[Any]] = {}
    contained: dict[str, gymnasium.Space[Any]] = {}
    for name, value in fields_of(live).items():
        if type(value) in NO_SPACES:
            continue
        for label, space in spaces_in(value).items():
            (contained if label else alone)[name + label] = space
    if not contained:
        return alone
    known = {id(part) for space in alone.values() for part in _parts(space)}
    return {**alone, **{name: space for name, space in contained.items() if id(space) not in known}}


def _is_state(state: Any) -> bool:
    return state is None or (isinstance(state, RandomGenerator) and state.kind == "Generator")


def _read(space: gymnasium.Space[Any]) -> Later | None:
    return None if space._np_random is None else hold_generator(space._np_random)


def _write(space: gymnasium.Space[Any], state: RandomGenerator | None) -> None:
    live: Any = space._np_random
    same_kind = live is not None and state is not None and read_generator(live).bit_generator == state.bit_generator
    if state is None:
        space._np_random = None  # type: ignore[assignment]
    elif same_kind:
        write_generator(live, state)
    else:
        space._np_random = make_generator(state)  # type: ignore[assignment]


def _parts(space: gymnasium.Space[Any]) -> Iterator[gymnasium.Space[Any]]:
    yield space
    if type(space) in loaded_classes("gymnasium.spaces", *ALONE):
        return
    inner = getattr(space, "spaces", ())
    parts = inner.values() if isinstance(inner, Mapping) else inner if isinstance(inner, CONTAINERS) else ()
    for part in parts:
        yield from _parts(part)
    held = (getattr(space, name, None) for name in ("feature_space", "node_space", "edge_space"))
    for part in held:
        if part is not None:
            yield from _parts(part)
