"""Rules Z1 and Z4 of the end of the file: every record there leads exactly to the next one."""

from __future__ import annotations

import pytest

from strongbox.container import read_directory
from strongbox.errors import FormatError, LimitError, StrongboxError, UnsupportedError
from tests.core.container.zips import Entry, build

ONE = Entry(name=b"data", content=b"hello")
TWO = Entry(name=b"policy.pth", content=b"weights")
GOOD = build(ONE, TWO)
ZIP64 = 0xFFFFFFFF

BROKEN: dict[str, tuple[bytes, type[StrongboxError], str]] = {
    "Z1 nothing": (b"", FormatError, "end record"),
    "Z1 cut short": (GOOD[:-1], FormatError, "end record"),
    "Z1 only half there": (GOOD[: len(GOOD) // 2], FormatError, "end record"),
    "Z1 comment": (build(ONE, end={"comment": 3}, suffix=b"abc"), FormatError, "3 bytes"),
    "Z1 comment that is not there": (build(ONE, end={"comment": 3}), FormatError, "comment"),
    "Z1 bytes after the end": (GOOD + b"\0", FormatError, "1 bytes"),
    "Z1 prefix, offsets not adjusted": (b"PK\3\4" + GOOD, FormatError, "central directory"),
    "Z1 a second zip in front (CVE-2025-54368)": (GOOD + build(TWO), FormatError, "central directory"),
    "Z1 bytes between directory and end": (build(ONE, between=b"??"), FormatError, "central directory"),
    "CVE-2025-8291 locator elsewhere": (build(ONE, end64={"locator_start": 0}), FormatError, "locator points to 0"),
    "CVE-2025-8291 locator without record": (
        build(ONE, between=b"PK\6\7" + bytes(16)),
        FormatError,
        "in front of its locator",
    ),
    "CVE-2025-8291 other entries": (build(ONE, end64={"entries": 2}), FormatError, "entries"),
    "CVE-2025-8291 other start": (build(ONE, end64={"start": 5}), FormatError, "central_start"),
    "CVE-2025-8291 other size": (build(ONE, end64={"size": 5}), FormatError, "central_size"),
    "zip64 record of another length": (build(ONE, end64={"body": 45}), FormatError, "45 bytes"),
    "zip64 extensible data": (build(ONE, between=b"x", end64={}), FormatError, "central directory"),
    "zip64 asked for and not there": (build(ONE, end={"start": ZIP64}), FormatError, "central directory"),
    "zip64 start beyond the file": (
        build(ONE, end={"start": ZIP64}, end64={"start": 1 << 63}),
        FormatError,
        "central directory",
    ),
    "Z4 several disks": (build(ONE, end={"disk": 1, "central_disk": 1}), UnsupportedError, "split"),
    "Z4 several disks by count": (build(ONE, end={"disk_entries": 0}), UnsupportedError, "split"),
    "Z4 several disks by locator": (build(ONE, end64={"disks": 2}), UnsupportedError, "split"),
}


@pytest.mark.parametrize(("archive", "error", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_ends_out_of_order_are_refused(archive: bytes, error: type[StrongboxError], words: str) -> None:
    with pytest.raises(error) as caught:
        read_directory(archive)
    assert type(caught.value) is error
    assert words in caught.value.problem


@pytest.mark.parametrize("length", range(len(GOOD)))
def test_a_file_cut_short_anywhere_is_refused(length: int) -> None:
    with pytest.raises(FormatError):
        read_directory(GOOD[:length])


def test_the_error_says_whether_the_end_is_missing_or_followed_by_something() -> None:
    with pytest.raises(FormatError, match="cut short"):
        read_directory(GOOD[:-10])
    with pytest.raises(FormatError, match="found 60000 bytes"):
        read_directory(GOOD + bytes(60_000))


def test_a_claimed_number_of_members_is_refused_before_any_is_read() -> None:
    numbers = {"entries": 1 << 40, "disk_entries": 1 << 40}
    archive = build(Entry(), end64=numbers, end={"entries": 0xFFFF, "disk_entries": 0xFFFF})
    with pytest.raises(LimitError, match="found 1099511627776"):
        read_directory(archive)
