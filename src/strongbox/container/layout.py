"""Where the parts of a zip file go, and the bytes of its headers: one layout for archives and for ``.pth``.

The same content always gives the same bytes: every entry is stored, dated 1980-01-01 00:00, made by
"Unix", a plain file of mode 0600, and has no data descriptor. zip64 fields stand only where a number
does not fit into 32 bits. An aligned entry has a padding field in its local header, so that its content
begins at a multiple of the alignment; the field has an id, a length and zeros, as any reader expects.
"""

from __future__ import annotations

import struct

from ..errors import StrongboxError
from ..records import record
from .records import (
    CENTRAL,
    CENTRAL_SIGNATURE,
    END,
    END64,
    END64_BODY,
    END64_SIGNATURE,
    END_SIGNATURE,
    FIELD,
    LOCAL,
    LOCAL_SIGNATURE,
    LOCATOR64,
    LOCATOR64_SIGNATURE,
    SENTINEL16,
    SENTINEL32,
    STORED,
    ZIP64_FIELD,
)

__all__ = ["CRC_OFFSET", "Place", "check_alignment", "end_records", "place_entry"]

PADDING_FIELD = 0x4253
"""Our id for padding, the letters SB; readers skip fields that they do not know."""

CRC_OFFSET = 14
"""Where in a local header its CRC stands."""

LARGEST_ALIGNMENT = 1 << 14
UNIX = 3
PLAIN_FILE = 0o600 << 16
MIDNIGHT = 0
NEW_YEAR_1980 = (1 << 5) | 1
VERSION = 20
VERSION_ZIP64 = 45

FIRST_TOO_LARGE = SENTINEL32
"""The first number that a 32-bit field cannot hold, since it means "see the zip64 field" there."""


@record(frozen=True)
class Place:
    """The place of one entry: its header begins at ``header_start``, its content at ``start``."""

    name: str
    header_start: int
    start: int
    size: int

    @property
    def end(self) -> int:
        """The offset of the first byte after the content."""
        return self.start + self.size

    def local_header(self, crc: int) -> bytes:
        """The bytes from ``header_start`` to ``start``."""
        name = self.name.encode("ascii")
        zip64 = zip64_field(self.size, self.size) if self.size >= FIRST_TOO_LARGE else b""
        padding = padding_field(self.start - self.header_start - LOCAL.size - len(name) - len(zip64))
        size = shortened(self.size)
        header = LOCAL.pack(
            LOCAL_SIGNATURE,
            VERSION_ZIP64 if zip64 else VERSION,
            0,
            STORED,
            MIDNIGHT,
            NEW_YEAR_1980,
            crc,
            size,
            size,
            len(name),
            len(zip64) + len(padding),
        )
        return header + name + zip64 + padding

    @property
    def central_size(self) -> int:
        """The length in bytes of the record in the central directory."""
        numbers = 2 * (self.size >= FIRST_TOO_LARGE) + (self.header_start >= FIRST_TOO_LARGE)
        return CENTRAL.size + len(self.name) + (FIELD.size + 8 * numbers if numbers else 0)

    def central_record(self, crc: int) -> bytes:
        """The entry's record in the central directory."""
        name = self.name.encode("ascii")
        sizes = (self.size, self.size) if self.size >= FIRST_TOO_LARGE else ()
        offset = (self.header_start,) if self.header_start >= FIRST_TOO_LARGE else ()
        zip64 = zip64_field(*sizes, *offset) if sizes or offset else b""
        version = VERSION_ZIP64 if zip64 else VERSION
        size = shortened(self.size)
        record = CENTRAL.pack(
            CENTRAL_SIGNATURE,
            UNIX << 8 | version,
            version,
            0,
            STORED,
            MIDNIGHT,
            NEW_YEAR_1980,
            crc,
            size,
            size,
            len(name),
            len(zip64),
            0,
            0,
            0,
            PLAIN_FILE,
            shortened(self.header_start),
        )
        return record + name + zip64


def place_entry(name: str, size: int, position: int, align: int) -> Place:
    """Place an entry whose header begins at ``position`` and whose content is aligned."""
    earliest = position + LOCAL.size + len(name)
    if size >= FIRST_TOO_LARGE:
        earliest += FIELD.size + 16
    padding = -earliest % align
    while 0 < padding < FIELD.size:
        padding += align
    return Place(name, position, earliest + padding, size)


def check_alignment(align: int) -> None:
    """Raise :class:`StrongboxError` where ``align`` is no power of two that padding can reach."""
    if not 1 <= align <= LARGEST_ALIGNMENT or align & (align - 1):
        raise StrongboxError(f"expected an alignment that is a power of two up to {LARGEST_ALIGNMENT}, found {align}.")


def end_records(count: int, start: int, size: int) -> bytes:
    """All that follows a central directory of ``count`` records in ``size`` bytes at ``start``."""
    end = END.pack(
        END_SIGNATURE,
        0,
        0,
        min(count, SENTINEL16),
        min(count, SENTINEL16),
        shortened(size),
        shortened(start),
        0,
    )
    if count < SENTINEL16 and max(start, size) < FIRST_TOO_LARGE:
        return end
    made_by = UNIX << 8 | VERSION_ZIP64
    end64 = END64.pack(END64_SIGNATURE, END64_BODY, made_by, VERSION_ZIP64, 0, 0, count, count, size, start)
    return end64 + LOCATOR64.pack(LOCATOR64_SIGNATURE, 0, start + size, 1) + end


def shortened(number: int) -> int:
    """What a 32-bit field says: the number, or that it stands elsewhere."""
    return number if number < FIRST_TOO_LARGE else SENTINEL32


def zip64_field(*numbers: int) -> bytes:
    """A zip64 extra field of 64-bit numbers."""
    return FIELD.pack(ZIP64_FIELD, 8 * len(numbers)) + struct.pack(f"<{len(numbers)}Q", *numbers)


def padding_field(length: int) -> bytes:
    """An extra field of ``length`` bytes in all that says nothing; empty where the length is 0."""
    return FIELD.pack(PADDING_FIELD, length - FIELD.size) + bytes(length - FIELD.size) if length else b""
