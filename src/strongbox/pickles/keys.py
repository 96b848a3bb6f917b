"""Which nodes may be a key of a dictionary or an element of a set.

Scalars, stand-ins (hashed by identity), and tuples of these at most two deep: hashing one is cheap and
cannot recurse. Python hashes numbers without a secret, so a file could choose keys that all collide,
and a dictionary of n such keys takes n² steps to fill. Integers below 2**60 cannot collide, and tuples,
which can, are counted (:mod:`.budget`). Text and bytes are hashed with a secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import LimitError, RefusedError
from .budget import Budget
from .nodes import Call, Global, Node, PersistentId

__all__ = ["check_keys", "key_order"]

KEY_BITS = 60
KEY_ITEMS = 64

ORDER_DEPTH = 4
"""How deep elements of a set are compared to bring them into order; only calls can be deeper."""

PLAIN_KEYS: frozenset[type] = frozenset({type(None), bool, float, str, bytes, Global, Call, PersistentId})
"""Types that may be a key as they are; integers and tuples are looked at."""


def check_keys(keys: Iterable[Node], budget: Budget) -> None:
    """Raise RefusedError or LimitError where a node may not be a key."""
    for key in keys:
        if type(key) in PLAIN_KEYS:
            continue
        if type(key) is not tuple:
            _check_scalar(key)
        else:
            budget.count_tuple_key()
            _check_tuple(key)


def _check_tuple(key: tuple[Node, ...]) -> None:
    inner = [item for item in key[:KEY_ITEMS] if type(item) is tuple]
    if len(key) + sum(map(len, inner)) > KEY_ITEMS:
        raise LimitError(f"expected a tuple of at most {KEY_ITEMS} values as a key, found a longer one.")
    for item in (part for whole in (key, *inner) for part in whole):
        if type(item) is not tuple:
            _check_scalar(item)
    if any(type(item) is tuple for whole in inner for item in whole):
        raise RefusedError("expected a key that is a scalar or a shallow tuple, found tuples nested deeper.")


def _check_scalar(key: Node) -> None:
    kind = type(key)
    if kind in PLAIN_KEYS:
        return
    if kind is not int:
        raise RefusedError(f"expected a key that is a scalar or a shallow tuple, found a {kind.__name__}.")
    if key.bit_length() > KEY_BITS:
        raise RefusedError(f"expected an integer key of at most {KEY_BITS} bits, found a larger one.")


def key_order(key: Node, depth: int = ORDER_DEPTH) -> tuple[Any, ...]:
    """What to sort elements of a set by, so that equal sets are written alike whatever their order here."""
    kind = type(key)
    if kind is Global:
        return (kind.__name__, key.path)
    parts: tuple[Node, ...]
    if kind is Call:
        parts = (key.function, *key.arguments)
    elif kind is PersistentId:
        parts = (key.value,)
    elif kind is tuple:
        parts = key
    else:
        return (kind.__name__, repr(key))
    return (kind.__name__, *(key_order(part, depth - 1) for part in parts if depth > 0))
