"""Segments of version 1 are read for ever, and written the same way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strongbox.checkpoints.replay import ReplayStore
from tests.core.checkpoints.replay.golden import (
    CODECS,
    FOLDER,
    ROWS,
    blank_columns,
    golden_change,
    golden_columns,
    golden_late,
    golden_manifest,
)
from tests.core.checkpoints.replay.ring import same_bits


@pytest.mark.parametrize("codec", CODECS)
def test_the_golden_buffer_is_read(codec: str) -> None:
    if codec == "zstd":
        pytest.importorskip("zstandard")
    expected = {**golden_columns(), **golden_late()}
    found = blank_columns(1)
    manifest = golden_manifest(codec)
    ReplayStore(FOLDER).read(manifest, found)
    assert same_bits({name: rows[:ROWS] for name, rows in found.items()}, expected)
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
    for word in (b'"plain"', b'"texts"', b'"planes"', b'"follows"', b'"zlib"', b'"zstd"', b'"none"', b'"shuffle":8'):
        assert word in texts
