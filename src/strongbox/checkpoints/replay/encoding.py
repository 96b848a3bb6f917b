"""Rows into the bytes of a segment.

A column is written as one of four contents: its entries as they are; texts; the numbers of shared planes; or, where it
follows another column, only those entries that are not the other's of the row after. The layout of the file is in
docs/format.md, "Replay segments".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy

from ...values.checks import Array
from .codecs import pack
from .columns import dtype_name
from .sharing import differs_from_next, find_planes, plane_axis, split_planes

__all__ = ["ALIGNMENT", "FORMAT_VERSION", "MAGIC", "PREFIX", "Segment", "encode_segment"]

MAGIC = b"\x93SBXSEGM"
FORMAT_VERSION = 1
PREFIX = 16
"""Bytes before the header: the magic, the version, the header's length."""
ALIGNMENT = 64

Json = dict[str, Any]


@dataclass(frozen=True)
class Segment:
    """A segment to be written: the pieces of its file in order, and how many bytes they hold before compression."""

    name: str
    pieces: tuple[bytes | memoryview, ...]
    content_bytes: int

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return sum(map(len, self.pieces))


def encode_segment(rows: Mapping[str, Array], follows: Mapping[str, str], codec: str) -> Segment:
    """The segment of rows (n, environments, …), which must not change before it is written.

    ``follows`` maps a column to the one whose entry in the row after it usually repeats; both have one dtype and shape.
    """
    parts = Parts(codec)
    columns: dict[str, Json] = {}
    leaders = {leader: name for name, leader in follows.items()}
    for name, array in rows.items():
        if name in follows:
            continue
        follower = leaders.get(name)
        columns[name], followed = encode_pair(parts, array, None if follower is None else rows[follower])
        if follower is not None and followed is not None:
            columns[follower] = {**followed, "follows": name}
    first = next(iter(rows.values()))
    header = {"rows": len(first), "environments": first.shape[1], "columns": columns}
    return parts.finish(header)


def encode_pair(parts: Parts, array: Array, follower: Array | None) -> tuple[Json, Json | None]:
    """A column's description, and that of the column that follows it."""
    if array.dtype == object:
        return {**describe(array), "content": encode_texts(parts, array)}, None
    if follower is None:
        content, _ = encode_images(parts, array, None)
        return {**describe(array), "content": content}, None
    differs = differs_from_next(follower, array)
    content, others = encode_images(parts, array, follower[differs])
    bits = parts.add(numpy.packbits(differs, axis=None, bitorder="little"))
    count = int(numpy.count_nonzero(differs))
    return (
        {**describe(array), "content": content},
        {**describe(follower), "differs": bits, "count": count, "content": others},
    )


def encode_texts(parts: Parts, array: Array) -> Json:
    """The content of a column of texts: their lengths in UTF-8, and all of them in a row."""
    texts = [text.encode("utf-8") for text in array.reshape(-1)]
    lengths = parts.add(numpy.array([len(text) for text in texts], "<u4"))
    together = numpy.frombuffer(b"".join(texts), numpy.uint8)
    return {"kind": "texts", "lengths": lengths, "bytes": together.size, "part": parts.add(together)}


def encode_images(parts: Parts, array: Array, others: Array | None) -> tuple[Json, Json]:
    """The contents of a column's entries, and of others of the same shape, which may share planes with them."""
    own = array[0, :0] if others is None else others
    axis = plane_axis(array)
    planes = None if axis is None else find_planes(split_planes(array, axis), split_planes(own, axis))
    if planes is None:
        plain: Json = {"kind": "plain", "part": parts.add(array)}
        return plain, {} if others is None else {"kind": "plain", "part": parts.add(others)}
    table = {"count": len(planes.table), "part": parts.add(planes.table)}
    shared: Json = {"kind": "planes", "axis": axis, "table": parts.add_table(table)}
    content = {**shared, "part": parts.add(planes.numbers)}
    return content, {} if others is None else {**shared, "part": parts.add(planes.others)}


def describe(array: Array) -> Json:
    return {"dtype": dtype_name(array), "shape": list(array.shape[2:])}


class Parts:
    """The parts of a segment as they come: each begins at a multiple of 64 behind the header."""

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._pieces: list[bytes | memoryview] = []
        self._tables: list[Json] = []
        self._end = 0
        self._content_bytes = 0

    def add(self, array: Array) -> Json:
        """Append an array's bytes, made smaller where it pays, and say where they stand."""
        packed = pack(array, self._codec)
        offset = -(-self._end // ALIGNMENT) * ALIGNMENT
        self._pieces += [bytes(offset - self._end), packed.stored]
        self._end = offset + len(packed.stored)
        self._content_bytes += array.nbytes
        return {"offset": offset, "size": len(packed.stored), "codec": packed.codec, "shuffle": packed.shuffle}

    def add_table(self, table: Json) -> int:
        """Note a table of planes and give its number."""
        self._tables.append(table)
        return len(self._tables) - 1

    def finish(self, header: Json) -> Segment:
        """The segment's file, header first."""
        text = json.dumps({**header, "tables": self._tables}, separators=(",", ":")).encode("ascii")
        text += b" " * (-(PREFIX + len(text)) % ALIGNMENT)
        prefix = MAGIC + FORMAT_VERSION.to_bytes(4, "little") + len(text).to_bytes(4, "little")
        pieces = tuple(piece for piece in (prefix, text, *self._pieces) if len(piece))
        digest = hashlib.sha256()
        for piece in pieces:
            digest.update(piece)
        return Segment(digest.hexdigest(), pieces, self._content_bytes)
