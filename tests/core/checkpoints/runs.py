"""Runs for the tests: small agents, checkpoints of them, and replay segments named by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy

from strongbox.archive import Contents, Exact
from strongbox.checkpoints import Checkpoint, RunFolder, write_checkpoint

__all__ = ["ALGORITHM", "BREAKS", "add_segment", "agent", "begin_run", "files_of", "replay_of", "write"]

ALGORITHM = "stable_baselines3.a2c.a2c.A2C"


def agent(step: int = 0, *, size: int = 12, **changes: Any) -> Contents:
    """A small agent whose weights tell its step."""
    parts: dict[str, Any] = {
        "algorithm": ALGORITHM,
        "data": {"gae_lambda": Exact(0.95), "vf_coef": Exact(0.5), "num_timesteps": Exact(step)},
        "parameters": {"policy": {"weight": numpy.full(size, step, dtype="float32")}},
        "sb3_version": "2.9.2",
        "resume": {"counters": {"step": step}},
    }
    return Contents(**{**parts, **changes})


def begin_run(path: Path) -> RunFolder:
    """A run that has begun, locked by this process."""
    folder = RunFolder(path)
    folder.lock()
    folder.begin(algorithm=ALGORITHM, environment="CartPole-v1")
    return folder


def add_segment(folder: RunFolder, content: bytes) -> str:
    """Put a segment in place, and return its name."""
    replay = Path(folder.replay_path)
    replay.mkdir(exist_ok=True)
    name = hashlib.sha256(content).hexdigest()
    (replay / f"{name}.segment").write_bytes(content)
    return name


def replay_of(*names: str) -> dict[str, Any]:
    """The content of a ``replay.json`` that names these segments."""
    return {"format": "strongbox replay", "version": 1, "segments": {name: {"rows": 1} for name in names}}


def write(folder: RunFolder, step: int, *, replay: Mapping[str, Any] | None = None, **options: Any) -> Checkpoint:
    """Write a checkpoint of the small agent; reaching the disk is the matter of few tests."""
    options = {"durable": False, **options}
    return write_checkpoint(folder, step=step, contents=agent(step), replay=replay, **options)


def files_of(folder: RunFolder) -> dict[str, bytes]:
    """Every file of the run but its lock, by its path in the folder, with its content."""
    root = Path(folder.path)
    paths = (path for path in root.rglob("*") if path.is_file() and path != root / "lock")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def other_text(path: Path) -> None:
    path.write_text("hello")


def other_object(path: Path) -> None:
    path.write_text("{}")


def later_version(path: Path) -> None:
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))


def link(path: Path) -> None:
    path.symlink_to(path.rename(path.with_name("elsewhere.json")).name)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


BREAKS = (empty, cut, other_text, other_object, later_version, link, folder)
"""What may have become of a ``run.json``."""
