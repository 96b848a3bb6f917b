"""``strongbox.json``: what an archive says of itself.

The format version is one integer. A reader takes every version up to its own and refuses a later one,
naming the version; a change that an older reader may safely ignore adds a key and keeps the version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ..errors import FormatError, UnsupportedError, locate
from ..limits import DEFAULT_LIMITS, Limits
from ..records import record
from .json_text import dump_lines, parse_json
from .members import MANIFEST

__all__ = ["FORMAT_NAME", "FORMAT_VERSION", "Manifest", "is_environment_id"]

FORMAT_NAME = "strongbox archive"
FORMAT_VERSION = 1

ENVIRONMENT = re.compile(r"(?:[\w-]{1,100}/)?[\w.-]{1,200}", re.ASCII)
"""An id of gymnasium's. One with a colon names a module to import, which a file must never do."""


def is_environment_id(text: str) -> bool:
    """Whether a text is the id of an environment that an archive may name, such as ``ALE/Breakout-v5``."""
    return ENVIRONMENT.fullmatch(text) is not None


@record(frozen=True, kw_only=True)
class Manifest:
    """The content of ``strongbox.json``.

    ``digests`` maps every other member to its SHA-256 in hexadecimal, ``opaque`` the path of an
    opaque part to its type and the reason, ``left_out`` the name of what was not kept to the reason,
    ``approximate`` the name of a function to the largest error of the table that stands for it.
    ``environment`` is gymnasium's id of the one that the agent was trained in, None where it is not known.
    ``converted_from`` is the version of SB3 that wrote the archive which this one was made from, empty where none was.
    ``arrays`` names the variables that are numpy's, the others being torch's; ``shared`` maps a name to the one under
    which the same thing is kept, of an agent that has it twice.
    """

    algorithm: str
    writer: str
    digests: Mapping[str, str]
    opaque: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    approximate: Mapping[str, float] = field(default_factory=dict)
    environment: str | None = None
    converted_from: str = ""
    arrays: tuple[str, ...] = ()
    shared: Mapping[str, str] = field(default_factory=dict)
    version: int = FORMAT_VERSION

    def to_bytes(self) -> bytes:
        """The JSON text, one line for each key."""
        origin = {"converted_from": self.converted_from} if self.converted_from else {}
        own = {"arrays": list(self.arrays), "shared": dict(self.shared)}
        return dump_lines(
            {
                "format": FORMAT_NAME,
                "version": self.version,
                "writer": self.writer,
                "algorithm": self.algorithm,
                **({} if self.environment is None else {"environment": self.environment}),
                **origin,
                "digests": dict(self.digests),
                "opaque": {path: dict(part) for path, part in self.opaque.items()},
                "left_out": dict(self.left_out),
                "approximate": dict(self.approximate),
                **{key: names for key, names in own.items() if names},
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes | memoryview, *, limits: Limits = DEFAULT_LIMITS) -> Manifest:
        """Read and check the JSON text; raises FormatError, LimitError, and UnsupportedError on a later version."""
        with locate(member=MANIFEST):
            parsed = parse_json(content, limits=limits)
            if not isinstance(parsed, dict) or parsed.get("format") != FORMAT_NAME:
                raise FormatError(f'expected an object with "format": "{FORMAT_NAME}", found another.')
            version = parsed.get("version")
            if not isinstance(version, int) or isinstance(version, bool) or version < 1:
                raise FormatError(f"expected a version number, found {version!r}.")
            if version > FORMAT_VERSION:
                raise UnsupportedError(
                    f"expected format version {FORMAT_VERSION} or earlier, found {version}.",
                    hint="Update Strongbox: pip install --upgrade strongbox",
                )
            return cls(
                version=version,
                algorithm=_text(parsed, "algorithm"),
                writer=_text(parsed, "writer"),
                converted_from=_text(parsed, "converted_from") if "converted_from" in parsed else "",
                digests=_table(parsed, "digests", str),
                opaque={path: _strings(part, path) for path, part in _table(parsed, "opaque", dict).items()},
                left_out=_table(parsed, "left_out", str),
                approximate=_table(parsed, "approximate", float),
                environment=_environment(parsed),
                arrays=_names(parsed, "arrays"),
                shared=_table(parsed, "shared", str),
            )


def _text(parsed: dict[str, Any], key: str) -> str:
    value = parsed.get(key)
    if not isinstance(value, str):
        raise FormatError(f"expected text for {key!r}, found {type(value).__name__}.")
    return value


def _environment(parsed: dict[str, Any]) -> str | None:
    found = parsed.get("environment")
    if found is None:
        return None
    if not isinstance(found, str) or not is_environment_id(found):
        raise FormatError(f"expected the id of an environment, found {ascii(found)[:200]}.")
    return found


def _table(parsed: dict[str, Any], key: str, kind: type) -> dict[str, Any]:
    value = parsed.get(key, {})
    if not isinstance(value, dict):
        raise FormatError(f"expected an object for {key!r}, found {type(value).__name__}.")
    for name, item in value.items():
        if not isinstance(item, kind):
            raise FormatError(f"expected {kind.__name__} for {key}[{name!r}], found {type(item).__name__}.")
    return value


def _names(parsed: dict[str, Any], key: str) -> tuple[str, ...]:
    value = parsed.get(key, [])
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise FormatError(f"expected a list of names for {key!r}, found another.")
    return tuple(value)


def _strings(part: dict[str, Any], path: str) -> dict[str, str]:
    if not all(isinstance(item, str) for item in part.values()):
        raise FormatError(f"expected text for the parts of opaque[{path!r}], found something else.")
    return part
