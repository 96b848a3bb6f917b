"""``strongbox checkpoints show``: one checkpoint, what of it is exact, and what is not."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from ...archive import INEXACT, Archive
from ...checkpoints import Checkpoint
from ..plot import number_text
from ..table import rows
from ..terminal import Line, Span, Terminal, size_text
from .listing import checkpoint_json, choose, read_run, time_text

__all__ = ["run"]

POINTS = {"rollout_start": "the start of a rollout", "training_end": "the end of training"}


def run(arguments: argparse.Namespace) -> int:
    """Show one checkpoint."""
    checkpoint, output = choose(read_run(arguments.run), arguments.step), Terminal(sys.stdout)
    with checkpoint.open() as archive:
        if arguments.json:
            output.print(json.dumps(_json(checkpoint, archive), allow_nan=False))
        else:
            output.print_all(_lines(checkpoint, archive, output))
    return 0


def _json(checkpoint: Checkpoint, archive: Archive) -> dict[str, Any]:
    return {
        **checkpoint_json(checkpoint),
        "writer": checkpoint.commit.writer,
        "algorithm": archive.algorithm,
        "restores": list(_restored(checkpoint, archive)),
        "files": {
            name: {"size": record.size, "sha256": record.sha256} for name, record in checkpoint.commit.files.items()
        },
        "segments": list(checkpoint.segments),
        "logs": dict(checkpoint.commit.logs),
    }


def _lines(checkpoint: Checkpoint, archive: Archive, output: Terminal) -> Iterator[Line]:
    commit = checkpoint.commit
    yield [Span(checkpoint.path, "title"), Span(f"  {size_text(commit.size + checkpoint.replay_size)}", "dim")]
    facts = {
        "step": f"{commit.step:,}",
        "algorithm": archive.algorithm or "unknown",
        "captured": f"{time_text(commit.time)} UTC, at {POINTS[commit.point]}",
        "written by": commit.writer,
    }
    sections = (
        ("Checkpoint", facts),
        ("Metrics", {name: number_text(value) for name, value in commit.metrics.items()}),
        ("Restored", _restored(checkpoint, archive)),
        ("Not exact", commit.inexact or {"nothing": "a continuation is the run that never stopped"}),
        ("Files", _files(checkpoint)),
        ("Logs", {path: f"{size:,} bytes at this point" for path, size in commit.logs.items()}),
    )
    for title, texts in sections:
        if texts:
            yield ""
            yield from rows(title, texts, output)


def _restored(checkpoint: Checkpoint, archive: Archive) -> dict[str, str]:
    """The parts that a continuation restores, by name; what of them is not exact is told beside."""
    texts = dict.fromkeys(archive.parameters, "state dict")
    if archive.variables is not None:
        texts["variables"] = f"{len(archive.variables):,} tensors"
    texts["data"] = f"{len(archive.data):,} attributes"
    if archive.normalization is not None:
        texts["normalization"] = "statistics of VecNormalize"
    if checkpoint.replay is not None:
        texts["replay"] = f"{len(checkpoint.segments):,} segments"
    texts.update({f"resume/{name}": "resume state" for name in archive.resume if name != INEXACT})
    return texts


def _files(checkpoint: Checkpoint) -> dict[str, str]:
    texts = {name: size_text(record.size) for name, record in checkpoint.commit.files.items()}
    if checkpoint.segments:
        count = len(checkpoint.segments)
        texts["replay segments"] = f"{size_text(checkpoint.replay_size)} in {count:,} files, shared by checkpoints"
    return texts
