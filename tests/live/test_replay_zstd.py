"""Segments compressed with zstd, which the core's tests may skip: here the library is always there."""

from __future__ import annotations

from pathlib import Path

import zstandard

from strongbox.checkpoints.replay import ReplayStore
from tests.core.checkpoints.replay.golden import (
    FOLDER,
    ROWS,
    blank_columns,
    golden_change,
    golden_columns,
    golden_late,
    golden_manifest,
)
from tests.core.checkpoints.replay.ring import same_bits


def test_the_golden_buffer_of_zstd_is_read() -> None:
    found = blank_columns(1)
    ReplayStore(FOLDER).read(golden_manifest("zstd"), found)
    assert same_bits({name: rows[:ROWS] for name, rows in found.items()}, {**golden_columns(), **golden_late()})


def test_zstd_is_what_is_written_unless_told_otherwise(tmp_path: Path) -> None:
    store = ReplayStore(tmp_path)
    assert store.codec == "zstd"
    manifest = store.write(golden_change())
    frames = [path.read_bytes().count(zstandard.FRAME_HEADER) for path in tmp_path.iterdir()]
    assert sum(frames) > 3
    found = blank_columns()
    store.read(manifest, found)
    assert same_bits({name: rows[:ROWS] for name, rows in found.items()}, {**golden_columns(), **golden_late()})
