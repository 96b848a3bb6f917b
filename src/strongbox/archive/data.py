"""The member ``data``: the agent's class parameters, each decoded when it is first asked for.

An entry is either JSON as it stands, or an object with ``":type:"`` and a portable or pickled form.
Where the portable form is there, nothing else is read: what is broken in it is reported, never
replaced by the pickle. A value whose bytes break the rules becomes opaque with the reason, so that
one unreadable value does not hide the others; only the archive's budgets end the reading.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .. import values
from ..errors import FormatError, LimitError, StrongboxError, locate
from ..limits import DEFAULT_LIMITS, Limits, how_to_raise
from ..pickles import Budget, Decoded, decode
from ..values import SCHEDULE_NAMES, Opaque, find_opaque
from .json_text import parse_json

__all__ = ["MARKERS", "PORTABLE", "SERIALIZED", "TYPE", "Data"]

TYPE, PORTABLE, SERIALIZED = ":type:", ":portable:", ":serialized:"
MARKERS = frozenset((TYPE, PORTABLE, SERIALIZED))


class Data(Mapping[str, Any]):
    """A read-only mapping from attribute name to value."""

    def __init__(self, content: bytes | memoryview, *, limits: Limits = DEFAULT_LIMITS, budget: Budget | None = None):
        with locate(member="data"):
            parsed = parse_json(content, limits=limits)
            if not isinstance(parsed, dict):
                raise FormatError(f"expected a JSON object, found {type(parsed).__name__}.")
            if len(parsed) > limits.names:
                raise LimitError(
                    f"expected at most {limits.names:,} names, found {len(parsed):,}.",
                    hint=how_to_raise("names"),
                )
        self._entries: dict[str, Any] = parsed
        self._limits = limits
        self._budget = budget or Budget(limits)
        self._values: dict[str, Any] = {}
        self._decoded: dict[str, Decoded] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = self._value(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __repr__(self) -> str:
        return f"<data of {len(self)} names: {', '.join(self)}>"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def type(self, name: str) -> str:
        """The type of an entry as the file says it (``<class 'collections.deque'>``)."""
        entry = self._entries[name]
        if _is_typed(entry):
            return str(entry.get(TYPE, "unknown"))
        return str(type(entry))

    def attributes(self, name: str) -> dict[str, Any]:
        """The first-level attributes that stand beside a typed entry for people to read."""
        entry = self._entries[name]
        return {key: item for key, item in entry.items() if key not in MARKERS} if _is_typed(entry) else {}

    def is_portable(self, name: str) -> bool:
        """Whether the entry is read without a pickle."""
        entry = self._entries[name]
        return not _is_typed(entry) or PORTABLE in entry

    def pickle(self, name: str) -> bytes | None:
        """The bytes of an entry's pickle, or None where it has none; raises FormatError on bad base64."""
        entry = self._entries[name]
        if not _is_typed(entry) or SERIALIZED not in entry:
            return None
        text = entry[SERIALIZED]
        if not isinstance(text, str):
            raise FormatError(f"expected base64 text for {name!r}, found {type(text).__name__}.")
        if len(text) // 4 * 3 > self._limits.pickle_bytes + 2:
            limit = f"{self._limits.pickle_bytes:,} bytes"
            raise LimitError(
                f"expected a pickle of at most {limit} for {name!r}, found a longer one.",
                hint=how_to_raise("pickle_bytes"),
            )
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise FormatError(f"expected base64 for {name!r}, found other characters.") from None

    def decoded(self, name: str) -> Decoded | None:
        """An entry's pickle as inert nodes, or None where it has none."""
        if name not in self._decoded:
            content = self.pickle(name)
            if content is None:
                return None
            self._decoded[name] = decode(content, limits=self._limits, budget=self._budget)
        return self._decoded[name]

    def opaque(self) -> dict[str, Opaque]:
        """Every part of data that no recipe understands, by its path."""
        return {path: part for name in self for path, part in find_opaque(self[name], name)}

    def pickled_value(self, name: str) -> Any:
        """The value of an entry's pickle, whether or not it has a portable form; what is broken is opaque."""
        return self._guarded(name, self._from_pickle)

    def _value(self, name: str) -> Any:
        entry = self._entries[name]
        if not _is_typed(entry):
            return entry
        return self._guarded(name, self._from_portable if PORTABLE in entry else self._from_pickle)

    def _guarded(self, name: str, read: Callable[[str], Any]) -> Any:
        try:
            with locate(member=f"data[{name!r}]"):
                return read(name)
        except LimitError:
            raise
        except StrongboxError as error:
            return Opaque(type=self.type(name), reason=str(error))

    def _from_portable(self, name: str) -> Any:
        return values.from_portable(self._entries[name][PORTABLE], limits=self._limits)

    def _from_pickle(self, name: str) -> Any:
        decoded = self.decoded(name)
        if decoded is None:
            return Opaque(type=self.type(name), reason="the file holds neither a portable form nor a pickle of it")
        is_schedule = name in SCHEDULE_NAMES
        return values.to_value(decoded, limits=self._limits, budget=self._budget, is_schedule=is_schedule)


def _is_typed(entry: Any) -> bool:
    return isinstance(entry, dict) and not MARKERS.isdisjoint(entry)
