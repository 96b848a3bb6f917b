"""Which values JSON holds exactly as they are."""

from __future__ import annotations

from typing import Any

__all__ = ["is_exact_json"]

RESERVED = frozenset({":type:", ":serialized:", ":portable:"})
"""Keys that mark a typed entry of an archive's data, so a plain dictionary may not have them."""

KEYS = frozenset({str})

AS_THEY_ARE = frozenset({type(None), bool, float, str})
"""Types of which every value is exact, and most values are: told without a call."""

CONTAINERS = frozenset({list, dict})

INTEGER_BITS = 127
"""What an integer may have besides its sign: those who read an archive's JSON refuse longer ones."""


def is_exact_json(value: Any, *, depth: int = 64) -> bool:
    """Whether ``json.loads(json.dumps(value))`` is the same, types included.

    Scalars of exactly Python's own types (NaN, infinities, any text, integers of 127 bits), lists, and
    dictionaries with text as keys; nested no deeper than ``depth``, which also ends cycles. Not so:
    tuples, other keys, ``numpy.float64``, members of an IntEnum, keys that mark a typed entry.
    """
    return type(value) in AS_THEY_ARE or _is_exact(value, depth, {})


def _is_exact(value: Any, depth: int, known: dict[int, int]) -> bool:
    """The same; ``known`` has the containers, by identity, that are exact with so many levels or more.

    One that stands in many places is looked at again only where fewer levels are left.
    """
    kind = type(value)
    if kind is int:
        return bool(value.bit_length() <= INTEGER_BITS)
    if kind not in CONTAINERS or depth <= 0:
        return False
    if known.get(id(value), depth + 1) <= depth:
        return True
    if kind is dict and not (KEYS.issuperset(map(type, value)) and RESERVED.isdisjoint(value)):
        return False
    items = value.values() if kind is dict else value
    exact = all(_is_exact(item, depth - 1, known) for item in items if type(item) not in AS_THEY_ARE)
    if exact:
        known[id(value)] = depth
    return exact
