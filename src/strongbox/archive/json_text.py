"""JSON as an archive may hold it: strict in structure, bounded in size, every number in range.

Beyond the standard (RFC 8259) it takes ``NaN``, ``Infinity`` and ``-Infinity``, which SB3 writes.
Refused are duplicate keys, integers of more than 128 bits, floats that overflow, more values than
``Limits.nodes``, and nesting beyond ``Limits.depth``.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from ..errors import FormatError, LimitError, UnsupportedError
from ..limits import DEFAULT_LIMITS, Limits, how_to_raise

__all__ = [
    "check_format",
    "check_size",
    "dump_lines",
    "dump_text",
    "is_sha256",
    "join_lines",
    "measure_depth",
    "parse_json",
]

_INTEGER_DIGITS = 39
"""Digits of 2**128 - 1, the largest integer that a pickle may hold, too."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def parse_json(content: bytes | memoryview, *, limits: Limits = DEFAULT_LIMITS) -> Any:
    """Read JSON from UTF-8 bytes; raises FormatError and LimitError, never anything else."""
    content = bytes(content)
    check_size(content, limits=limits)
    try:
        parsed = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_float,
        )
    except UnicodeDecodeError as error:
        raise FormatError("expected UTF-8, found other bytes.", offset=error.start) from None
    except json.JSONDecodeError as error:
        raise FormatError(f"expected JSON, found something else: {error.msg}.", offset=error.pos) from None
    except RecursionError:
        raise LimitError(f"expected JSON nested at most {limits.depth} deep, found deeper.") from None
    if measure_depth(parsed, limits.depth) > limits.depth:
        raise LimitError(f"expected JSON nested at most {limits.depth} deep, found deeper.")
    return parsed


def check_format(parsed: Any, form: str, version: int) -> dict[str, Any]:
    """The object of a file that says its format and version; raises FormatError, UnsupportedError on a later one."""
    if not isinstance(parsed, dict) or parsed.get("format") != form:
        raise FormatError(f'expected an object with "format": "{form}", found another.')
    found = parsed.get("version")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise FormatError(f"expected a version number, found {type(found).__name__}.")
    if found > version:
        raise UnsupportedError(
            f"expected version {version} or earlier of the format, found {found}.",
            hint="Update Strongbox: pip install --upgrade strongbox",
        )
    return parsed


def is_sha256(text: str) -> bool:
    """Whether a text is a SHA-256 as all files of Strongbox write it: 64 digits of lower-case hexadecimal."""
    return _SHA256.fullmatch(text) is not None


def check_size(content: bytes, *, limits: Limits = DEFAULT_LIMITS) -> None:
    """Raise LimitError for JSON that is too long, or holds too many values, to be read at all."""
    if len(content) > limits.data_bytes:
        raise LimitError(
            f"expected at most {limits.data_bytes:,} bytes of JSON, found {len(content):,}.",
            hint=how_to_raise("data_bytes"),
        )
    if content.count(b",") + content.count(b"[") + content.count(b"{") > limits.nodes:
        raise LimitError(f"expected at most {limits.nodes:,} values in JSON, found more.", hint=how_to_raise("nodes"))


def dump_text(value: Any) -> str:
    """JSON on one line."""
    return json.dumps(value, allow_nan=True, ensure_ascii=True)


def dump_lines(mapping: dict[str, Any]) -> bytes:
    """A JSON object with one line for each key, which people can read and ordinary tools compare."""
    return join_lines({key: dump_text(value) for key, value in mapping.items()})


def join_lines(texts: dict[str, str]) -> bytes:
    """The same from values that are JSON text already."""
    lines = [f"    {dump_text(key)}: {text}" for key, text in texts.items()]
    return ("{\n" + ",\n".join(lines) + "\n}").encode("ascii")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise FormatError(f"expected every key once, found {twice!r} twice in one object.")
    return mapping


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _INTEGER_DIGITS:
        raise LimitError(f"expected an integer of at most 128 bits, found one of {len(text):,} digits.")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise FormatError(f"expected a number in the range of float64, found {text[:40]}.")
    return number


def measure_depth(value: Any, limit: int) -> int:
    """Levels of nesting, counted no further than one beyond the limit."""
    level, layer = 0, [value]
    while level <= limit and (containers := [item for item in layer if isinstance(item, dict | list)]):
        level += 1
        layer = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
    return level
