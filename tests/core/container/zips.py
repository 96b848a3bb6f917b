"""Zip files made by hand, with every field open to be wrong; it shares no code with what it tests."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from hypothesis import settings

from tests.draws import drawn

__all__ = ["EXAMPLES", "Entry", "build", "deflate", "extra_field", "torch_zip"]

Fields = dict[str, int | bytes]

EXAMPLES = settings(max_examples=drawn(300), deadline=None, derandomize=True, database=None)
"""The same examples in every run."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry; ``local`` and ``central`` replace fields of its two headers, by name."""

    name: bytes = b"data"
    content: bytes = b"hello"
    deflated: bool = False
    stored: bytes | None = None
    local: Fields = field(default_factory=dict)
    central: Fields = field(default_factory=dict)
    before: bytes = b""
    after: bytes = b""
    header_start: int | None = None

    @property
    def bytes_stored(self) -> bytes:
        if self.stored is not None:
            return self.stored
        return deflate(self.content) if self.deflated else self.content

    def fields(self) -> Fields:
        return {
            "version": 20,
            "flags": 0,
            "method": 8 if self.deflated else 0,
            "crc": zlib.crc32(self.content),
            "stored_size": len(self.bytes_stored),
            "size": len(self.content),
            "name": self.name,
            "extra": b"",
        }

    def local_bytes(self) -> bytes:
        f: Fields = {"signature": b"PK\3\4", **self.fields(), **self.local}
        numbers = [f[key] for key in ("version", "flags", "method")]
        sizes = [f[key] for key in ("crc", "stored_size", "size")]
        name, extra = bytes_of(f["name"]), bytes_of(f["extra"])
        packed = struct.pack("<5H3L2H", *numbers, 0, 33, *sizes, len(name), len(extra))
        return bytes_of(f["signature"]) + packed + name + extra + self.bytes_stored + self.after

    def central_bytes(self, header_start: int) -> bytes:
        defaults: Fields = {"made_by": 0x314, "comment": b"", "disk": 0, "external": 0, "header_start": header_start}
        f: Fields = {"signature": b"PK\1\2", **defaults, **self.fields(), **self.central}
        numbers = [f[key] for key in ("made_by", "version", "flags", "method")]
        sizes = [f[key] for key in ("crc", "stored_size", "size")]
        name, extra, comment = bytes_of(f["name"]), bytes_of(f["extra"]), bytes_of(f["comment"])
        lengths = [len(name), len(extra), len(comment)]
        rest = [f[key] for key in ("disk", "external", "header_start")]
        packed = struct.pack("<6H3L5H2L", *numbers, 0, 33, *sizes, *lengths, rest[0], 0, *rest[1:])
        return bytes_of(f["signature"]) + packed + name + extra + comment


def bytes_of(value: int | bytes) -> bytes:
    assert isinstance(value, bytes)
    return value


def build(
    *entries: Entry,
    prefix: bytes = b"",
    between: bytes = b"",
    suffix: bytes = b"",
    end: dict[str, int] | None = None,
    end64: dict[str, int] | None = None,
) -> bytes:
    """A zip file of entries; ``end64`` adds zip64 end records, ``between`` stands before the directory's end."""
    body = prefix
    records = []
    for entry in entries:
        body += entry.before
        records.append(entry.central_bytes(len(body) if entry.header_start is None else entry.header_start))
        body += entry.local_bytes()
    central = b"".join(records)
    numbers = {"disk": 0, "central_disk": 0, "disk_entries": len(entries), "entries": len(entries)}
    numbers |= {"size": len(central), "start": len(body)}
    body += central + between
    if end64 is not None:
        body += zip64_records(len(body), {**numbers, **end64})
    short = {**numbers, "comment": 0, **(end or {})}
    packed = struct.pack("<4H2LH", *(short[key] for key in (*numbers, "comment")))
    return body + b"PK\5\6" + packed + suffix


def zip64_records(position: int, numbers: dict[str, int]) -> bytes:
    f = {"body": 44, "locator_disk": 0, "locator_start": position, "disks": 1, **numbers}
    keys = ("disk", "central_disk", "disk_entries", "entries", "size", "start")
    record = b"PK\6\6" + struct.pack("<Q2H2L4Q", f["body"], 45, 45, *(f[key] for key in keys))
    return record + b"PK\6\7" + struct.pack("<LQL", f["locator_disk"], f["locator_start"], f["disks"])


def extra_field(identifier: int, body: bytes) -> bytes:
    return struct.pack("<2H", identifier, len(body)) + body


def deflate(content: bytes) -> bytes:
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return machine.compress(content) + machine.flush()


def torch_zip(members: dict[bytes, bytes]) -> bytes:
    """A zip file as torch writes it: descriptors, padding to 64 bytes, zip64 end records."""
    entries = []
    position = 0
    for name, content in members.items():
        padding = -(position + 30 + len(name) + 4) % 64
        local: Fields = {"extra": extra_field(0x4246, b"Z" * padding), "crc": 0, "size": 0, "stored_size": 0}
        descriptor = b"PK\7\x08" + struct.pack("<3L", zlib.crc32(content), len(content), len(content))
        flags: Fields = {"flags": 0x808, "version": 0}
        central = {**flags, "made_by": 0}
        entries.append(Entry(name=name, content=content, local={**local, **flags}, central=central, after=descriptor))
        position += len(entries[-1].local_bytes())
    return build(*entries, end64={})
