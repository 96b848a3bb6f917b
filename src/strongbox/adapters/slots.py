"""The attributes that objects of a class keep in slots."""

from __future__ import annotations

import functools
from types import MemberDescriptorType
from typing import Any

__all__ = ["fields_of", "slots_of"]

INTERNAL = frozenset(("__dict__", "__weakref__"))
"""Slots that hold no attribute."""


@functools.lru_cache(maxsize=512)
def slots_of(kind: Any) -> tuple[str, ...]:
    """The names of the slots of a class that is written in Python, those of its bases included, as attributes."""
    found = []
    for base in kind.__mro__:
        listed = vars(base).get("__slots__", ())
        for name in (listed,) if isinstance(listed, str) else tuple(listed):
            mangled = name.startswith("__") and not name.endswith("__")
            attribute = f"_{base.__name__.lstrip('_')}{name}" if mangled else name
            if name not in INTERNAL and isinstance(vars(base).get(attribute), MemberDescriptorType):
                found.append(attribute)
    return tuple(found)


def fields_of(live: Any) -> dict[str, Any]:
    """The attributes of an object by name, in its dictionary and its slots; not to be written to."""
    kind: Any = type(live)
    own: dict[str, Any] = getattr(live, "__dict__", {})
    slots = slots_of(kind)
    if not slots:
        return own
    return {**{name: getattr(live, name) for name in slots if hasattr(live, name)}, **own}
