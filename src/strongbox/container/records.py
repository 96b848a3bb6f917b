"""The records that a zip file is made of, each as its structure and its fields.

Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5. All numbers are little-endian. One entry is a
local header, its content, and sometimes a data descriptor; after the entries come the central
directory, one record per entry, and the end records. Where a size or an offset does not fit into 32
bits, its field holds :data:`SENTINEL32` and the number stands in a zip64 extra field instead.

The reader and the writer share this module, so that there is one description of the format.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..errors import FormatError

__all__ = [
    "CENTRAL",
    "CENTRAL_SIGNATURE",
    "DEFLATED",
    "DESCRIPTOR_SIGNATURE",
    "END",
    "END64",
    "END64_BODY",
    "END64_SIGNATURE",
    "END_SIGNATURE",
    "FLAG_DESCRIPTOR",
    "LOCAL",
    "LOCAL_SIGNATURE",
    "LOCATOR64",
    "LOCATOR64_SIGNATURE",
    "SENTINEL16",
    "SENTINEL32",
    "STORED",
    "UNICODE_PATH_FIELD",
    "ZIP64_FIELD",
    "CentralRecord",
    "EndRecord",
    "EndRecord64",
    "LocalHeader",
    "Locator64",
    "split_extra",
]

LOCAL_SIGNATURE = b"PK\x03\x04"
CENTRAL_SIGNATURE = b"PK\x01\x02"
END_SIGNATURE = b"PK\x05\x06"
END64_SIGNATURE = b"PK\x06\x06"
LOCATOR64_SIGNATURE = b"PK\x06\x07"
DESCRIPTOR_SIGNATURE = b"PK\x07\x08"

LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
END64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR64 = struct.Struct("<4sLQL")
FIELD = struct.Struct("<2H")

END64_BODY = END64.size - 12
"""What the size field of a zip64 end record says: all that follows that field."""

SENTINEL16 = 0xFFFF
SENTINEL32 = 0xFFFFFFFF
ZIP64_FIELD = 0x0001
UNICODE_PATH_FIELD = 0x7075
FLAG_DESCRIPTOR = 0x0008
STORED = 0
DEFLATED = 8


class LocalHeader(NamedTuple):
    """The header in front of an entry's content."""

    signature: bytes
    version: int
    flags: int
    method: int
    time: int
    date: int
    crc: int
    stored_size: int
    size: int
    name_length: int
    extra_length: int


class CentralRecord(NamedTuple):
    """What the central directory says about one entry."""

    signature: bytes
    made_by: int
    version: int
    flags: int
    method: int
    time: int
    date: int
    crc: int
    stored_size: int
    size: int
    name_length: int
    extra_length: int
    comment_length: int
    disk: int
    internal: int
    external: int
    header_start: int


class EndRecord(NamedTuple):
    """The last 22 bytes of a zip file without a comment."""

    signature: bytes
    disk: int
    central_disk: int
    disk_entries: int
    entries: int
    central_size: int
    central_start: int
    comment_length: int


class EndRecord64(NamedTuple):
    """The end record with 64-bit numbers, in front of its locator."""

    signature: bytes
    body: int
    made_by: int
    version: int
    disk: int
    central_disk: int
    disk_entries: int
    entries: int
    central_size: int
    central_start: int


class Locator64(NamedTuple):
    """Says where the zip64 end record begins; stands directly in front of the end record."""

    signature: bytes
    disk: int
    end64_start: int
    disks: int


def split_extra(extra: bytes, offset: int) -> list[tuple[int, bytes]]:
    """Split an extra field into (id, body) pairs that fill it exactly; ``offset`` is for messages."""
    fields = []
    position = 0
    while position < len(extra):
        body = position + FIELD.size
        if body > len(extra):
            raise FormatError("expected a whole extra field, found the beginning of one", offset=offset + position)
        identifier, length = FIELD.unpack_from(extra, position)
        if body + length > len(extra):
            problem = f"extra field 0x{identifier:04x} says {length} bytes, {len(extra) - body} are there"
            raise FormatError(problem, offset=offset + position)
        fields.append((identifier, extra[body : body + length]))
        position = body + length
    return fields
