"""What no recipe understands: kept, shown, carried along, never executed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import field, fields, is_dataclass
from typing import Any

import numpy

from ..records import record

__all__ = ["Opaque", "find_opaque"]


@record(frozen=True)
class Opaque:
    """A part of a value that is not understood: its type as the file says it, and why.

    ``needs_code`` says that the pickle holds code by value (a function or class of ``__main__``).
    """

    type: str
    reason: str
    needs_code: bool = field(default=False, repr=False)


LONGEST_KEY = 60
LEAVES = frozenset({type(None), bool, int, float, str, bytes, numpy.ndarray})
"""Types that have no parts and are most of what there is: told at once."""


def find_opaque(value: Any, path: str = "") -> list[tuple[str, Opaque]]:
    """Every opaque part of a value with its path, such as ``policy_kwargs['activation_fn']``."""
    if isinstance(value, Opaque):
        return [(path, value)]
    found: list[tuple[str, Opaque]] = []
    for part, place in _parts(value):
        found += [(f"{path}{place}{rest}", opaque) for rest, opaque in find_opaque(part)]
    return found


def _parts(value: Any) -> Iterable[tuple[Any, str]]:
    """The direct parts of a value that may have parts themselves, with the step that leads to each."""
    if isinstance(value, dict):
        if LEAVES.issuperset(map(type, value.values())):
            return ()
        pairs = enumerate(value.items())
        return ((item, _step(key, index)) for index, (key, item) in pairs if type(item) not in LEAVES)
    if isinstance(value, list | tuple | set | frozenset | deque):
        return ((item, f"[{index}]") for index, item in enumerate(value) if type(item) not in LEAVES)
    if is_dataclass(value) and not isinstance(value, type):
        named = ((getattr(value, item.name), f".{item.name}") for item in fields(value))
        return (part for part in named if type(part[0]) not in LEAVES)
    return ()


def _step(key: Any, index: int) -> str:
    """The step to an item of a dictionary; a long key is cut and told by its place among the keys.

    A file may hold one long key above many opaque parts, each of which gets a path of its own.
    """
    shown = repr(key[:LONGEST_KEY]) if isinstance(key, str | bytes) else repr(key)
    cut = len(key) > LONGEST_KEY if isinstance(key, str | bytes) else len(shown) > 2 * LONGEST_KEY
    return f"[{shown[: 2 * LONGEST_KEY]}… #{index}]" if cut else f"[{shown}]"
