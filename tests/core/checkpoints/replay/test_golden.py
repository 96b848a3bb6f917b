"""Segments of version 1 are read for ever, and written the same way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest

from strongbox.checkpoints.replay import ReplayStore
from tests.core.checkpoints.replay.golden import (
    CAPACITY,
    CODECS,
    FOLDER,
    ROWS,
    golden_change,
    golden_columns,
    golden_late,
    golden_manifest,
)


@pytest.mark.parametrize("codec", CODECS)
def test_the_golden_buffer_is_read(codec: str) -> None:
    if codec == "zstd":
        pytest.importorskip("zstandard")
    expected = {**golden_columns(), **golden_late()}
    found = {name: numpy.ones((CAPACITY, *rows.shape[1:]), rows.dtype) for name, rows in expected.items()}
    manifest = golden_manifest(codec)
    ReplayStore(FOLDER).read(manifest, found)
    assert {name: rows[:ROWS].tobytes() for name, rows in found.items()} == {
        name: rows.tobytes() for name, rows in expected.items()
    }
    assert not any(rows[ROWS:].any() for rows in found.values())
    assert manifest.settings == {"class": "golden", "starts": [0, 5]}


def test_the_golden_files_are_written_to_the_byte(tmp_path: Path) -> None:
    manifest = ReplayStore(tmp_path, codec="none").write(golden_change())
    assert manifest == golden_manifest("none")
    assert manifest.to_json() == json.loads((FOLDER / "none.json").read_text())
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (FOLDER / path.name).read_bytes()


def test_the_golden_files_use_every_encoding() -> None:
    texts = b"".join(path.read_bytes() for path in FOLDER.glob("*.segment"))
    for word in (b'"plain"', b'"planes"', b'"follows"', b'"zlib"', b'"zstd"', b'"none"', b'"shuffle":8'):
        assert word in texts
