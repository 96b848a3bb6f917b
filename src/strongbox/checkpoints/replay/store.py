"""The replay store of a run: changes of a buffer in, manifests out, and back.

Writing needs no live buffer: a :class:`Change` holds copies of the rows that were added, so that compression,
digests and files are the work of a thread while training goes on. A change says which manifest it builds on. That
one is what the new rows are laid over; nothing depends on which change this store wrote last.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy

from ...errors import CheckpointError, FormatError, LimitError, StrongboxError, locate
from ...values.checks import Array
from ..files import regular_size
from .change import Change
from .codecs import CODECS, choose_codec
from .columns import TEXT, Column, columns_of, dtype_name
from .decoding import MOST_CONTENT, MOST_HEADER, open_segment
from .encoding import encode_segment
from .late import changed_rows, changed_runs
from .manifest import ReplayManifest, SegmentRecord
from .ranges import Range, cut, length, newest_small, overlay, places, runs_of
from .segment_files import SegmentFiles, SegmentReader

__all__ = ["ReplayStore"]

MOST_ENCODED = 256 << 20
"""Bytes of rows that are turned into a segment at once; much of them is shared and not written."""
MOST_LATE_RANGES = 1024
"""Ranges of late columns above which all of them are written again."""
MANY = 64
"""Small ranges in a row from which on they are made one: every segment takes a millisecond at a resume."""
SMALL = 512 << 10
"""Bytes of rows of the largest small range; so at most 32 MiB are made one."""


class ReplayStore:
    """The folder ``replay`` of a run; it is made when the first segment is written.

    ``codec`` is what segments are compressed with where that pays: ``"zstd"``, ``"zlib"``, ``"none"``, or the best
    that is installed. Raises ValueError for any other.
    """

    def __init__(self, folder: str | os.PathLike[str], *, codec: str | None = None) -> None:
        self.codec = choose_codec() if codec is None else codec
        if self.codec not in CODECS:
            raise ValueError(f"codec: expected one of {', '.join(CODECS)}, found {codec!r}.")
        self._files = SegmentFiles(os.fspath(folder))
        self._written: tuple[ReplayManifest, dict[str, Array]] | None = None

    def path(self, name: str) -> str:
        """Where the segment of this name is."""
        return self._files.path(name)

    def write(self, change: Change) -> ReplayManifest:
        """Write what changed and return the manifest of the buffer as it is now; segments reach the disk first.

        Raises CheckpointError where the change does not fit its base, StrongboxError where the disk refuses. What was
        written until then is named by no manifest and does no harm.
        """
        base = change.base
        check_base(change, base)
        records = dict(base.segments) if base is not None else {}
        ranges = base.ranges if base is not None else ()
        written = list(self._write_rows(change.rows, change.follows, records))
        for place, first, count in runs_of(change.place, length(written), change.capacity):
            if place > length(ranges):
                raise CheckpointError(f"expected the rows from {length(ranges):,} on, found those from {place:,} on.")
            ranges = overlay(ranges, place, list(cut(written, first, first + count)))
        late_ranges = self._write_late(change, records)
        manifest = ReplayManifest(
            capacity=change.capacity,
            environments=change.environments,
            position=change.position,
            full=change.full,
            columns=columns_of(change.rows),
            late_columns=columns_of(change.late),
            settings=dict(change.settings),
            segments={name: records[name] for name in named_in_order(ranges, late_ranges)},
            ranges=ranges,
            late_ranges=late_ranges,
        )
        manifest = self._merge(manifest, change)
        self._remember(manifest, change.late)
        return manifest

    def read(self, manifest: ReplayManifest, columns: Mapping[str, Array], *, used: int | None = None) -> None:
        """Fill a buffer's own arrays (capacity, environments, …), all that the manifest names, to the last bit.

        Rows behind those that were written become zeros, and their texts empty; where the buffer has only zeros from
        row ``used`` on, these are not touched. Raises CheckpointError where an array is another than the manifest's or
        a segment is missing, FormatError where a segment is damaged. The arrays are then partly filled.
        """
        check_targets(manifest, columns)
        tables = ((manifest.columns, manifest.ranges, used), (manifest.late_columns, manifest.late_ranges, None))
        for of, ranges, touched in tables:
            targets = {name: columns[name] for name in of}
            self._read_ranges(manifest, of, ranges, targets)
            for target in targets.values():
                target[length(ranges) : touched] = "" if target.dtype == object else 0

    def require(self, manifest: ReplayManifest) -> None:
        """Raise FormatError where a segment that a manifest needs is not there, or of another size; reads none."""
        for name, record in manifest.segments.items():
            found = regular_size(self.path(name))
            if found != record.size:
                shown = "none" if found is None else f"one of {found:,}"
                problem = f"expected a replay segment of {record.size:,} bytes, found {shown}."
                raise FormatError(problem, path=self.path(name))

    def verify(self, manifest: ReplayManifest) -> Iterator[str]:
        """Read every segment that a manifest needs and give its name when it was whole; raises as ``read`` does."""
        for name in manifest.segments:
            with self._files.reading() as reader, self._open(reader, manifest, name):
                pass
            yield name

    def _write_rows(
        self, rows: Mapping[str, Array], follows: Mapping[str, str], records: dict[str, SegmentRecord]
    ) -> Iterator[Range]:
        """Write rows as segments of bounded size, note them in ``records``, and give their ranges in order."""
        count = row_count(rows)
        if not count:
            return
        row_bytes = max(1, sum(array[:1].nbytes for array in rows.values()))
        step = max(1, MOST_ENCODED // row_bytes)
        for start in range(0, count, step):
            part = {name: array[start : start + step] for name, array in rows.items()}
            yield from self._write_part(part, follows, records)

    def _write_part(
        self, rows: Mapping[str, Array], follows: Mapping[str, str], records: dict[str, SegmentRecord]
    ) -> Iterator[Range]:
        count = row_count(rows)
        segment = encode_segment(rows, follows, self.codec)
        if segment.content_bytes > MOST_CONTENT and count > 1:
            for some in (slice(None, count // 2), slice(count // 2, None)):
                yield from self._write_part({name: array[some] for name, array in rows.items()}, follows, records)
            return
        self._files.write(segment)
        records[segment.name] = SegmentRecord(segment.size, count)
        yield Range(segment.name, 0, count)

    def _merge(self, manifest: ReplayManifest, change: Change) -> ReplayManifest:
        """The same rows with the newest ranges made one, where many of them are small; else the manifest as it is.

        So there are few segments, however often checkpoints are made, and a row that was written is written again
        only as long as it stands among small ones. The segments that were there stay for those who name them.
        """
        row_bytes = max(1, manifest.environments * sum(column.entry_bytes for column in manifest.columns.values()))
        newest = (change.place + row_count(change.rows) - 1) % change.capacity
        place, small = newest_small(manifest.ranges, newest, SMALL // row_bytes)
        if len(small) < MANY:
            return manifest
        shape = (length(small), manifest.environments)
        rows = {
            name: numpy.empty((*shape, *column.shape), object if column.dtype == TEXT else column.dtype)
            for name, column in manifest.columns.items()
        }
        records = dict(manifest.segments)
        try:
            self._read_ranges(manifest, manifest.columns, tuple(small), rows)
            written = list(self._write_rows(rows, change.follows, records))
        except StrongboxError:
            # The manifest is whole without it. A damaged segment stays named: whoever reads or verifies it is told.
            return manifest
        ranges = overlay(manifest.ranges, place, written)
        segments = {name: records[name] for name in named_in_order(ranges, manifest.late_ranges)}
        return replace(manifest, ranges=ranges, segments=segments)

    def _write_late(self, change: Change, records: dict[str, SegmentRecord]) -> tuple[Range, ...]:
        """Write the rows of late columns that differ from the base's."""
        if not change.late:
            return ()
        ranges = change.base.late_ranges if change.base is not None else ()
        if len(ranges) > MOST_LATE_RANGES:
            ranges = ()
        known = self._late_of(change.base) if ranges and change.base is not None else zeros_like(change)
        runs = changed_runs(changed_rows(known, change.late, length(ranges)))
        gathered = {
            name: numpy.concatenate([array[:0], *(array[start:stop] for start, stop in runs)])
            for name, array in change.late.items()
        }
        written = list(self._write_rows(gathered, {}, records))
        first = 0
        for start, stop in runs:
            ranges = overlay(ranges, start, list(cut(written, first, first + stop - start)))
            first += stop - start
        return ranges

    def _late_of(self, base: ReplayManifest) -> dict[str, Array]:
        """The late columns as a manifest has them: remembered, or read again."""
        if self._written is None or self._written[0] != base:
            late = empty_columns(base, base.late_columns)
            self._read_ranges(base, base.late_columns, base.late_ranges, late)
            self._written = (base, late)
        return self._written[1]

    def _remember(self, manifest: ReplayManifest, late: Mapping[str, Array]) -> None:
        """Keep the late columns of what was just written, in the memory of what was kept before."""
        kept = self._written[1] if self._written is not None else {}
        self._written = None
        if not late:
            return
        if columns_of(kept) != manifest.late_columns or any(len(a) != manifest.capacity for a in kept.values()):
            kept = empty_columns(manifest, manifest.late_columns)
        for name, array in late.items():
            kept[name][: len(array)] = array
            kept[name][len(array) :] = 0
        self._written = (manifest, kept)

    def _read_ranges(
        self,
        manifest: ReplayManifest,
        columns: Mapping[str, Column],
        ranges: tuple[Range, ...],
        targets: Mapping[str, Array],
    ) -> None:
        """Read each segment once, and from it every range that is wanted."""
        pieces: dict[str, list[tuple[int, Range]]] = {}
        for place, part in places(ranges):
            pieces.setdefault(part.segment, []).append((place, part))
        with self._files.reading() as reader:
            for name, wanted in pieces.items():
                with locate(path=self.path(name)), self._open(reader, manifest, name) as view:
                    segment = open_segment(view, columns)
                    if (segment.rows, segment.environments) != (manifest.segments[name].rows, manifest.environments):
                        raise FormatError("expected the rows and environments of the manifest, found others.")
                    for column, target in targets.items():
                        for place, part in wanted:
                            segment.fill(column, target[place : place + part.count], part.first)

    def _open(self, reader: SegmentReader, manifest: ReplayManifest, name: str) -> AbstractContextManager[memoryview]:
        record = manifest.segments[name]
        columns = (*manifest.columns.values(), *manifest.late_columns.values())
        one_row = manifest.environments * sum(column.entry_bytes for column in columns)
        if record.size > max(MOST_CONTENT, 2 * one_row) + 2 * MOST_HEADER:
            raise LimitError(f"expected a smaller segment, found one of {record.size:,} bytes.", path=self.path(name))
        return reader.open(name, record)


