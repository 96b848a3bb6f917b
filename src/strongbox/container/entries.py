"""The entries of a zip file: every record read once and held against the others.

The rules, so that no two readers can see two different archives in one file:

- A zip64 extra field holds exactly the numbers whose 32-bit fields ask for it, in their order.
- A local header says what its central record says. Sizes and CRC may be left to a data descriptor
  where the flags announce one; its length is known from where the next entry begins, and it has to
  say the same again.
- Entries, sorted by their place, tile the file from its first byte to the central directory.
- A member is a plain file: not encrypted, not a link, stored or deflated, with no comment and one name.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator

from ..errors import FormatError, RefusedError, UnsupportedError
from ..records import record
from .ending import REPACK_HINT, CentralDirectory, several_files
from .names import check_name, show_name
from .records import (
    CENTRAL,
    CENTRAL_SIGNATURE,
    DEFLATED,
    DESCRIPTOR_SIGNATURE,
    FLAG_DESCRIPTOR,
    LOCAL,
    LOCAL_SIGNATURE,
    SENTINEL32,
    STORED,
    UNICODE_PATH_FIELD,
    ZIP64_FIELD,
    CentralRecord,
    LocalHeader,
    split_extra,
)

__all__ = ["Entry", "Member", "locate_content", "read_central_directory"]

REFUSED_FLAGS = (
    (0x0001, "encrypted"),
    (0x0040, "encrypted (strong encryption)"),
    (0x2000, "in an encrypted directory"),
    (0x0020, "a patch to another file"),
    (0x0010, "deflated by an enhanced method"),
)
KNOWN_FLAGS = 0x0806 | FLAG_DESCRIPTOR
"""Deflate's two level bits, the data descriptor, and names in UTF-8."""

NEWEST_VERSION = 63
"""6.3, the newest version of the zip format that there is."""

METHODS = {
    1: "Shrink",
    6: "Implode",
    9: "Deflate64",
    12: "bzip2",
    14: "LZMA",
    20: "Zstandard",
    93: "Zstandard",
    95: "xz",
    98: "PPMd",
    99: "AES encryption",
}


@record(frozen=True)
class Member:
    """One entry: ``start`` and ``header_start`` are offsets from the first byte of the archive.

    ``stored_size`` bytes at ``start`` hold the content; ``size`` is its length and ``crc`` its CRC-32.
    """

    name: str
    header_start: int
    start: int
    size: int
    stored_size: int
    crc: int
    deflated: bool


@record(frozen=True)
class Entry:
    """A central record with its name and with its numbers in full."""

    record: CentralRecord
    name: str
    raw_name: bytes
    size: int
    stored_size: int
    header_start: int


def read_central_directory(view: memoryview, directory: CentralDirectory) -> Iterator[Entry]:
    """Yield the entries of the central directory, in its order, each checked on its own."""
    position = directory.start
    for index in range(directory.count):
        if position + CENTRAL.size > directory.end or bytes(view[position : position + 4]) != CENTRAL_SIGNATURE:
            problem = f"expected {directory.count} records in the central directory, found {index}."
            raise FormatError(problem, offset=position)
        record = CentralRecord._make(CENTRAL.unpack_from(view, position))
        next_position = position + CENTRAL.size + record.name_length + record.extra_length + record.comment_length
        if next_position > directory.end:
            raise FormatError("a record reaches past the end of the central directory.", offset=position)
        yield read_entry(view, position, record)
        position = next_position
    if position != directory.end:
        problem = f"expected nothing after the last record, found {directory.end - position} bytes."
        raise FormatError(problem, offset=position)


def read_entry(view: memoryview, position: int, record: CentralRecord) -> Entry:
    """Check one central record and fill in the numbers that its zip64 field holds."""
    name_start = position + CENTRAL.size
    extra_start = name_start + record.name_length
    raw_name = bytes(view[name_start:extra_start])
    name = check_name(raw_name, position)
    check_kind(record, name, position)
    fields = dict_of_fields(bytes(view[extra_start : extra_start + record.extra_length]), extra_start)
    size, stored_size, header_start = read_zip64(record, fields.get(ZIP64_FIELD), extra_start)
    if record.method == STORED and size != stored_size:
        problem = f"member {show_name(name)} is stored in {stored_size} bytes, but says to be {size} long."
        raise FormatError(problem, offset=position)
    return Entry(record, name, raw_name, size, stored_size, header_start)


