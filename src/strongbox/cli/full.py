"""One value in full: every field, every item, every element of every array, one below the other."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy

__all__ = ["full_lines"]

STEP = "  "
PLAIN = (bool, int, float, str)


def full_lines(value: Any, *, width: int, label: str = "", indent: str = "") -> Iterator[str]:
    """Lines of text for a value; arrays with as many digits as tell their elements apart."""
    parts = _parts(value)
    if isinstance(value, numpy.ndarray):
        yield f"{indent}{label}array of {value.dtype}, shape {value.shape}"
        yield from _array_lines(value, width, indent + STEP)
    elif parts is None or _is_short(value, width - len(indent) - len(label)):
        yield f"{indent}{label}{value if isinstance(value, numpy.dtype) else repr(value)}"
    else:
        yield f"{indent}{label}{_title(value, len(parts))}"
        for name, part in parts:
            yield from full_lines(part, width=width, label=f"{name}: ", indent=indent + STEP)


def _parts(value: Any) -> list[tuple[str, Any]] | None:
    """What a value is made of, by names; None for one that is printed as it is."""
    if isinstance(value, Mapping):
        return [(repr(key), item) for key, item in value.items()]
    if isinstance(value, (list, tuple)) or hasattr(value, "maxlen"):
        return [(str(index), item) for index, item in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        return [("-", item) for item in sorted(value, key=repr)]
    if is_dataclass(value) and not isinstance(value, type) and not hasattr(value, "path"):
        return [(field.name, getattr(value, field.name)) for field in fields(value)]
    return None


def _is_short(value: Any, room: int) -> bool:
    """Whether a list or tuple of plain things fits on a line."""
    if not isinstance(value, (list, tuple)) or len(value) > room:
        return False
    return all(item is None or isinstance(item, PLAIN) for item in value) and len(repr(value)) <= room


def _title(value: Any, count: int) -> str:
    kind = type(value).__name__
    if is_dataclass(value):
        return kind
    longest = getattr(value, "maxlen", None)
    return f"{kind} of {count:,}{f', at most {longest:,}' if longest is not None else ''}"


def _array_lines(array: numpy.ndarray[Any, Any], width: int, indent: str) -> Iterator[str]:
    text = numpy.array2string(
        array, threshold=sys.maxsize, floatmode="unique", max_line_width=max(width - len(indent), 20)
    )
    return (f"{indent}{line}" for line in text.splitlines())
