"""A whole zip file as a list of pieces, laid out before any content is read.

A ``.pth`` member is a zip file inside the archive. It is planned here, from names and sizes alone, so
that its size is known before it is written, and is then given out piece by piece: headers made
for the occasion, and the contents themselves, never copied. A header holds the CRC of what follows it,
so the CRC of each content is computed just before; the writer of the archive combines these with
those of the headers, and no content is read twice for its sake.

A planned file that begins at a multiple of its alignment has aligned contents: :class:`ZipWriter` sees
to that when it is given a plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..errors import StrongboxError
from ..records import record
from .digest import Content, Workers
from .layout import Place, check_alignment, end_records, place_entry
from .names import check_name, check_unique

__all__ = ["Piece", "ZipPlan"]

Produce = Callable[[], Content]

SMALL = 1 << 14
"""Bytes of a piece that is worth writing by itself: below, a copy costs less than a call."""
GATHERED = 1 << 17
"""Bytes of small pieces that are written together."""


@record(frozen=True)
class Piece:
    """Some bytes of a content to be written, with their CRC-32 where it is known.

    ``lasting`` says that the bytes stay as they are until the archive is closed, so that the digest
    may come back to them later.
    """

    content: Content
    crc: int | None = None
    lasting: bool = True


class ZipPlan:
    """A zip file yet to be written, each of its contents at a multiple of ``align``.

    ``size`` is the length in bytes of the whole file, as far as it was added.
    """

    def __init__(self, *, align: int = 64) -> None:
        check_alignment(align)
        self.align = align
        self._places: list[Place] = []
        self._contents: list[Content | Produce] = []

    def add(self, name: str, content: Content | Produce, *, size: int | None = None) -> None:
        """Plan a member; ``content`` is its bytes, or a function that gives ``size`` bytes when their turn comes.

        A function is called once each time the plan is written, and may give a new copy each time: it
        is let go before the next one is asked for. Bytes must not change until the archive is closed.
        """
        if not callable(content):
            content = as_bytes(content)
            size = len(content)
        if size is None or size < 0:
            raise StrongboxError("expected the size of a content that a function gives, found none.", member=name)
        position = self._places[-1].end if self._places else 0
        self._places.append(place_entry(check_name(name), size, position, self.align))
        self._contents.append(content)

    @property
    def size(self) -> int:
        """The length in bytes of the whole file."""
        central_size = sum(place.central_size for place in self._places)
        return self._central_start + central_size + len(self._end_records(central_size))

    def pieces(self, workers: Workers) -> Iterator[Piece]:
        """Yield the file from its first byte to its last; the workers help with the CRC of large contents."""
        return gather(self._pieces(workers))

    def _pieces(self, workers: Workers) -> Iterator[Piece]:
        check_unique(place.name for place in self._places)
        records = []
        for place, content in zip(self._places, self._contents, strict=True):
            piece = self._piece(place, content)
            crc = workers.checksum(piece.content)
            records.append(place.central_record(crc))
            yield Piece(place.local_header(crc))
            yield Piece(piece.content, crc, piece.lasting)
        central = b"".join(records)
        yield Piece(central + self._end_records(len(central)))

    def _piece(self, place: Place, content: Content | Produce) -> Piece:
        if not callable(content):
            return Piece(content)
        produced = as_bytes(content())
        if len(produced) != place.size:
            problem = f"expected {place.size} bytes, as was planned, found {len(produced)}."
            raise StrongboxError(problem, member=place.name)
        return Piece(produced, lasting=False)

    @property
    def _central_start(self) -> int:
        return self._places[-1].end if self._places else 0

    def _end_records(self, central_size: int) -> bytes:
        return end_records(len(self._places), self._central_start, central_size)


def gather(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same bytes with small pieces joined: headers, paddings and small tensors go out together."""
    small: list[Content] = []
    size = 0
    for piece in pieces:
        if len(piece.content) >= SMALL:
            yield from joined(small)
            small, size = [], 0
            yield piece
            continue
        small.append(piece.content if piece.lasting else bytes(piece.content))
        size += len(piece.content)
        if size >= GATHERED:
            yield from joined(small)
            small, size = [], 0
    yield from joined(small)


def joined(contents: list[Content]) -> Iterator[Piece]:
    """One piece of several contents, or none of none."""
    if contents:
        yield Piece(b"".join(contents))


def as_bytes(content: Content) -> Content:
    """The content as single bytes, so that its length is its size; shared, and copied only where that cannot be."""
    if not isinstance(content, memoryview):
        return content
    try:
        return content.cast("B") if content.nbytes else b""
    except (TypeError, ValueError):  # Not in one piece of memory, or of a kind that cannot be seen as bytes.
        return content.tobytes()
