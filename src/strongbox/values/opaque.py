"""What no recipe understands: kept, shown, carried along, never executed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

__all__ = ["Opaque", "find_opaque"]


@dataclass(frozen=True)
class Opaque:
    """A part of a value that is not understood: its type as the file says it, and why.

    ``needs_code`` says that the pickle holds code by value (a function or class of ``__main__``).
    """

    type: str
    reason: str
    needs_code: bool = field(default=False, repr=False)


def find_opaque(value: Any, path: str = "") -> Iterator[tuple[str, Opaque]]:
    """Every opaque part of a value with its path, such as ``policy_kwargs['activation_fn']``."""
    if isinstance(value, Opaque):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from find_opaque(item, f"{path}[{key!r}]")
    elif isinstance(value, list | tuple | set | frozenset) or hasattr(value, "maxlen"):
        for index, item in enumerate(value):
            yield from find_opaque(item, f"{path}[{index}]")
    elif is_dataclass(value) and not isinstance(value, type):
        for item in fields(value):
            yield from find_opaque(getattr(value, item.name), f"{path}.{item.name}")