def check_kind(record: CentralRecord, name: str, position: int) -> None:
    """Refuse what is no plain file: encrypted, compressed by another method, a link, a part."""
    shown = show_name(name)
    for flag, meaning in REFUSED_FLAGS:
        if record.flags & flag:
            raise UnsupportedError(f"member {shown} is {meaning}.", offset=position, hint=REPACK_HINT)
    if record.flags & ~KNOWN_FLAGS:
        raise UnsupportedError(f"member {shown} has unknown flags 0x{record.flags:04x}.", offset=position)
    if record.version & 0xFF > NEWEST_VERSION:
        needed = f"{(record.version & 0xFF) // 10}.{(record.version & 0xFF) % 10}"
        raise UnsupportedError(f"member {shown} needs version {needed} of the zip format.", offset=position)
    if record.method not in (STORED, DEFLATED):
        method = METHODS.get(record.method, f"method {record.method}")
        raise UnsupportedError(f"member {shown} is compressed by {method}.", offset=position, hint=REPACK_HINT)
    if record.disk:
        raise several_files(position)
    if record.comment_length:
        raise RefusedError(f"member {shown} has a comment.", offset=position, hint=REPACK_HINT)
    kind = stat.S_IFMT(record.external >> 16) if record.made_by >> 8 == 3 else 0
    if kind not in (0, stat.S_IFREG):
        raise RefusedError(f"member {shown} is no plain file but a link or device.", offset=position)


def dict_of_fields(extra: bytes, offset: int) -> dict[int, bytes]:
    """The extra fields by their id; an id may stand only once, and none may rename the member."""
    fields = split_extra(extra, offset)
    by_identifier = dict(fields)
    if len(by_identifier) != len(fields):
        raise FormatError("one extra field stands there twice.", offset=offset)
    if UNICODE_PATH_FIELD in by_identifier:
        raise RefusedError("an extra field gives the member another name.", offset=offset, hint=REPACK_HINT)
    return by_identifier


def read_zip64(record: CentralRecord, field: bytes | None, offset: int) -> tuple[int, int, int]:
    """Size, stored size and header offset in full: from the record, or where it says so from zip64."""
    numbers = [record.size, record.stored_size, record.header_start]
    asked = [index for index, number in enumerate(numbers) if number == SENTINEL32]
    if len(field or b"") != 8 * len(asked):
        problem = f"expected a zip64 field of {len(asked)} numbers, found {len(field or b'')} bytes."
        raise FormatError(problem, offset=offset)
    if field:
        for index, number in zip(asked, struct.unpack(f"<{len(asked)}Q", field), strict=True):
            numbers[index] = number
    return numbers[0], numbers[1], numbers[2]


def locate_content(view: memoryview, entries: list[Entry], end: int) -> Iterator[Member]:
    """Yield the members in the order of their place, checking that together they tile ``view[:end]``."""
    ordered = sorted(entries, key=lambda entry: entry.header_start)
    starts = [entry.header_start for entry in ordered] + [end]
    if starts[0] != 0:
        raise FormatError(f"expected the first member at the start of the file, found it at {starts[0]}.", offset=0)
    for entry, boundary in zip(ordered, starts[1:], strict=True):
        yield locate_member(view, entry, boundary)


def locate_member(view: memoryview, entry: Entry, boundary: int) -> Member:
    """Read the local header, which must agree, and hold the entry to end where the next one begins."""
    start = entry.header_start
    if start + LOCAL.size > boundary or bytes(view[start : start + 4]) != LOCAL_SIGNATURE:
        raise FormatError(f"expected the header of member {show_name(entry.name)}, found none.", offset=start)
    local = LocalHeader._make(LOCAL.unpack_from(view, start))
    name_start = start + LOCAL.size
    extra_start = name_start + local.name_length
    content_start = extra_start + local.extra_length
    content_end = content_start + entry.stored_size
    if content_end > boundary:
        problem = f"member {show_name(entry.name)} ends at {content_end}, past the next entry at {boundary}."
        raise FormatError(problem, offset=start)
    check_local(entry, local, bytes(view[name_start:extra_start]))
    check_local_sizes(entry, local, dict_of_fields(bytes(view[extra_start:content_start]), extra_start))
    check_descriptor(entry, bytes(view[content_end : min(boundary, content_end + 25)]), content_end)
    record = entry.record
    return Member(
        entry.name, start, content_start, entry.size, entry.stored_size, record.crc, record.method == DEFLATED
    )


