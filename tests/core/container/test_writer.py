"""Writing archives: read back by ``zipfile``, by ``unzip`` and by our own reader, byte for byte the same every time."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import threading
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.container import Written, ZipPlan, ZipWriter, layout, read_directory
from strongbox.errors import RefusedError, StrongboxError
from tests.core.container.zips import EXAMPLES

MEBIBYTE = 1 << 20
LARGE = np.random.default_rng(0).bytes(9 * MEBIBYTE + 17)
ALIGNMENTS = (1, 2, 4, 64, 4096, 1 << 14)


def write(members: dict[str, bytes], *, align: int = 1) -> tuple[bytes, tuple[Written, ...]]:
    file = io.BytesIO()
    with ZipWriter(file) as writer:
        for name, content in members.items():
            writer.add(name, content, align=align)
    return file.getvalue(), writer.written


def check(archive: bytes, written: tuple[Written, ...], members: dict[str, bytes]) -> None:
    """Everyone reads the same, and what the writer said about it is true."""
    directory = read_directory(archive)
    with zipfile.ZipFile(io.BytesIO(archive)) as other:
        assert other.testzip() is None
        assert list(directory) == other.namelist() == list(members) == [one.name for one in written]
        for one in written:
            content = members[one.name]
            assert bytes(directory.read(one.name)) == other.read(one.name) == content
            assert archive[one.start : one.start + one.size] == content
            assert (one.size, one.crc) == (len(content), zlib.crc32(content))
            assert one.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("align", ALIGNMENTS)
def test_what_is_written_is_read(align: int) -> None:
    members = {"data": b"{}", "empty": b"", "a/b.pth": bytes(1000), "large": LARGE, "last": b"x" * 30}
    archive, written = write(members, align=align)
    check(archive, written, members)
    assert all(one.start % align == 0 for one in written)


@EXAMPLES
@given(
    members=st.dictionaries(st.from_regex(r"[a-z0-9_.]{1,20}x", fullmatch=True), st.binary(max_size=200), max_size=6),
    align=st.sampled_from(ALIGNMENTS),
)
def test_any_members_are_read_back(members: dict[str, bytes], align: int) -> None:
    archive, written = write(members, align=align)
    check(archive, written, members)
    assert archive == write(members, align=align)[0]


@pytest.mark.parametrize("size", [0, 1, 1000, MEBIBYTE, MEBIBYTE + 1, len(LARGE)])
@pytest.mark.parametrize("step", [1000, 3 * MEBIBYTE])
def test_pieces_make_the_same_archive_as_the_whole(size: int, step: int) -> None:
    content = LARGE[:size]
    scratch = bytearray(step)

    def pieces() -> Iterator[memoryview]:
        # One piece of memory for all: what was given out is overwritten as soon as the next is asked for.
        for start in range(0, size, step):
            part = content[start : start + step]
            scratch[: len(part)] = part
            yield memoryview(scratch)[: len(part)]

    file = io.BytesIO()
    with ZipWriter(file) as writer:
        written = writer.add("data", pieces(), size=size, align=64)
    assert file.getvalue() == write({"data": content}, align=64)[0]
    assert written.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.skipif(shutil.which("unzip") is None, reason="there is no unzip program here")
def test_unzip_finds_no_fault(tmp_path: Path) -> None:
    plan = ZipPlan()
    plan.add("archive/data/0", LARGE)
    with (tmp_path / "agent.zip").open("w+b") as file, ZipWriter(file) as writer:
        writer.add("data", b"{}", align=64)
        writer.add("large", LARGE, align=4096)
        writer.add("policy.pth", plan)
    done = subprocess.run(["unzip", "-t", "agent.zip"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "No errors detected" in done.stdout
    assert done.stderr == ""


def test_an_archive_is_the_same_bytes_everywhere() -> None:
    header = b"PK\3\4\x14\0\0\0\0\0\0\0\x21\0\x43\xbf\xa6\xa3\2\0\0\0\2\0\0\0\4\0"
    padding = b"\x1e\0dataSB\x1a\0" + bytes(26)
    record = b"PK\1\2\x14\3\x14\0\0\0\0\0\0\0\x21\0\x43\xbf\xa6\xa3\2\0\0\0\2\0\0\0"
    rest = b"\4\0\0\0\0\0\0\0\0\0\0\0\x80\1\0\0\0\0data"
    end = b"PK\5\6\0\0\0\0\1\0\1\0\x32\0\0\0\x42\0\0\0\0\0"
    archive, _ = write({"data": b"{}"}, align=64)
    assert archive == header + padding + b"{}" + record + rest + end
    info = zipfile.ZipFile(io.BytesIO(archive)).getinfo("data")
    assert info.date_time == (1980, 1, 1, 0, 0, 0)
    assert (info.create_system, info.external_attr >> 16) == (3, 0o600)


ARRAYS = {
    "numbers": np.arange(1000, dtype=np.float32),
    "half numbers": np.arange(1000, dtype=np.float16),
    "the other byte order": np.arange(1000, dtype=">i4"),
    "a matrix": np.arange(1000, dtype=np.int64).reshape(10, 100),
    "every second": np.arange(1000, dtype=np.int64)[::2],
    "a transposed matrix": np.arange(1000, dtype=np.int64).reshape(10, 100).T,
    "nothing": np.zeros((0, 3)),
    "one": np.array(1.5),
}


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS.keys())
def test_views_of_numbers_are_written_as_bytes(array: np.ndarray[Any, Any]) -> None:
    plan = ZipPlan()
    plan.add("planned", array.data)
    file = io.BytesIO()
    with ZipWriter(file) as writer:
        written = writer.add("whole", array.data)
        writer.add("pieces", iter([array.data, array.data]), size=2 * array.nbytes)
        writer.add("plan.zip", plan)
    assert (written.size, written.crc) == (array.nbytes, zlib.crc32(array.tobytes()))
    directory = read_directory(file.getvalue())
    assert bytes(directory.read("whole")) == array.tobytes()
    assert bytes(directory.read("pieces")) == array.tobytes() * 2
    assert bytes(read_directory(directory.read("plan.zip")).read("planned")) == array.tobytes()


def test_a_file_that_takes_only_a_little_at_a_time_gets_everything() -> None:
    class Slow(io.BytesIO):
        def write(self, content: object) -> int:
            return super().write(memoryview(content)[:70_000])  # type: ignore[arg-type]

    file = Slow()
    with ZipWriter(file) as writer:
        writer.add("data", LARGE)
    assert file.getvalue() == write({"data": LARGE})[0]


def test_a_file_that_takes_nothing_is_an_error() -> None:
    class Full(io.BytesIO):
        def write(self, content: object) -> int:
            return 0

    with pytest.raises(StrongboxError, match="takes what is written"), ZipWriter(Full()) as writer:
        writer.add("data", b"{}")


def test_numbers_beyond_32_bits_stand_in_zip64_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, _ = write({"data": b"{}", "large": bytes(2000), "last": b"x"})
    monkeypatch.setattr(layout, "FIRST_TOO_LARGE", 1500)
    members = {"data": b"{}", "large": bytes(2000), "last": b"x"}
    archive, written = write(members, align=64)
    check(archive, written, members)
    assert b"PK\6\6" in archive
    assert b"PK\6\6" not in plain
    versions = {info.filename: info.extract_version for info in zipfile.ZipFile(io.BytesIO(archive)).infolist()}
    assert versions == {"data": 20, "large": 45, "last": 45}


def test_65535_members_need_zip64() -> None:
    file = io.BytesIO()
    plan = ZipPlan(align=1)
    for index in range(0xFFFF):
        plan.add(str(index), b"")
    with ZipWriter(file) as writer:
        writer.add("many.zip", plan)
    inner = read_directory(file.getvalue()).read("many.zip")
    assert len(read_directory(inner, members=0xFFFF)) == 0xFFFF
    with zipfile.ZipFile(io.BytesIO(inner)) as other:
        assert len(other.namelist()) == 0xFFFF


@pytest.mark.parametrize("name", ["", "../a", "/a", "a\\b", "C:a", "a/", "à", "a\nb", "a//b"])
def test_names_that_the_reader_refuses_are_not_written(name: str) -> None:
    file = io.BytesIO()
    with ZipWriter(file) as writer:
        with pytest.raises(RefusedError):
            writer.add(name, b"")
        writer.add("data", b"{}")
    assert list(read_directory(file.getvalue())) == ["data"]


def test_a_name_is_written_once() -> None:
    with ZipWriter(io.BytesIO()) as writer:
        writer.add("data", b"{}")
        with pytest.raises(RefusedError, match="one name"):
            writer.add("Data", b"{}")


@pytest.mark.parametrize("align", [0, 3, -1, 1 << 15])
def test_alignments_are_powers_of_two(align: int) -> None:
    with ZipWriter(io.BytesIO()) as writer, pytest.raises(StrongboxError, match="power of two"):
        writer.add("data", b"", align=align)


@pytest.mark.parametrize("size", [None, -1])
def test_pieces_need_a_size(size: int | None) -> None:
    with ZipWriter(io.BytesIO()) as writer, pytest.raises(StrongboxError, match="expected the size"):
        writer.add("data", iter([b""]), size=size)


def test_a_size_that_is_not_that_of_the_bytes_is_an_error() -> None:
    with ZipWriter(io.BytesIO()) as writer, pytest.raises(StrongboxError, match="expected 3 bytes, found 2"):
        writer.add("data", b"{}", size=3)


@pytest.mark.parametrize("size", [9, 11])
def test_pieces_of_another_size_end_the_archive(size: int) -> None:
    writer = ZipWriter(io.BytesIO())
    with pytest.raises(StrongboxError, match=f"expected {size} bytes"):
        writer.add("data", iter([b"x" * 5] * 2), size=size)
    for action in (writer.close, lambda: writer.add("other", b"")):
        with pytest.raises(StrongboxError, match="closed or failed"):
            action()


def test_a_failure_leaves_no_archive_and_no_thread() -> None:
    def pieces() -> Iterator[bytes]:
        yield LARGE
        raise RuntimeError("the source of the content failed")

    def fail(file: io.BytesIO) -> None:
        with ZipWriter(file) as writer:
            writer.add("first", LARGE)
            writer.add("data", pieces(), size=2 * len(LARGE))

    file = io.BytesIO()
    with pytest.raises(RuntimeError, match="source"):
        fail(file)
    with pytest.raises(StrongboxError):
        read_directory(file.getvalue())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("strongbox-digest")]


def test_nothing_is_added_after_the_end() -> None:
    writer = ZipWriter(io.BytesIO())
    writer.close()
    with pytest.raises(StrongboxError, match="closed or failed"):
        writer.add("data", b"")
    with pytest.raises(StrongboxError, match="closed or failed"):
        writer.close()


def test_a_file_that_is_not_new_is_refused() -> None:
    file = io.BytesIO(b"old")
    file.seek(0, io.SEEK_END)
    with pytest.raises(StrongboxError, match="new file"):
        ZipWriter(file)


def test_nothing_of_the_content_is_kept(tmp_path: Path) -> None:
    piece = bytes(4 * MEBIBYTE)
    tracemalloc.start()
    try:
        with (tmp_path / "agent.zip").open("w+b") as file, ZipWriter(file) as writer:
            writer.add("pieces", (bytes(piece) for _ in range(16)), size=64 * MEBIBYTE)
            plan = ZipPlan()
            for index in range(16):
                plan.add(str(index), lambda: bytes(len(piece)), size=len(piece))
            writer.add("plan", plan)
        assert tracemalloc.get_traced_memory()[1] < 16 * MEBIBYTE
    finally:
        tracemalloc.stop()
