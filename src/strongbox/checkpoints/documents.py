"""The JSON files of a run: one object each, which says its format and version, read as strictly as an archive.

A reader takes every version up to its own and refuses a later one, naming both; keys that it does not know
are left alone, so that a change which an older reader may ignore keeps the version.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .. import _version
from ..archive import check_format, dump_lines, parse_json
from ..errors import FormatError, locate
from ..limits import DEFAULT_LIMITS, Limits
from .files import read_file

__all__ = ["Document", "dump_document", "read_document"]


class Document:
    """One JSON object, its parts given out by type; every method raises FormatError for another type."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content

    def text(self, key: str) -> str:
        """A text."""
        text: str = _expect(self.content.get(key), str, key)
        return text

    def optional_text(self, key: str) -> str | None:
        """A text, or None where it is null or not there."""
        return None if self.content.get(key) is None else self.text(key)

    def count(self, key: str) -> int:
        """An integer, 0 or more."""
        return _count(self.content.get(key), key)

    def number(self, key: str) -> float:
        """A number, finite and 0 or more."""
        number = _number(self.content.get(key), key)
        if not math.isfinite(number) or number < 0:
            raise FormatError(f"expected a finite number, 0 or more, for {key!r}, found {number}.")
        return number

    def texts(self, key: str) -> dict[str, str]:
        """An object of texts."""
        return {name: _expect(item, str, f"{key}[{name!r}]") for name, item in self.table(key).items()}

    def counts(self, key: str) -> dict[str, int]:
        """An object of integers, 0 or more."""
        return {name: _count(item, f"{key}[{name!r}]") for name, item in self.table(key).items()}

    def numbers(self, key: str) -> dict[str, float]:
        """An object of numbers, which may be infinite or no number at all."""
        return {name: _number(item, f"{key}[{name!r}]") for name, item in self.table(key).items()}

    def table(self, key: str) -> dict[str, Any]:
        """An object of anything."""
        table: dict[str, Any] = _expect(self.content.get(key), dict, key)
        return table

    def tables(self, key: str) -> dict[str, Document]:
        """An object of objects."""
        return {name: Document(_expect(item, dict, f"{key}[{name!r}]")) for name, item in self.table(key).items()}


def read_document(path: str, *, form: str, version: int, limits: Limits = DEFAULT_LIMITS) -> Document:
    """Read a file of a known format; raises FormatError, LimitError, and UnsupportedError on a later version."""
    with locate(path=path):
        parsed = parse_json(read_file(path, most=limits.data_bytes), limits=limits)
        return Document(check_format(parsed, form, version))


def dump_document(form: str, version: int, content: Mapping[str, Any]) -> bytes:
    """The JSON text of a file, with its format, version and writer first and one line for each key."""
    writer = f"strongbox {_version.__version__}"
    return dump_lines({"format": form, "version": version, "writer": writer, **content}) + b"\n"


def _expect(value: Any, kind: type, key: str) -> Any:
    if not isinstance(value, kind):
        raise FormatError(f"expected {kind.__name__} for {key}, found {type(value).__name__}.")
    return value


def _count(value: Any, key: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise FormatError(f"expected an integer, 0 or more, for {key}, found {_shown(value)}.")
    return value


def _number(value: Any, key: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise FormatError(f"expected a number for {key}, found {_shown(value)}.")
    return float(value)


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, int | float | None) else type(value).__name__
