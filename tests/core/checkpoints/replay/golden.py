"""A small buffer whose every byte follows from arithmetic, and the files that version 1 of the format made of it.

``python -m tests.core.checkpoints.replay.golden`` writes the files; they are written once for a version of the format.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy

from strongbox.checkpoints.replay import ReplayManifest, ReplayStore
from strongbox.values.checks import Array
from tests.core.checkpoints.replay.ring import FOLLOWS, PlainChange

FOLDER = Path(__file__).parents[3] / "data" / "replay"
CODECS = ("none", "zlib", "zstd")
ROWS, CAPACITY = 11, 16


def golden_columns() -> dict[str, Array]:
    """Two environments; numbers with NaN payloads; stacks of three frames; an episode that ends at row 4."""
    bits = numpy.arange((ROWS + 1) * 2 * 3, dtype="<u8").reshape(ROWS + 1, 2, 3) * 0x0123456789ABCDEF
    bits[3, 1, 0], bits[5, 0, 2] = 0x7FF8DEADBEEF0001, 0x8000000000000000
    frame = numpy.arange((ROWS + 3) * 2 * 256).reshape(ROWS + 3, 2, 16, 16)
    frames = (frame % 251 % (frame // 256 + 2)).astype("|u1")
    stacks = numpy.stack([frames[start : start + ROWS + 1] for start in range(3)], axis=2)
    columns = {
        "observations": bits[:-1].view("<f8"),
        "next_observations": bits[1:].view("<f8").copy(),
        "frames": stacks[:-1],
        "next_frames": stacks[1:].copy(),
        "rewards": numpy.arange(ROWS * 2, dtype="<f4").reshape(ROWS, 2) / 8,
        "dones": numpy.arange(ROWS * 2).reshape(ROWS, 2) % 5 == 4,
    }
    columns["notes"] = numpy.array([["", f"row {row} ✓"] for row in range(ROWS)], object)
    columns["next_observations"][4] = -1.5
    columns["next_frames"][4, 1] += 1
    return columns


def golden_late() -> dict[str, Array]:
    return {"ep_length": numpy.arange(ROWS * 2, dtype="<i8").reshape(ROWS, 2) // 5}


def blank_columns(fill: int = 0) -> dict[str, Array]:
    """Arrays of the buffer's size with another content."""
    columns = {**golden_columns(), **golden_late()}
    return {name: numpy.full((CAPACITY, *rows.shape[1:]), fill, rows.dtype) for name, rows in columns.items()}


def golden_change() -> PlainChange:
    return PlainChange(
        capacity=CAPACITY,
        environments=2,
        position=ROWS,
        full=False,
        rows=golden_columns(),
        late=golden_late(),
        follows=FOLLOWS,
        settings={"class": "golden", "starts": [0, 5]},
    )


def golden_manifest(codec: str) -> ReplayManifest:
    return ReplayManifest.from_json(json.loads((FOLDER / f"{codec}.json").read_text()))


if __name__ == "__main__":
    for name in CODECS:
        manifest = ReplayStore(FOLDER, codec=name).write(golden_change())
        (FOLDER / f"{name}.json").write_text(json.dumps(manifest.to_json(), indent=4) + "\n")
