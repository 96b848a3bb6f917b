"""Runs: the folder of a training run, its checkpoints, and which of them are kept; with numpy alone."""

from __future__ import annotations

from .background import BackgroundWriter
from .checkpoint import Checkpoint
from .commit import POINTS, Commit, FileRecord
from .lock import RunLock
from .pack import pack
from .prune import prune
from .retention import DEFAULT_METRICS, Decision, Keep, decide
from .run_file import RunFile
from .run_folder import RunFolder
from .verify import verify_checkpoint
from .write import write_checkpoint

__all__ = [
    "DEFAULT_METRICS",
    "POINTS",
    "BackgroundWriter",
    "Checkpoint",
    "Commit",
    "Decision",
    "FileRecord",
    "Keep",
    "RunFile",
    "RunFolder",
    "RunLock",
    "decide",
    "pack",
    "prune",
    "verify_checkpoint",
    "write_checkpoint",
]
