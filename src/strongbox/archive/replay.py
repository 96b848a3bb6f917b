"""The replay of a checkpoint that was packed into its archive: two members, an index and the segments.

``replay/segments`` is one segment after the other. ``replay/replay.json`` says in which order, each by its name, which
is the SHA-256 of its content, with its offset and length; and it holds the checkpoint's ``replay.json`` as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..container import Directory
from ..errors import FormatError, locate
from ..limits import DEFAULT_LIMITS, Limits
from .json_text import check_format, dump_lines, is_sha256, parse_json
from .members import REPLAY_INDEX, REPLAY_SEGMENTS

__all__ = ["PackedReplay", "replay_index"]

FORMAT_NAME = "strongbox packed replay"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class _Place:
    offset: int
    length: int


def replay_index(replay: Mapping[str, Any], lengths: Mapping[str, int]) -> bytes:
    """The content of ``replay/replay.json`` for segments of these lengths, which follow each other in this order."""
    places, offset = {}, 0
    for name, length in lengths.items():
        places[name] = {"offset": offset, "length": length}
        offset += length
    return dump_lines({"format": FORMAT_NAME, "version": FORMAT_VERSION, "segments": places, "replay": dict(replay)})


class PackedReplay(Mapping[str, memoryview]):
    """The segments of a packed replay by name, each given out when its SHA-256 was verified.

    ``replay`` is what the checkpoint's ``replay.json`` says.
    """

    def __init__(self, members: Directory, *, limits: Limits = DEFAULT_LIMITS) -> None:
        """Read the index; raises FormatError where it does not fit, and UnsupportedError on a later version."""
        with locate(member=REPLAY_INDEX):
            parsed = check_format(parse_json(members.read(REPLAY_INDEX), limits=limits), FORMAT_NAME, FORMAT_VERSION)
            self.replay: dict[str, Any] = _object(parsed, "replay")
            self._places = _places(_object(parsed, "segments"))
            if set(_object(self.replay, "segments")) != set(self._places):
                raise FormatError("expected the segments that the replay names, found others.")
        if REPLAY_SEGMENTS not in members:
            raise FormatError("expected the segments of the replay, found none.", member=REPLAY_SEGMENTS)
        self._content = members.span(REPLAY_SEGMENTS)
        if sum(place.length for place in self._places.values()) != len(self._content):
            raise FormatError("expected segments as long as the index says, found others.", member=REPLAY_SEGMENTS)

    def __getitem__(self, name: str) -> memoryview:
        place = self._places[name]
        content = self._content[place.offset : place.offset + place.length]
        found = hashlib.sha256(content).hexdigest()
        if found != name:
            problem = f"expected a segment with SHA-256 {name}, found {found}."
            raise FormatError(problem, member=REPLAY_SEGMENTS, offset=place.offset, hint="The file is damaged.")
        return content

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return f"<replay of {len(self)} segments>"


def _object(parsed: dict[str, Any], key: str) -> dict[str, Any]:
    value = parsed.get(key)
    if not isinstance(value, dict):
        raise FormatError(f"expected an object for {key!r}, found {type(value).__name__}.")
    return value


def _places(parsed: dict[str, Any]) -> dict[str, _Place]:
    """Where each segment lies; one begins where the one before it ends, and the first at 0."""
    places, end = {}, 0
    for name, item in parsed.items():
        offset, length = (item.get("offset"), item.get("length")) if isinstance(item, dict) else (None, None)
        if not is_sha256(name) or type(offset) is not int or type(length) is not int or length < 0:
            raise FormatError(f"expected a SHA-256 with its offset and length, found {name[:100]!a}.")
        if offset != end:
            raise FormatError(f"expected segment {name} at offset {end}, found it at {offset}.")
        places[name], end = _Place(offset, length), end + length
    return places
