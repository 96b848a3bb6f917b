"""Writing a zip archive: streamed, aligned where asked, and the same bytes for the same content.

Each member is written once, in steps of 4 MiB: the CRC-32 of a step is computed just before it is
written, and the SHA-256 follows in the background. The local header goes first with an empty CRC, which
is filled in when the content is known; a small member is known at once. Nothing of the content is
kept: what the caller gave is what is written from.

The writer does not make the file safe against failure; that is the task of ``atomic``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import field
from types import TracebackType
from typing import BinaryIO

from ..errors import StrongboxError
from ..records import record
from .checksum import CHUNK, checksum, combine_crc
from .digest import LARGE, Content, Digest, Workers
from .layout import CRC_OFFSET, Place, check_alignment, end_records, place_entry
from .names import check_name, check_unique
from .plan import Piece, ZipPlan, as_bytes

__all__ = ["Written", "ZipWriter"]

WORTH_COMBINING = 1 << 17
"""Combining CRCs takes as long as computing that of about so many bytes."""


@record(frozen=True)
class Written:
    """A member that was written: ``size`` bytes at offset ``start``, with their CRC-32."""

    name: str
    start: int
    size: int
    crc: int
    digest: Digest = field(repr=False, compare=False)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content, in hexadecimal; waits where it is not finished yet."""
        return self.digest.hexdigest()


class ZipWriter:
    """Writes members into a new, empty, seekable binary file, and the directory when it is closed.

    The file itself stays open. Used as a context manager, it is closed at the end of the block, and
    left unfinished where the block raised.
    """

    def __init__(self, file: BinaryIO) -> None:
        if file.tell() != 0:
            raise StrongboxError(f"expected a new file, found one at position {file.tell()}.")
        self._file = file
        self._workers = Workers()
        self._position = 0
        self._placed: list[tuple[Place, Written]] = []
        self._digests: list[Digest] = []
        self._open = True

    @property
    def written(self) -> tuple[Written, ...]:
        """The members so far, in the order in which they were added."""
        return tuple(written for _, written in self._placed)

    def add(
        self,
        name: str,
        content: Content | ZipPlan | Iterable[Content],
        *,
        size: int | None = None,
        align: int = 1,
    ) -> Written:
        """Write a member whose content begins at a multiple of ``align``, a power of two.

        ``content`` is bytes, a :class:`ZipPlan`, or pieces of bytes, ``size`` in all. Bytes and the
        bytes in a plan must not change before the writer is closed or the member's ``sha256`` was
        read; pieces may be reused as soon as the next one is asked for.

        Raises :class:`RefusedError` for a name that an archive may not have or has already, and
        :class:`StrongboxError` for a size that is not the content's.
        """
        check_unique([*(written.name for written in self.written), check_name(name)])
        check_alignment(align)
        if isinstance(content, ZipPlan):
            align = max(align, content.align)
        place = place_entry(name, size_of(name, content, size), self._position, align)
        digest = Digest(self._workers)
        self._digests.append(digest)
        with self._step():
            crc = self._write_entry(place, content, digest)
        written = Written(name, place.start, place.size, crc, digest)
        self._placed.append((place, written))
        self._position = place.end
        return written

    def close(self) -> None:
        """Write the directory, which makes the file a zip archive, and wait for the digests."""
        with self._step():
            central = b"".join(place.central_record(written.crc) for place, written in self._placed)
            self._write(central + end_records(len(self._placed), self._position, len(central)))
            for digest in self._digests:
                digest.wait()
        self._end()

    @contextmanager
    def _step(self) -> Iterator[None]:
        """Refuse to begin after the end, and let a failure be the end."""
        if not self._open:
            raise StrongboxError("expected an archive that is being written, found one that was closed or failed.")
        try:
            yield
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        self._open = False
        for digest in self._digests:
            digest.abandon()
        self._workers.close()

    def _write_entry(self, place: Place, content: Content | ZipPlan | Iterable[Content], digest: Digest) -> int:
        if isinstance(content, (bytes, bytearray, memoryview, ZipPlan)) and place.size <= LARGE:
            whole = content.to_bytes() if isinstance(content, ZipPlan) else as_bytes(content)
            return self._write_small(place, whole, digest)
        self._write(place.local_header(0))
        crc = self._write_pieces(place, pieces_of(content, self._workers), digest)
        self._file.seek(place.header_start + CRC_OFFSET)
        self._write(crc.to_bytes(4, "little"))
        self._file.seek(place.end)
        return crc

    def _write_small(self, place: Place, content: Content, digest: Digest) -> int:
        crc = checksum(content)
        digest.update(content)
        self._write(b"".join((place.local_header(crc), content)))
        return crc

    def _write_pieces(self, place: Place, pieces: Iterator[Piece], digest: Digest) -> int:
        crc = size = 0
        for piece in pieces:
            size += len(piece.content)
            if size > place.size:
                break
            digest.update(piece.content)
            crc = self._write_piece(piece, crc)
            if not piece.lasting:
                digest.wait()
        if size != place.size:
            raise StrongboxError(
                f"expected {place.size} bytes, found {size}{' or more' * (size > place.size)}.", member=place.name
            )
        return crc

    def _write_piece(self, piece: Piece, crc: int) -> int:
        """Write a piece and return the CRC of all up to its end."""
        view = memoryview(piece.content)
        known = piece.crc if len(view) >= WORTH_COMBINING else None
        for start in range(0, len(view), CHUNK):
            chunk = view[start : start + CHUNK]
            if known is None:
                crc = checksum(chunk, crc)
            self._write(chunk)
        return crc if known is None else combine_crc(crc, known, len(view))

    def _write(self, content: Content) -> None:
        """Write all of it; a file without a buffer may take less than it is given."""
        view = memoryview(content)
        while view:
            taken = self._file.write(view)
            if not taken:
                raise StrongboxError("expected a file that takes what is written, found one that does not.")
            view = view[taken:]

    def __enter__(self) -> ZipWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._end()
        elif self._open:
            self.close()


def size_of(name: str, content: Content | ZipPlan | Iterable[Content], size: int | None) -> int:
    """The size of a content; for pieces it has to be said, and what is said has to be right."""
    if isinstance(content, ZipPlan):
        known = content.size
    elif isinstance(content, (bytes, bytearray, memoryview)):
        known = memoryview(content).nbytes
    elif size is None or size < 0:
        raise StrongboxError("expected the size of a content that comes in pieces, found none.", member=name)
    else:
        return size
    if size not in (None, known):
        raise StrongboxError(f"expected {size} bytes, found {known}.", member=name)
    return known


def pieces_of(content: Content | ZipPlan | Iterable[Content], workers: Workers) -> Iterator[Piece]:
    """A content as pieces; those of an iterable may be overwritten once the next one is asked for."""
    if isinstance(content, ZipPlan):
        return content.pieces(workers)
    if isinstance(content, (bytes, bytearray, memoryview)):
        return iter([Piece(as_bytes(content))])
    return (Piece(as_bytes(piece), lasting=False) for piece in content)
