"""DEFLATE, undone in small steps that stop at the declared size.

The size that the archive declares for a member is checked against the limits before anything is
inflated. From there on the stream is held to that size: a stream that has more to give is cut off
at the first byte too many, so that what it costs is what it declared.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from ..errors import FormatError

__all__ = ["inflate"]

PIECE = 1 << 20


def inflate(stored: memoryview, size: int) -> Iterator[bytes]:
    """Yield the inflated content of ``stored`` in pieces of at most 1 MiB, exactly ``size`` bytes in all."""
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    given = 0
    for position in range(0, len(stored), PIECE):
        pending: bytes | memoryview = stored[position : position + PIECE]
        full = True
        # A piece that is full may have left more behind inside the machine, even where all input is taken.
        while not machine.eof and (pending or full):
            limit = min(PIECE, size - given + 1)
            piece = next_piece(machine, pending, limit)
            given += len(piece)
            if given > size:
                raise FormatError(f"expected {size} bytes when inflated, found more.")
            yield piece
            full = len(piece) == limit
            pending = machine.unconsumed_tail
        if machine.eof and (machine.unused_data or position + PIECE < len(stored)):
            raise FormatError("expected the deflated stream to fill its member, found bytes after its end.")
    if not machine.eof:
        raise FormatError("expected a whole deflated stream, found only its beginning.")
    if given != size:
        raise FormatError(f"expected {size} bytes when inflated, found {given}.")


def next_piece(machine: zlib._Decompress, pending: bytes | memoryview, limit: int) -> bytes:
    """Inflate at most ``limit`` bytes; the limit is one more than is missing, to notice what is too long."""
    try:
        return machine.decompress(pending, limit)
    except zlib.error as error:
        raise FormatError(f"expected a deflated stream, found none: {error}.") from error
