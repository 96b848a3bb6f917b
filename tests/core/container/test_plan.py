"""Zip files inside of archives: planned by size, written without reading anything twice."""

from __future__ import annotations

import io
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.container import ZipPlan, ZipWriter, layout, read_directory
from strongbox.container.digest import Workers
from strongbox.errors import RefusedError, StrongboxError
from tests.core.container.zips import EXAMPLES

LARGE = np.random.default_rng(1).bytes((10 << 20) + 3)


def plan_of(members: dict[str, bytes], *, align: int = 64) -> ZipPlan:
    plan = ZipPlan(align=align)
    for name, content in members.items():
        plan.add(name, content)
    return plan


def whole(plan: ZipPlan) -> bytes:
    workers = Workers()
    content = b""
    for piece in plan.pieces(workers):
        assert piece.crc in (None, zlib.crc32(piece.content))
        content += piece.content
    workers.close()
    return content


def check(content: bytes, members: dict[str, bytes], align: int) -> None:
    directory = read_directory(content, members=1000)
    with zipfile.ZipFile(io.BytesIO(content)) as other:
        assert other.testzip() is None
        assert list(directory) == other.namelist() == list(members)
    for name, expected in members.items():
        assert bytes(directory.read(name)) == expected
        assert directory[name].start % align == 0


@pytest.mark.parametrize("align", [1, 64, 4096])
def test_a_plan_is_a_zip_file_of_the_size_that_it_says(align: int) -> None:
    members = {
        "archive/data.pkl": b"\x80\2N.",
        "archive/data/0": LARGE,
        "archive/data/1": b"",
        "archive/version": b"3\n",
    }
    plan = plan_of(members, align=align)
    content = whole(plan)
    assert len(content) == plan.size
    check(content, members, align)


@EXAMPLES
@given(
    contents=st.lists(st.binary(max_size=200), max_size=8),
    align=st.sampled_from([1, 2, 8, 64, 512]),
)
def test_any_plan_is_a_zip_file_of_the_size_that_it_says(contents: list[bytes], align: int) -> None:
    members = {f"archive/data/{index}": content for index, content in enumerate(contents)}
    plan = plan_of(members, align=align)
    content = whole(plan)
    assert len(content) == plan.size
    check(content, members, align)


def test_contents_are_aligned_in_the_outer_file_wherever_the_plan_goes() -> None:
    file = io.BytesIO()
    with ZipWriter(file) as writer:
        writer.add("data", b"odd")
        written = writer.add("policy.pth", plan_of({"archive/data/0": LARGE, "archive/data/1": b"12"}))
    archive = file.getvalue()
    assert written.crc == zlib.crc32(archive[written.start : written.start + written.size])
    inner = read_directory(read_directory(archive).read("policy.pth"))
    assert [(written.start + member.start) % 64 for member in inner.values()] == [0, 0]


def test_the_same_plan_gives_the_same_bytes_inside_and_outside() -> None:
    plan = plan_of({"archive/data/0": LARGE})
    file = io.BytesIO()
    with ZipWriter(file) as writer:
        writer.add("policy.pth", plan)
    assert bytes(read_directory(file.getvalue()).read("policy.pth")) == whole(plan) == whole(plan)


def test_contents_are_never_copied() -> None:
    plan = plan_of({"archive/data/0": LARGE})
    assert any(piece.content is LARGE for piece in plan.pieces(Workers()))


def test_a_function_gives_its_content_when_its_turn_comes_and_each_time_again() -> None:
    calls: list[int] = []

    def produce() -> memoryview:
        calls.append(1)
        return np.arange(250, dtype=np.int32).data

    plan = ZipPlan()
    plan.add("archive/data/0", produce, size=1000)
    assert plan.size > 1000
    assert calls == []
    check(whole(plan), {"archive/data/0": np.arange(250, dtype=np.int32).tobytes()}, 64)
    assert calls == [1]
    whole(plan)
    assert calls == [1, 1]


def test_a_function_that_gives_another_size_is_an_error() -> None:
    plan = ZipPlan()
    plan.add("archive/data/0", lambda: b"123", size=4)
    with pytest.raises(StrongboxError, match="expected 4 bytes, as was planned, found 3") as caught:
        whole(plan)
    assert caught.value.member == "archive/data/0"


def test_a_function_needs_a_size() -> None:
    with pytest.raises(StrongboxError, match="expected the size"):
        ZipPlan().add("a", lambda: b"")


def test_names_that_the_reader_refuses_are_not_planned() -> None:
    plan = ZipPlan()
    with pytest.raises(RefusedError):
        plan.add("../a", b"")
    plan.add("a", b"")
    plan.add("A", b"")
    with pytest.raises(RefusedError, match="one name"):
        whole(plan)


def test_numbers_beyond_32_bits_stand_in_zip64_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "FIRST_TOO_LARGE", 1000)
    members = {"a": bytes(10), "b": bytes(2000), "c": bytes(10)}
    plan = plan_of(members)
    content = whole(plan)
    assert len(content) == plan.size
    assert b"PK\6\6" in content
    check(content, members, 64)


def test_a_plan_of_more_than_4_gib_says_its_size_without_making_it() -> None:
    plan = ZipPlan()
    size = (1 << 32) + 5

    def never() -> bytes:
        raise AssertionError

    plan.add("archive/data/0", never, size=size)
    plan.add("archive/data/1", b"x")
    # One content begins at 64, the next one at the next multiple of 64 behind it; then come two records of
    # 46 bytes with names of 14 and zip64 fields of 20 and 12 bytes, and the end records.
    assert plan.size == 64 + (1 << 32) + 64 + 1 + (46 + 14 + 20) + (46 + 14 + 12) + 56 + 20 + 22
