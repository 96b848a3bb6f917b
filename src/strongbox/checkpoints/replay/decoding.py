"""The bytes of a segment into rows: strictly, since a stranger may have written them.

The header says what there is, the caller's columns say what there may be: the two are held against each other,
and every length against the header and the bytes that are there, before anything is allocated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy

from ...archive.json_text import parse_json
from ...errors import FormatError, LimitError, UnsupportedError
from ...limits import DEFAULT_LIMITS, Limits
from ...values.checks import Array, check, instance, text, whole
from .codecs import CODECS, Packed, unpack
from .columns import LARGEST, TEXT, Column
from .encoding import ALIGNMENT, FORMAT_VERSION, MAGIC, PREFIX
from .sharing import LEAST_PLANE

__all__ = ["MOST_CONTENT", "OpenSegment", "open_segment"]

MOST_CONTENT = 64 << 20
"""Bytes that a segment of more than one row holds before compression, at most."""
MOST_HEADER = 1 << 20


@dataclass(frozen=True)
class Content:
    """Entries of one column, ``count`` of them, in the order of rows and environments.

    ``fill(target, first)`` writes entries from ``first`` on into a target (…, shape) as far as it reaches;
    ``take(indices)`` gives single ones.
    """

    count: int
    fill: Callable[[Array, int], None]
    take: Callable[[Array], Array]


class OpenSegment:
    """A segment whose header was checked; contents are read when they are asked for."""

    def __init__(self, body: memoryview, header: dict[str, Any], columns: Mapping[str, Column]) -> None:
        self.rows = whole(header.get("rows"), "the rows", 1, LARGEST)
        self.environments = whole(header.get("environments"), "the environments", 1, LARGEST)
        self._body = body
        self._columns = columns
        self._described = described_columns(header, columns)
        self._tables = instance(header.get("tables"), list, "a list of tables")
        self._left = MOST_CONTENT if self.rows > 1 else LARGEST
        self._contents: dict[str, Content] = {}
        self._read_tables: dict[tuple[int, str, tuple[int, ...]], Array] = {}

    def fill(self, name: str, target: Array, first: int) -> None:
        """Write rows from ``first`` on into ``target`` (rows, environments, …), every one of its rows."""
        described = self._described[name]
        if "follows" in described:
            self._fill_follower(name, described, target, first)
        else:
            self._content(name).fill(target, first * self.environments)

    def _fill_follower(self, name: str, described: dict[str, Any], target: Array, first: int) -> None:
        leader = text(described["follows"], f"what {name!r} follows")
        check(
            leader != name and self._columns.get(leader) == self._columns[name],
            f"expected {name!r} to follow another column of its kind, found that it does not.",
        )
        check("follows" not in self._described[leader], f"expected {leader!r} to follow no other column.")
        following = min(len(target), self.rows - 1 - first)
        if following:
            self._content(leader).fill(target[:following], (first + 1) * self.environments)
        differs, own = self._differences(name, described)
        inside = differs[first : first + len(target)]
        start = int(numpy.count_nonzero(differs[:first]))
        target[inside] = own.take(numpy.arange(start, start + numpy.count_nonzero(inside)))

    def _differences(self, name: str, described: dict[str, Any]) -> tuple[Array, Content]:
        entries = self.rows * self.environments
        count = whole(described.get("count"), f"the entries of {name!r}", 1, entries)
        bits = self._part(described.get("differs"), -(-entries // 8), f"which entries of {name!r} differ")
        differs = numpy.unpackbits(bits, count=entries, bitorder="little").view(numpy.bool_)
        check(numpy.count_nonzero(differs) == count, f"expected {count:,} entries of {name!r} to differ, found others.")
        rows = differs.reshape(self.rows, self.environments)
        check(bool(rows[-1].all()), f"expected the last row of {name!r} to stand for itself.")
        return rows, self._content(name, count)

    def _content(self, name: str, count: int | None = None) -> Content:
        if name not in self._contents:
            described = instance(self._described[name].get("content"), dict, f"an object for the content of {name!r}")
            entries = self.rows * self.environments if count is None else count
            readers = {"plain": self._read_plain, "planes": self._read_planes}
            if self._columns[name].dtype == TEXT:
                readers = {"texts": self._read_texts}
            kind = described.get("kind")
            if not isinstance(kind, str) or kind not in readers:
                raise FormatError(f"expected a content of {name!r} that is {' or '.join(readers)}, found another.")
            read = readers[kind]
            self._contents[name] = read(name, described, entries)
        return self._contents[name]

    def _read_plain(self, name: str, described: dict[str, Any], entries: int) -> Content:
        column = self._columns[name]
        plain = self._part(described.get("part"), entries * column.entry_bytes, f"the entries of {name!r}")
        check_booleans(plain, column, name)
        array = plain.view(column.dtype).reshape(entries, *column.shape)

        def fill(target: Array, first: int) -> None:
            stop = first + target.shape[0] * target.shape[1]
            target[...] = array[first:stop].reshape(target.shape)

        return Content(entries, fill, lambda indices: array[indices])

    def _read_texts(self, name: str, described: dict[str, Any], entries: int) -> Content:
        lengths = self._part(described.get("lengths"), 4 * entries, f"the lengths of {name!r}").view("<u4")
        size = whole(described.get("bytes"), f"the bytes of {name!r}", 0, MOST_CONTENT)
        ends = numpy.concatenate([[0], numpy.cumsum(lengths, dtype=numpy.int64)])
        check(int(ends[-1]) == size, f"expected texts of {size:,} bytes in {name!r}, found {int(ends[-1]):,}.")
        content = self._part(described.get("part"), size, f"the texts of {name!r}").tobytes()

        def take(indices: Array) -> Array:
            taken = numpy.empty(len(indices), object)
            taken[:] = [text_of(content[ends[index] : ends[index + 1]], name) for index in indices]
            return taken

        def fill(target: Array, first: int) -> None:
            target[...] = take(numpy.arange(first, first + target.size)).reshape(target.shape)

        return Content(entries, fill, take)

    def _read_planes(self, name: str, described: dict[str, Any], entries: int) -> Content:
        column = self._columns[name]
        axis = described.get("axis")
        check(
            type(axis) is int and axis in (0, 2) and len(column.shape) == 3, f"expected planes of images in {name!r}."
        )
        order = column.shape if axis == 0 else (column.shape[2], *column.shape[:2])
        table = self._table(described.get("table"), column, order[1:], name)
        kind = numpy.dtype("<u2" if len(table) <= 1 << 16 else "<u4")
        size = entries * order[0] * kind.itemsize
        numbers = self._part(described.get("part"), size, f"the planes of {name!r}").view(kind)
        check(not numbers.size or int(numbers.max()) < len(table), f"expected planes of {name!r} that are there.")
        numbers = numbers.reshape(entries, order[0])

        def take(indices: Array) -> Array:
            images = table[numbers[indices]]
            return images if axis == 0 else numpy.moveaxis(images, 1, -1)

        def fill(target: Array, first: int) -> None:
            stop = first + target.shape[0] * target.shape[1]
            if axis == 0 and target.flags.c_contiguous:
                # The numbers were checked; without "clip" numpy copies everything once more to be safe.
                flat = target.reshape(-1, *order[1:])
                numpy.take(table, numbers[first:stop].reshape(-1), axis=0, out=flat, mode="clip")
            else:
                target[...] = take(numpy.arange(first, stop)).reshape(target.shape)

        return Content(entries, fill, take)

    def _table(self, index: Any, column: Column, shape: tuple[int, ...], name: str) -> Array:
        which = whole(index, f"the table of {name!r}", 0, len(self._tables) - 1)
        key = (which, column.dtype, shape)
        if key not in self._read_tables:
            described = instance(self._tables[which], dict, "an object for each table")
            most = 2 * self.rows * self.environments * max(column.shape)
            count = whole(described.get("count"), "the planes of a table", 1, most)
            bytes_of_plane = numpy.dtype(column.dtype).itemsize * prod(shape)
            check(bytes_of_plane >= LEAST_PLANE, f"expected planes of at least {LEAST_PLANE} bytes in {name!r}.")
            plain = self._part(described.get("part"), count * bytes_of_plane, f"the planes of {name!r}")
            check_booleans(plain, column, name)
            self._read_tables[key] = plain.view(column.dtype).reshape(count, *shape)
        return self._read_tables[key]

    def _part(self, described: Any, size: int, what: str) -> Array:
        """The bytes of a part, of which there must be ``size``."""
        described = instance(described, dict, f"an object for {what}")
        if size > self._left:
            raise LimitError(f"expected at most {MOST_CONTENT:,} bytes in the rows of a segment, found more.")
        offset = whole(described.get("offset"), f"the offset of {what}", 0, len(self._body))
        stored = whole(described.get("size"), f"the size of {what}", 0, len(self._body) - offset)
        check(offset % ALIGNMENT == 0, f"expected {what} at a multiple of {ALIGNMENT} bytes.")
        codec = text(described.get("codec"), f"the codec of {what}")
        check(codec in CODECS, f"expected a known codec for {what}, found {codec[:20]!r}.")
        shuffle = whole(described.get("shuffle"), f"the shuffle of {what}", 1, 16)
        if codec == "none":
            check(stored == size and shuffle == 1, f"expected {size:,} bytes for {what}, found {stored:,}.")
        self._left -= size
        return unpack(Packed(codec, shuffle, self._body[offset : offset + stored]), size)


def open_segment(view: memoryview, columns: Mapping[str, Column], *, limits: Limits = DEFAULT_LIMITS) -> OpenSegment:
    """Check the head of a segment's file; raises FormatError, LimitError, and UnsupportedError on a later version."""
    check(len(view) >= PREFIX and bytes(view[:8]) == MAGIC, "expected a replay segment, found another file.")
    version, length = (int.from_bytes(view[start : start + 4], "little") for start in (8, 12))
    if version != FORMAT_VERSION:
        raise UnsupportedError(
            f"expected segments of version {FORMAT_VERSION}, found {version}.",
            hint="Update Strongbox: pip install --upgrade strongbox",
        )
    check(length <= min(MOST_HEADER, len(view) - PREFIX), "expected a header within the file, found a longer one.")
    check((PREFIX + length) % ALIGNMENT == 0, f"expected the rows at a multiple of {ALIGNMENT} bytes.")
    header = parse_json(view[PREFIX : PREFIX + length], limits=limits)
    return OpenSegment(view[PREFIX + length :], instance(header, dict, "an object at the segment's head"), columns)


def described_columns(header: dict[str, Any], columns: Mapping[str, Column]) -> dict[str, dict[str, Any]]:
    """What a header says of each column, all being those that are expected."""
    described: dict[str, Any] = instance(header.get("columns"), dict, "an object for the columns")
    check(described.keys() == columns.keys(), "expected the columns of the manifest, found others.")
    for name, found in described.items():
        check(
            Column.from_json(found, name) == columns[name], f"expected {name!r} as the manifest has it, found another."
        )
    return described


def text_of(content: bytes, name: str) -> str:
    """A text from UTF-8."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError(f"expected UTF-8 in {name!r}, found other bytes.") from None


def check_booleans(plain: Array, column: Column, name: str) -> None:
    """Refuse bytes that are no truth value: numpy would take them, and count them otherwise than Python."""
    if column.dtype == "|b1":
        check(not plain.size or int(plain.max()) <= 1, f"expected only true and false in {name!r}, found other bytes.")
