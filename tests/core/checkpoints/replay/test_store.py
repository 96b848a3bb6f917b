"""Whatever is added, written, lost on the way and read again: the buffer is the same to the last bit."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongbox.checkpoints.replay import ReplayManifest, ReplayStore, segment_files, segments_named
from strongbox.checkpoints.replay import store as store_module
from strongbox.checkpoints.replay.ranges import places
from strongbox.errors import CheckpointError, FormatError, StrongboxError
from tests.core.checkpoints.replay.ring import FOLLOWS, PlainChange, Ring, blank, same_bits
from tests.draws import drawn

OPERATIONS = st.one_of(
    st.tuples(st.just("add"), st.integers(0, 40)),
    st.tuples(st.just("write"), st.just(0)),
    st.tuples(st.just("lose"), st.just(0)),
    st.tuples(st.just("continue"), st.just(0)),
)


def written_again(manifest: ReplayManifest) -> ReplayManifest:
    return ReplayManifest.from_json(json.loads(json.dumps(manifest.to_json())))


@settings(deadline=None, max_examples=drawn(60))
@given(
    capacity=st.integers(1, 60),
    environments=st.integers(1, 3),
    axis=st.sampled_from([0, 2]),
    seed=st.integers(0, 1 << 20),
    operations=st.lists(OPERATIONS, max_size=12),
    codec=st.sampled_from(["none", "zlib"]),
    follows=st.sampled_from([FOLLOWS, {}]),
    many=st.sampled_from([2, 3, store_module.MANY]),
)
def test_any_sequence_of_additions_and_checkpoints_gives_the_buffer_back(
    capacity: int,
    environments: int,
    axis: int,
    seed: int,
    operations: list[tuple[str, int]],
    codec: str,
    follows: dict[str, str],
    many: int,
) -> None:
    ring = Ring(capacity, environments, axis=axis, seed=seed)
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_module, "MANY", many)
        folder = Path(name, "replay")
        store = ReplayStore(folder, codec=codec)
        base: ReplayManifest | None = None
        added = 0
        for operation, steps in [*operations, ("write", 0)]:
            if operation == "add":
                ring.add(steps)
                added += steps
            elif operation == "lose":  # written, and then the process ended before the commit
                store.write(ring.change(added, base))
            elif operation == "continue":  # another process goes on from the last commit
                store = ReplayStore(folder, codec=codec)
            else:
                base, added = written_again(store.write(ring.change(added, base, follows))), 0
                found = blank(ring.all_columns(), 7 if seed % 2 else 0)
                store.read(base, found, used=None if seed % 2 else 0)
                assert same_bits(found, ring.all_columns())
                assert (base.position, base.full, base.rows) == (ring.position, ring.full, ring.rows)
                assert len(base.ranges) <= capacity
                for unnamed in {path.stem for path in folder.glob("*")} - segments_named(base):
                    Path(store.path(unnamed)).unlink()


def one_column(count: int, **changes: Any) -> PlainChange:
    rows = {"rewards": numpy.arange(count, dtype="<f4").reshape(count, 1)}
    settled = {"capacity": 100, "environments": 1, "position": count, "full": False, "rows": rows}
    return PlainChange(**{**settled, **changes})


def test_a_checkpoint_writes_what_is_new_and_nothing_else(tmp_path: Path) -> None:
    ring = Ring(5000, 1)
    store = ReplayStore(tmp_path, codec="none")
    sizes: list[int] = []
    base = None
    for _ in range(5):
        ring.add(300)
        before = {path.name for path in tmp_path.iterdir()}
        base = store.write(ring.change(300, base))
        sizes.append(sum(path.stat().st_size for path in tmp_path.iterdir() if path.name not in before))
    raw = sum(array[:300].nbytes for array in ring.all_columns().values())
    assert max(sizes) < raw
    assert max(sizes) < 1.1 * min(sizes)


def test_writing_the_same_rows_again_writes_no_file_again(tmp_path: Path) -> None:
    ring = Ring(50, 2)
    ring.add(20)
    store = ReplayStore(tmp_path)
    first = store.write(ring.change(20, None))
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert ReplayStore(tmp_path).write(ring.change(20, None)) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times


def test_a_checkpoint_without_new_rows_is_the_last_one(tmp_path: Path) -> None:
    ring = Ring(50, 2)
    ring.add(20)
    store = ReplayStore(tmp_path)
    first = store.write(ring.change(20, None))
    assert store.write(ring.change(0, first)) == first


def test_segments_stay_until_their_last_row_was_written_over(tmp_path: Path) -> None:
    ring = Ring(30, 1)
    store = ReplayStore(tmp_path)
    ring.add(10)
    first = store.write(ring.change(10, None))
    ring.add(25)
    second = store.write(ring.change(25, first))
    ring.add(5)
    third = store.write(ring.change(5, second))
    rows = {part.segment for part in first.ranges}
    assert rows <= segments_named(second)
    assert not rows & segments_named(third)
    found = blank(ring.all_columns())
    store.read(third, found)
    assert same_bits(found, ring.all_columns())


def small_checkpoints(
    store: ReplayStore, ring: Ring, count: int, base: ReplayManifest | None = None
) -> Iterator[ReplayManifest]:
    """A checkpoint of three rows each; every manifest gives the buffer back when it is new."""
    for _ in range(count):
        ring.add(3)
        base = store.write(ring.change(3, base))
        found = blank(ring.all_columns())
        store.read(base, found)
        assert same_bits(found, ring.all_columns())
        yield base


def test_many_small_segments_become_one_and_older_checkpoints_keep_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MANY", 8)
    ring = Ring(100, 2)
    store = ReplayStore(tmp_path)
    manifests = list(small_checkpoints(store, ring, 90))
    counts = [len(manifest.ranges) for manifest in manifests]
    assert counts[:16] == [1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7, 1, 2]
    assert max(counts) < 2 * 8, "some at the position, and some at the end of the ring"
    for manifest in manifests:
        store.require(manifest)
    assert manifests[-1].full


def test_rows_that_are_no_longer_small_are_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MANY", 4)
    ring = Ring(200, 1)
    monkeypatch.setattr(store_module, "SMALL", 12 * sum(array[:1].nbytes for array in ring.columns.values()))
    written: dict[int, int] = {}
    seen: set[str] = set()
    for manifest in small_checkpoints(ReplayStore(tmp_path), ring, 60):
        for place, part in places(manifest.ranges):
            for row in range(place, place + part.count):
                written[row] = written.get(row, 0) + (part.segment not in seen)
        seen.update(part.segment for part in manifest.ranges)
    assert max(written.values()) == 3
    assert len(manifest.ranges) < 180 / 12


def test_a_damaged_small_segment_is_left_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MANY", 4)
    ring = Ring(400, 1)
    store = ReplayStore(tmp_path)
    *_, third = small_checkpoints(store, ring, 3)
    path = Path(store.path(third.ranges[0].segment))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    ring.add(3)
    fourth = store.write(ring.change(3, third))
    assert len(fourth.ranges) == 4
    with pytest.raises(FormatError, match="SHA-256"):
        store.read(fourth, blank(ring.all_columns()))
    path.write_bytes(whole)
    (fifth,) = small_checkpoints(store, ring, 1, fourth)
    assert len(fifth.ranges) == 1


def test_a_large_batch_becomes_segments_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MOST_CONTENT", 20_000)
    monkeypatch.setattr(store_module, "MOST_ENCODED", 100_000)
    ring = Ring(200, 2)
    ring.add(150)
    store = ReplayStore(tmp_path, codec="none")
    manifest = store.write(ring.change(150, None))
    assert len(manifest.ranges) > 5
    assert max(record.size for record in manifest.segments.values()) < 23_000
    found = blank(ring.all_columns())
    store.read(manifest, found)
    assert same_bits(found, ring.all_columns())


@pytest.mark.parametrize("codec", ["none", "zlib"])
def test_reading_takes_no_more_memory_than_one_segment(
    codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MOST_ENCODED", 1 << 20)
    monkeypatch.setattr(segment_files, "MOST_WAITING", 1 << 20)
    rows = {name: numpy.zeros((40_000, 1, 8), "<f8") for name in ("observations", "next_observations")}
    rows["observations"][:, 0, 0] = numpy.arange(40_000)
    rows["next_observations"][:-1] = rows["observations"][1:]
    store = ReplayStore(tmp_path, codec=codec)
    follows = {"next_observations": "observations"}
    manifest = store.write(one_column(40_000, capacity=40_000, position=0, full=True, rows=rows, follows=follows))
    assert len(manifest.segments) == 5
    found = blank(rows, 1)
    tracemalloc.start()
    store.read(manifest, found)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert same_bits(found, rows)
    assert peak < 2 << 20  # the file and its unpacked content, of a megabyte at most; the buffer has five


def test_late_columns_in_too_many_ranges_are_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MOST_LATE_RANGES", 3)
    ring = Ring(2000, 1)
    store = ReplayStore(tmp_path)
    base = store.write(ring.change(0, None))
    counts = []
    for _ in range(8):
        ring.add(200)
        base = store.write(ring.change(200, base))
        counts.append(len(base.late_ranges))
    assert max(counts) <= 7
    assert 1 in counts[1:]
    found = blank(ring.all_columns())
    store.read(base, found)
    assert same_bits(found, ring.all_columns())


def test_where_the_rest_is_known_to_be_zeros_it_is_not_touched(tmp_path: Path) -> None:
    store = ReplayStore(tmp_path)
    manifest = store.write(one_column(10))
    found = {"rewards": numpy.full((100, 1), 5, "<f4")}
    store.read(manifest, found, used=20)
    assert found["rewards"][:10, 0].tolist() == list(range(10))
    assert not found["rewards"][10:20].any()
    assert (found["rewards"][20:] == 5).all()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (one_column(10, capacity=99), "another buffer"),
        (one_column(10, environments=2, rows={"rewards": numpy.zeros((10, 2), "<f4")}), "another buffer"),
        (one_column(10, rows={"rewards": numpy.zeros((10, 1), "<f8")}), "another buffer"),
        (one_column(10, rows={"returns": numpy.zeros((10, 1), "<f4")}), "another buffer"),
        (one_column(10, place=20, position=30), "expected the rows from 10 on"),
    ],
)
def test_a_change_of_another_buffer_is_refused(tmp_path: Path, change: PlainChange, expected: str) -> None:
    store = ReplayStore(tmp_path)
    base = store.write(one_column(10))
    with pytest.raises(CheckpointError, match=expected):
        store.write(PlainChange(**{**vars(change), "base": base}))


def test_a_change_that_leaves_rows_out_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="10 to 100 rows, found 9"):
        ReplayStore(tmp_path).write(one_column(9, position=10))


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"rewards": numpy.zeros((100, 1), "<f8")},
        {"rewards": numpy.zeros((100, 2), "<f4")},
        {"rewards": numpy.zeros((99, 1), "<f4")},
        {"rewards": numpy.zeros((100, 1), "<f4"), "dones": numpy.zeros((100, 1), "<f4")},
    ],
)
def test_arrays_of_another_buffer_are_refused(tmp_path: Path, columns: Mapping[str, Any]) -> None:
    store = ReplayStore(tmp_path)
    manifest = store.write(one_column(10))
    with pytest.raises(CheckpointError, match="rewards"):
        store.read(manifest, columns)


def test_a_missing_or_damaged_segment_is_named(tmp_path: Path) -> None:
    store = ReplayStore(tmp_path)
    manifest = store.write(one_column(10))
    (name,) = segments_named(manifest)
    assert list(store.verify(manifest)) == [name]
    path = Path(store.path(name))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(FormatError, match="SHA-256") as caught:
        list(store.verify(manifest))
    assert caught.value.path == str(path)
    path.write_bytes(content[:-1])
    with pytest.raises(FormatError, match=r"bytes, found another"):
        store.read(manifest, {"rewards": numpy.zeros((100, 1), "<f4")})
    path.unlink()
    with pytest.raises(CheckpointError, match="cannot be read") as missing:
        store.read(manifest, {"rewards": numpy.zeros((100, 1), "<f4")})
    assert missing.value.path == str(path)
    path.mkdir()
    with pytest.raises(StrongboxError):
        store.read(manifest, {"rewards": numpy.zeros((100, 1), "<f4")})


def test_every_damaged_segment_is_noticed_though_digests_are_computed_meanwhile(tmp_path: Path) -> None:
    ring = Ring(200, 1)
    store = ReplayStore(tmp_path)
    base = store.write(ring.change(0, None))
    for _ in range(9):
        ring.add(20)
        base = store.write(ring.change(20, base))
    for name in base.segments:
        path = Path(store.path(name))
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(FormatError, match="SHA-256") as caught:
            store.read(base, blank(ring.all_columns()))
        assert caught.value.path == str(path)
        path.write_bytes(content)
    store.read(base, blank(ring.all_columns()))


def test_a_damaged_file_is_written_again(tmp_path: Path) -> None:
    store = ReplayStore(tmp_path)
    (name,) = segments_named(store.write(one_column(10)))
    Path(store.path(name)).write_bytes(b"half")
    manifest = store.write(one_column(10))
    assert list(store.verify(manifest)) == [name]


def test_an_unknown_codec_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zstd"):
        ReplayStore(tmp_path, codec="lz4")
