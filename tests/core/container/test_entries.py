"""Rules Z1 to Z5 of entries: what is wrong is found when the directory is read, before any content."""

from __future__ import annotations

import struct
import zlib

import pytest

from strongbox.container import read_directory
from strongbox.errors import FormatError, LimitError, RefusedError, StrongboxError, UnsupportedError
from strongbox.limits import Limits
from tests.core.container.zips import Entry, build, deflate, extra_field, torch_zip

ONE = Entry(name=b"data", content=b"hello")
TWO = Entry(name=b"policy.pth", content=b"weights")
GOOD = build(ONE, TWO)
ZIP64 = 0xFFFFFFFF
LEFT_OUT = {"crc": 0, "size": 0, "stored_size": 0, "flags": 8}
FULL = struct.pack("<2Q", 5, 5)


def descriptor(content: bytes, *, sign: bytes = b"PK\7\x08", sizes: str = "2L") -> bytes:
    return sign + struct.pack(f"<L{sizes}", zlib.crc32(content), len(content), len(content))


def described(after: bytes, **local: int | bytes) -> Entry:
    """An entry whose sizes are left to a data descriptor."""
    return Entry(content=b"hello", local={**LEFT_OUT, **local}, central={"flags": 8}, after=after)


def deflated(size: int, *, name: bytes = b"data", claim: int | None = None) -> Entry:
    claimed = {"size": size if claim is None else claim}
    return Entry(name=name, content=bytes(size), deflated=True, local=dict(claimed), central=dict(claimed))


ACCEPTED = {
    "two plain members": GOOD,
    "nothing at all": build(),
    "an empty member": build(Entry(content=b"")),
    "a deflated member": build(Entry(content=b"hello " * 50, deflated=True)),
    "as torch writes it": torch_zip({b"archive/data.pkl": b"\x80\2N.", b"archive/data/0": bytes(100), b"e": b""}),
    "zip64 end records that are not needed": build(ONE, end64={}),
    "zip64 end records that hold the numbers": build(
        ONE,
        end64={},
        end={"disk_entries": 0xFFFF, "entries": 0xFFFF, "size": ZIP64, "start": ZIP64},
    ),
    "zip64 sizes in the local header, as force_zip64 writes them": build(
        Entry(local={"version": 45, "size": ZIP64, "stored_size": ZIP64, "extra": extra_field(1, FULL)}), TWO
    ),
    "zip64 sizes beside true ones, as force_zip64 wrote them before Python 3.11.4": build(
        Entry(local={"extra": extra_field(1, FULL)}), TWO
    ),
    "zip64 sizes in both headers": build(
        Entry(
            local={"size": ZIP64, "stored_size": ZIP64, "extra": extra_field(1, FULL)},
            central={"size": ZIP64, "stored_size": ZIP64, "extra": extra_field(1, FULL)},
        )
    ),
    "a zip64 offset": build(Entry(central={"header_start": ZIP64, "extra": extra_field(1, bytes(8))})),
    "a descriptor": build(described(descriptor(b"hello")), TWO),
    "a descriptor without signature": build(described(descriptor(b"hello", sign=b"")), TWO),
    "a descriptor of 64 bits": build(described(descriptor(b"hello", sizes="2Q")), TWO),
    "a descriptor of 64 bits without signature": build(described(descriptor(b"hello", sign=b"", sizes="2Q"))),
    "a descriptor that repeats the header": build(
        Entry(local={"flags": 8}, central={"flags": 8}, after=descriptor(b"hello"))
    ),
    "a descriptor and empty zip64 sizes, as Python streams": build(
        described(descriptor(b"hello", sizes="2Q"), size=ZIP64, stored_size=ZIP64, extra=extra_field(1, bytes(16)))
    ),
    "a descriptor and a zip64 offset, as torch writes behind 4 GiB": build(
        described(descriptor(b"hello", sizes="2Q"), extra=extra_field(1, bytes(8)))
    ),
    "a descriptor, zip64 sizes and offset": build(
        described(descriptor(b"hello", sizes="2Q"), extra=extra_field(1, FULL + bytes(8)))
    ),
    "times and owners, as Info-ZIP writes them": build(
        Entry(local={"extra": extra_field(0x5455, bytes(9)) + extra_field(0x7875, bytes(11))}, central={"flags": 0})
    ),
    "a plain file by its Unix mode": build(Entry(central={"external": 0o100644 << 16})),
    "a central directory in another order": build(TWO, ONE),
}