def row_count(rows: Mapping[str, Array]) -> int:
    """How many rows columns have; none where there are no columns."""
    return len(next(iter(rows.values()))) if rows else 0


def check_base(change: Change, base: ReplayManifest | None) -> None:
    """Raise CheckpointError where a change cannot be laid over its base."""
    if base is None:
        return
    found = (change.capacity, change.environments, columns_of(change.rows), columns_of(change.late))
    if found != (base.capacity, base.environments, dict(base.columns), dict(base.late_columns)):
        raise CheckpointError(
            "expected a change of the buffer that the manifest describes, found one of another buffer.",
            hint="Give the whole buffer, with no base.",
        )


def check_targets(manifest: ReplayManifest, columns: Mapping[str, Array]) -> None:
    """Raise CheckpointError unless the arrays are those of a buffer like the manifest's."""
    expected = {**manifest.columns, **manifest.late_columns}
    if expected.keys() != columns.keys():
        raise CheckpointError(f"expected the columns {sorted(expected)}, found {sorted(columns)}.")
    for name, column in expected.items():
        shape = (manifest.capacity, manifest.environments, *column.shape)
        array = columns[name]
        if array.shape != shape or dtype_name(array) != column.dtype:
            raise CheckpointError(
                f"expected {name!r} as {column.dtype} of {shape}, found {dtype_name(array)} of {array.shape}."
            )


def named_in_order(*tables: Iterable[Range]) -> list[str]:
    """The names of segments in the order in which ranges name them first."""
    return list(dict.fromkeys(part.segment for table in tables for part in table))


def empty_columns(manifest: ReplayManifest, columns: Mapping[str, Column]) -> dict[str, Array]:
    """Arrays of zeros for columns of a manifest's ring."""
    leading = (manifest.capacity, manifest.environments)
    return {name: numpy.zeros((*leading, *column.shape), column.dtype) for name, column in columns.items()}


def zeros_like(change: Change) -> dict[str, Array]:
    """The late columns of a buffer that nothing was written of."""
    return {name: numpy.zeros_like(array) for name, array in change.late.items()}
