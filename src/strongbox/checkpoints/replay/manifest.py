"""``replay.json``: which rows of which segments a replay buffer consists of.

Two tables of ranges say where the rows stand, each from the ring's first place without a gap: one for the columns
whose rows are written once, one for the late columns, whose earlier rows may change. Places behind the
last range hold zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...archive import check_format, is_sha256
from ...errors import FormatError, locate
from ...values import is_exact_json
from ...values.checks import check, flag, instance, text, whole
from .columns import LARGEST, TEXT, Column, columns_from_json, columns_to_json
from .ranges import Range, length

__all__ = ["FORMAT_NAME", "FORMAT_VERSION", "MANIFEST_NAME", "ReplayManifest", "SegmentRecord", "segments_named"]

MANIFEST_NAME = "replay.json"
FORMAT_NAME = "strongbox replay"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class SegmentRecord:
    """What a manifest says of a segment: the bytes of its file and its rows."""

    size: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class ReplayManifest:
    """A replay buffer at one checkpoint: ``capacity`` rows, each one step of all ``environments``.

    ``position`` is the place of the next row, ``full`` whether the ring went round; ``settings`` are plain JSON.
    ``ranges`` and ``late_ranges`` list rows of the segments in the order of their places.
    """

    capacity: int
    environments: int
    position: int
    full: bool
    columns: Mapping[str, Column]
    late_columns: Mapping[str, Column] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    segments: Mapping[str, SegmentRecord] = field(default_factory=dict)
    ranges: tuple[Range, ...] = ()
    late_ranges: tuple[Range, ...] = ()

    def __post_init__(self) -> None:
        """Raise FormatError unless all parts fit each other."""
        check(not self.columns.keys() & self.late_columns.keys(), "expected no column to be a late one, too.")
        check(all(c.dtype != TEXT for c in self.late_columns.values()), "expected no texts in late columns.")
        whole(self.position, "the position", 0, self.capacity - 1)
        for column in (*self.columns.values(), *self.late_columns.values()):
            check(self.capacity * self.environments * column.entry_bytes <= LARGEST, "expected columns that fit.")
        self._check_ranges(self.ranges, self.columns, "ranges")
        self._check_ranges(self.late_ranges, self.late_columns, "late_ranges")
        check(segments_named(self) == set(self.segments), "expected the segments that the ranges name, and no others.")

    @property
    def rows(self) -> int:
        """Rows that were filled."""
        return self.capacity if self.full else self.position

    def _check_ranges(self, ranges: tuple[Range, ...], columns: Mapping[str, Column], what: str) -> None:
        for part in ranges:
            known = self.segments.get(part.segment)
            if known is None:
                raise FormatError(f"expected {what} of listed segments, found another.")
            check(part.first + part.count <= known.rows, f"expected {what} within their segments, found one beyond.")
        covered = length(ranges)
        low = self.rows if columns else 0
        high = self.capacity if columns else 0
        check(low <= covered <= high, f"expected {what} of {low:,} to {high:,} rows, found {covered:,}.")

    def to_json(self) -> dict[str, Any]:
        """The manifest as what ``json.dumps`` takes."""
        return {
            "format": FORMAT_NAME,
            "version": FORMAT_VERSION,
            "capacity": self.capacity,
            "environments": self.environments,
            "position": self.position,
            "full": self.full,
            "rows": self.rows,
            "columns": columns_to_json(self.columns),
            "late_columns": columns_to_json(self.late_columns),
            "settings": dict(self.settings),
            "segments": {name: {"size": one.size, "rows": one.rows} for name, one in self.segments.items()},
            "ranges": [[part.segment, part.first, part.count] for part in self.ranges],
            "late_ranges": [[part.segment, part.first, part.count] for part in self.late_ranges],
        }

    @classmethod
    def from_json(cls, parsed: Any) -> ReplayManifest:
        """Read and check what JSON says; raises FormatError, and UnsupportedError on a later version."""
        with locate(member=MANIFEST_NAME):
            parsed = check_format(parsed, FORMAT_NAME, FORMAT_VERSION)
            manifest = cls(
                capacity=whole(parsed.get("capacity"), "the capacity", 1, LARGEST),
                environments=whole(parsed.get("environments"), "the environments", 1, LARGEST),
                position=whole(parsed.get("position"), "the position", 0, LARGEST),
                full=flag(parsed.get("full"), "'full'"),
                columns=columns_from_json(parsed.get("columns")),
                late_columns=columns_from_json(parsed.get("late_columns")),
                settings=read_settings(parsed.get("settings")),
                segments=read_segments(parsed.get("segments")),
                ranges=tuple(read_ranges(parsed.get("ranges"), "ranges")),
                late_ranges=tuple(read_ranges(parsed.get("late_ranges"), "late_ranges")),
            )
            rows = whole(parsed.get("rows"), "the rows", 0, LARGEST)
            check(rows == manifest.rows, f"expected {manifest.rows:,} rows at this position, found {rows:,}.")
            return manifest


def segments_named(manifest: ReplayManifest) -> set[str]:
    """The names of the segments that a manifest needs."""
    return {part.segment for part in (*manifest.ranges, *manifest.late_ranges)}


def read_settings(parsed: Any) -> dict[str, Any]:
    """Settings: an object of plain JSON."""
    settings: dict[str, Any] = instance(parsed, dict, "an object for the settings")
    check(is_exact_json(settings), "expected settings of plain JSON, found others.")
    return settings


def read_segments(parsed: Any) -> dict[str, SegmentRecord]:
    """Segments by name."""
    segments = {}
    for name, record in instance(parsed, dict, "an object for the segments").items():
        check(is_sha256(name), f"expected SHA-256 as names of segments, found {name[:70]!r}.")
        record = instance(record, dict, "an object for each segment")
        size = whole(record.get("size"), "the size of a segment", 1, LARGEST)
        segments[name] = SegmentRecord(size, whole(record.get("rows"), "the rows of a segment", 1, LARGEST))
    return segments


def read_ranges(parsed: Any, what: str) -> Iterable[Range]:
    """Ranges, each ``[segment, first, count]``."""
    for part in instance(parsed, list, f"a list for {what}"):
        check(isinstance(part, list) and len(part) == 3, f"expected {what} of three parts each, found others.")
        segment, first, count = part
        yield Range(
            text(segment, "a range's segment"),
            whole(first, "a range's first row", 0, LARGEST),
            whole(count, "a range's count", 1, LARGEST),
        )