def check_local(entry: Entry, local: LocalHeader, raw_name: bytes) -> None:
    """Compare name, flags and method of the two headers."""
    compared = (
        ("name", show_name(raw_name), show_name(entry.raw_name), raw_name == entry.raw_name),
        ("flags", local.flags, entry.record.flags, local.flags == entry.record.flags),
        ("method", local.method, entry.record.method, local.method == entry.record.method),
    )
    for what, found, expected, equal in compared:
        if not equal:
            raise disagreement(entry, what, found, expected)


def check_local_sizes(entry: Entry, local: LocalHeader, fields: dict[int, bytes]) -> None:
    """Compare CRC and sizes; all may be zero where a data descriptor holds them."""
    left_out = bool(entry.record.flags & FLAG_DESCRIPTOR)
    zip64 = fields.get(ZIP64_FIELD)
    numbers = read_local_zip64(entry, zip64, left_out)
    compared = (
        ("CRC", local.crc, entry.record.crc, ()),
        ("size", local.size, entry.size, numbers[:1]),
        ("stored size", local.stored_size, entry.stored_size, numbers[1:]),
    )
    for what, found, expected, full in compared:
        if full and found == SENTINEL32:
            found = full[0]
        if found != expected and not (left_out and found == 0):
            raise disagreement(entry, what, found, expected)
        if full and full[0] != expected and not (left_out and full[0] == 0):
            raise disagreement(entry, f"zip64 {what}", full[0], expected)


def read_local_zip64(entry: Entry, field: bytes | None, left_out: bool) -> tuple[int, ...]:
    """The sizes in a local zip64 field: none, or both.

    torch puts the entry's own offset there too (24 bytes, or 8 where the sizes are left out); an
    offset that is there has to be right.
    """
    if field is None:
        return ()
    if len(field) not in ((8, 16, 24) if left_out else (16, 24)):
        raise disagreement(entry, "zip64 field", f"{len(field)} bytes", "16")
    numbers = struct.unpack(f"<{len(field) // 8}Q", field)
    if len(numbers) != 2 and numbers[-1] != entry.header_start:
        raise disagreement(entry, "zip64 offset", numbers[-1], entry.header_start)
    return numbers[:2] if len(numbers) > 1 else ()


def check_descriptor(entry: Entry, found: bytes, offset: int) -> None:
    """What stands between the content and the next entry: a descriptor where announced, else nothing."""
    if not entry.record.flags & FLAG_DESCRIPTOR:
        if found:
            raise FormatError(f"bytes after member {show_name(entry.name)} belong to nothing.", offset=offset)
        return
    numbers = (entry.record.crc, entry.stored_size, entry.size)
    if found not in descriptors(*numbers):
        problem = f"expected a data descriptor of member {show_name(entry.name)} that repeats its CRC and sizes."
        raise FormatError(problem, offset=offset)


def descriptors(crc: int, stored_size: int, size: int) -> Iterator[bytes]:
    """All four ways to write one data descriptor: with and without signature, in 32 and in 64 bits."""
    if max(stored_size, size) <= SENTINEL32:
        yield struct.pack("<3L", crc, stored_size, size)
        yield DESCRIPTOR_SIGNATURE + struct.pack("<3L", crc, stored_size, size)
    yield struct.pack("<L2Q", crc, stored_size, size)
    yield DESCRIPTOR_SIGNATURE + struct.pack("<L2Q", crc, stored_size, size)


def disagreement(entry: Entry, what: str, found: object, expected: object) -> FormatError:
    """The error for two headers of one member that differ: two readers would see two archives."""
    problem = f"the two headers of member {show_name(entry.name)} disagree on its {what}: {found} and {expected}."
    return FormatError(problem, offset=entry.header_start)