@pytest.mark.parametrize("archive", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_archives_in_order_are_read(archive: bytes) -> None:
    directory = read_directory(archive)
    for name in directory:
        directory.read(name)
        directory.verify(name)


def bad_name(name: bytes) -> bytes:
    return build(Entry(name=name))


BROKEN: dict[str, tuple[bytes, type[StrongboxError], str]] = {
    # Z1: entries tile the file.
    "Z1 prefix, offsets adjusted": (build(ONE, prefix=b"#!/bin/sh\n"), FormatError, "first member at the start"),
    "Z1 a second zip in front, offsets adjusted": (build(ONE, prefix=GOOD), FormatError, "first member"),
    "Z1 gap between members": (build(ONE, Entry(name=b"b", before=b"??")), FormatError, "belong to nothing"),
    "Z1 gap before the directory": (build(Entry(after=b"??")), FormatError, "belong to nothing"),
    "Z1 a member that the directory hides": (
        build(ONE, Entry(name=b"b", before=TWO.local_bytes())),
        FormatError,
        "belong to nothing",
    ),
    "Z1 only hidden members": (build(prefix=ONE.local_bytes()), FormatError, "first member"),
    "Z1 bytes inside the directory": (
        build(ONE, between=b"??", end={"size": 46 + 4 + 2}),
        FormatError,
        "nothing after the last record",
    ),
    "CVE-2024-0450 two members in one place": (
        build(ONE, Entry(name=b"b", header_start=0)),
        FormatError,
        "none",
    ),
    "CVE-2024-0450 overlapping entries": (
        build(Entry(content=TWO.local_bytes()), Entry(name=TWO.name, content=TWO.content, header_start=34)),
        FormatError,
        "past the next entry",
    ),
    "Z1 size past the directory": (
        build(Entry(local={"stored_size": 999, "size": 999}, central={"stored_size": 999, "size": 999})),
        FormatError,
        "past the next entry",
    ),
    "Z1 offset outside": (build(Entry(header_start=10_000)), FormatError, "first member"),
    "Z1 offset in the directory": (build(ONE, Entry(name=b"b", header_start=100)), FormatError, "member"),
    "Z1 too few records": (build(ONE, end={"entries": 2, "disk_entries": 2}), FormatError, "2 records"),
    "Z1 too many records": (build(ONE, TWO, end={"entries": 1, "disk_entries": 1}), FormatError, "after the last"),
    "Z1 a record longer than the directory": (build(ONE, end={"size": 40, "start": 49}), FormatError, "0"),
    "Z1 an extra field longer than itself": (
        build(Entry(local={"extra": b"\1\0\xff\0"})),
        FormatError,
        "says 255 bytes",
    ),
    "Z1 half an extra field": (build(Entry(local={"extra": b"\1\0\0"})), FormatError, "whole extra field"),
    "Z1 one extra field twice": (
        build(Entry(central={"extra": extra_field(0x9999, b"") * 2})),
        FormatError,
        "twice",
    ),
    # Z2: the two headers of a member agree (CVE-2025-1944, CVE-2025-1945, CVE-2025-54368).
    "CVE-2025-1944 another name": (build(Entry(local={"name": b"Data"})), FormatError, "its name"),
    "CVE-2025-1945 other flags": (build(Entry(local={"flags": 1})), FormatError, "its flags"),
    "CVE-2025-1945 other flags, descriptor": (build(Entry(local={"flags": 8})), FormatError, "its flags"),
    "Z2 another method": (build(Entry(local={"method": 8})), FormatError, "its method"),
    "Z2 another CRC": (build(Entry(local={"crc": 1})), FormatError, "its CRC"),
    "Z2 another size": (build(Entry(local={"size": 4})), FormatError, "its size"),
    "Z2 another stored size": (build(Entry(local={"stored_size": 4})), FormatError, "its stored size"),
    "Z2 no sizes and no descriptor": (build(Entry(local={"size": 0, "stored_size": 0})), FormatError, "its size"),
    "Z2 zip64 and none": (build(Entry(local={"size": ZIP64, "stored_size": ZIP64})), FormatError, "its size"),
    "Z2 another zip64 size": (
        build(Entry(local={"extra": extra_field(1, struct.pack("<2Q", 5, 6))})),
        FormatError,
        "zip64 stored size",
    ),
    "Z2 another zip64 offset": (
        build(Entry(local={"extra": extra_field(1, struct.pack("<3Q", 5, 5, 6))})),
        FormatError,
        "zip64 offset",
    ),
    "Z2 odd local zip64 field": (build(Entry(local={"extra": extra_field(1, b"abc")})), FormatError, "zip64 field"),
    "Z2 stored in another length": (
        build(Entry(local={"size": 6}, central={"size": 6})),
        FormatError,
        "says to be 6 long",
    ),
    "Z2 no descriptor": (build(described(b"")), FormatError, "data descriptor"),
    "Z2 a false descriptor": (build(described(descriptor(b"jello"))), FormatError, "data descriptor"),
    "Z2 a descriptor nobody announced": (build(Entry(after=descriptor(b"hello"))), FormatError, "belong to nothing"),
    "Z2 more than a descriptor": (build(described(descriptor(b"hello") + b"!")), FormatError, "data descriptor"),
    "Z2 half true sizes beside a descriptor": (build(described(descriptor(b"hello"), size=4)), FormatError, "size"),
    "Z2 no local header": (build(Entry(local={"signature": b"PK\3\5"})), FormatError, "header of member"),
    "Z2 no central record": (build(Entry(central={"signature": b"PK\1\3"})), FormatError, "found 0"),
    # Z3: names.
    "Z3 the same name": (build(ONE, ONE), RefusedError, "one name"),
    "Z3 the same name but for case": (build(ONE, Entry(name=b"DATA")), RefusedError, "one name"),
    "Z3 a name in another alphabet": (bad_name("dàta".encode()), RefusedError, "printable ASCII"),
    "Z3 a name in no alphabet": (bad_name(b"\xff\xfe"), RefusedError, "printable ASCII"),
    "Z3 NUL": (bad_name(b"data\0.txt"), RefusedError, "printable ASCII"),
    "Z3 control character": (bad_name(b"data\x1b[2J"), RefusedError, "printable ASCII"),
    "Z3 parent": (bad_name(b"../data"), RefusedError, "out of its folder"),
    "Z3 parent, inside": (bad_name(b"a/../../data"), RefusedError, "out of its folder"),
    "Z3 absolute": (bad_name(b"/etc/passwd"), RefusedError, "absolute"),
    "Z3 backslash": (bad_name(b"..\\data"), RefusedError, "backslash"),
    "Z3 drive": (bad_name(b"C:data"), RefusedError, "drive"),
    "Z3 empty name": (bad_name(b""), RefusedError, "is empty"),
    "Z3 folder": (build(Entry(name=b"ppo/", content=b""), Entry(name=b"ppo/data")), RefusedError, "is a folder"),
    "Z3 empty part": (bad_name(b"a//b"), RefusedError, "parts"),
    "Z3 this folder": (bad_name(b"./data"), RefusedError, "parts"),
    "Z3 a second name in an extra field (CVE-2025-54368)": (
        build(Entry(central={"extra": extra_field(0x7075, bytes(5) + b"other")})),
        RefusedError,
        "another name",
    ),
    "Z3 a second name in the local extra field": (
        build(Entry(local={"extra": extra_field(0x7075, bytes(5) + b"other")})),
        RefusedError,
        "another name",
    ),
    # Z4: no encryption, one file, zip64 where asked for.
    "Z4 encrypted": (build(Entry(central={"flags": 1}, local={"flags": 1})), UnsupportedError, "encrypted"),
    "Z4 strongly encrypted": (build(Entry(central={"flags": 0x40})), UnsupportedError, "strong encryption"),
    "Z4 masked": (build(Entry(central={"flags": 0x2000})), UnsupportedError, "encrypted directory"),
    "Z4 patched": (build(Entry(central={"flags": 0x20})), UnsupportedError, "patch"),
    "Z4 unknown flags": (build(Entry(central={"flags": 0x4000})), UnsupportedError, "0x4000"),
    "Z4 several disks by record": (build(Entry(central={"disk": 1})), UnsupportedError, "split"),
    "Z4 zip64 field that nothing asks for": (
        build(Entry(central={"extra": extra_field(1, FULL)})),
        FormatError,
        "zip64 field of 0 numbers",
    ),
    "Z4 zip64 field that is not there": (
        build(Entry(central={"size": ZIP64, "stored_size": ZIP64})),
        FormatError,
        "zip64 field of 2 numbers",
    ),
    "Z4 zip64 field with more than asked for": (
        build(Entry(central={"size": ZIP64, "extra": extra_field(1, FULL)})),
        FormatError,
        "zip64 field of 1 numbers",
    ),
    "Z4 zip64 size beyond the file": (
        build(
            Entry(
                central={
                    "size": ZIP64,
                    "stored_size": ZIP64,
                    "extra": extra_field(1, struct.pack("<2Q", 1 << 63, 1 << 63)),
                }
            )
        ),
        FormatError,
        "past the next entry",
    ),
    "Z4 zip64 offset beyond the file": (
        build(Entry(central={"header_start": ZIP64, "extra": extra_field(1, b"\xff" * 8)})),
        FormatError,
        "first member",
    ),
    "Z4 newer than the format": (build(Entry(central={"version": 99})), UnsupportedError, "version 9.9"),
    "Z4 a comment of a member": (build(Entry(central={"comment": b"hi"})), RefusedError, "comment"),
    "Z4 a symbolic link": (build(Entry(central={"external": 0o120777 << 16})), RefusedError, "link"),
    "Z4 a device": (build(Entry(central={"external": 0o060600 << 16})), RefusedError, "device"),
    # Z5: stored, or deflated within a ratio.
    "Z5 bzip2": (build(Entry(local={"method": 12}, central={"method": 12})), UnsupportedError, "bzip2"),
    "Z5 LZMA": (build(Entry(local={"method": 14}, central={"method": 14})), UnsupportedError, "LZMA"),
    "Z5 Zstandard": (build(Entry(local={"method": 93}, central={"method": 93})), UnsupportedError, "Zstandard"),
    "Z5 Deflate64": (build(Entry(local={"method": 9}, central={"method": 9})), UnsupportedError, "Deflate64"),
    "Z5 AES": (build(Entry(local={"method": 99}, central={"method": 99})), UnsupportedError, "AES"),
    "Z5 unknown": (build(Entry(local={"method": 77}, central={"method": 77})), UnsupportedError, "method 77"),
    "Z5 ratio": (build(deflated(1_000_000)), LimitError, "100 times"),
    "CVE-2026-15310 a member that says to become 4 GiB": (build(deflated(10, claim=ZIP64 - 1)), LimitError, "times"),
    "CVE-2026-15310 from nothing": (
        build(Entry(content=b"", stored=b"", deflated=True, local={"size": 9}, central={"size": 9})),
        LimitError,
        "times",
    ),
}


@pytest.mark.parametrize(("archive", "error", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_archives_out_of_order_are_refused(archive: bytes, error: type[StrongboxError], words: str) -> None:
    with pytest.raises(error) as caught:
        read_directory(archive)
    assert type(caught.value) is error
    assert words in caught.value.problem


def test_the_number_of_members_is_limited() -> None:
    archive = build(*(Entry(name=b"%d" % index) for index in range(65)))
    with pytest.raises(LimitError, match="64 members, found 65"):
        read_directory(archive)
    assert len(read_directory(archive, members=65)) == 65
    assert len(read_directory(archive, limits=Limits(members=65))) == 65


def test_the_inflated_size_of_all_members_is_limited() -> None:
    archive = build(*(deflated(5000, name=b"%d" % index) for index in range(4)))
    assert len(read_directory(archive, limits=Limits(deflate_ratio=10_000, inflated_bytes=20_000))) == 4
    with pytest.raises(LimitError, match="at most 19999 bytes when inflated, found 20000"):
        read_directory(archive, limits=Limits(deflate_ratio=10_000, inflated_bytes=19_999))


def test_a_folder_says_how_to_pack_without_it() -> None:
    with pytest.raises(RefusedError) as caught:
        read_directory(build(Entry(name=b"ppo/", content=b"")))
    assert caught.value.hint is not None
    assert "not the folder" in caught.value.hint


def test_a_hostile_name_is_cut_and_escaped_in_messages() -> None:
    with pytest.raises(RefusedError) as caught:
        read_directory(build(Entry(name=b"\x1b[31m" + b"\xff" * 60_000)))
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


def test_faults_say_where_they_are() -> None:
    with pytest.raises(FormatError) as caught:
        read_directory(build(ONE, Entry(name=b"b", local={"crc": 1})))
    assert caught.value.offset == len(ONE.local_bytes())


def test_members_say_where_they_are() -> None:
    member = read_directory(build(ONE, Entry(name=b"b", content=b"ab" * 100, deflated=True)))["b"]
    stored = deflate(b"ab" * 100)
    assert (member.name, member.size, member.stored_size, member.deflated) == ("b", 200, len(stored), True)
    assert member.header_start == len(ONE.local_bytes())
    assert member.start == member.header_start + 31
    assert member.crc == zlib.crc32(b"ab" * 100)
