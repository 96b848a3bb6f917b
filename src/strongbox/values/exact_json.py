"""Which values JSON holds exactly as they are."""

from __future__ import annotations

from typing import Any

__all__ = ["is_exact_json"]

RESERVED = frozenset({":type:", ":serialized:", ":portable:"})
"""Keys that mark a typed entry of an archive's data, so a plain dictionary may not have them."""

KEYS = frozenset({str})

AS_THEY_ARE = frozenset({type(None), bool, float, str})
"""Types of which every value is exact, and most values are: told without a call."""

INTEGER_BITS = 127
"""What an integer may have besides its sign: those who read an archive's JSON refuse longer ones."""


def is_exact_json(value: Any, *, depth: int = 64) -> bool:
    """Whether ``json.loads(json.dumps(value))`` is the same, types included.

    Scalars of exactly Python's own types (NaN, infinities, any text, integers of 127 bits), lists, and
    dictionaries with text as keys; nested no deeper than ``depth``, which also ends cycles. Not so:
    tuples, other keys, ``numpy.float64``, members of an IntEnum, keys that mark a typed entry.
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return kind is not int or value.bit_length() <= INTEGER_BITS
    if depth <= 0:
        return False
    if kind is dict:
        if not KEYS.issuperset(map(type, value)) or not RESERVED.isdisjoint(value):
            return False
        value = value.values()
    elif kind is not list:
        return False
    return all(is_exact_json(item, depth=depth - 1) for item in value if type(item) not in AS_THEY_ARE)
