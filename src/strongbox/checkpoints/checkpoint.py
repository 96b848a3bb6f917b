"""One committed checkpoint: what its commit says, its archive and its replay."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ..archive import Archive, is_sha256, open_archive, parse_json
from ..errors import FormatError, locate
from ..limits import DEFAULT_LIMITS, Limits
from .commit import AGENT_FILE, COMMIT_FILE, REPLAY_FILE, Commit
from .files import is_folder, read_file, regular_size

__all__ = ["REPLAY_FOLDER", "SEGMENT_SUFFIX", "Checkpoint", "folder_name", "read_checkpoint", "segment_names"]

REPLAY_FOLDER, SEGMENT_SUFFIX = "replay", ".segment"


class Checkpoint:
    """A checkpoint of a run; ``path`` is its folder, ``commit`` the content of its ``commit.json``."""

    def __init__(self, run: str, path: str, commit: Commit, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self.run = run
        self.path = path
        self.commit = commit
        self.limits = limits

    def __repr__(self) -> str:
        return f"<Checkpoint {self.path}>"

    @property
    def step(self) -> int:
        """How many steps of the environments the agent was trained for."""
        return self.commit.step

    @property
    def time(self) -> float:
        """When it was captured, in seconds since 1970-01-01 UTC."""
        return self.commit.time

    @property
    def metrics(self) -> Mapping[str, float]:
        """The numbers by which checkpoints are compared, by name."""
        return self.commit.metrics

    @property
    def logs(self) -> dict[str, int]:
        """The sizes in bytes of the log files at this point, by absolute path."""
        run = os.path.abspath(self.run)
        return {os.path.normpath(os.path.join(run, path)): size for path, size in self.commit.logs.items()}

    @property
    def agent_path(self) -> str:
        """The path of the agent's archive."""
        return os.path.join(self.path, AGENT_FILE)

    def open(self) -> Archive:
        """Open the agent's archive; raises what :func:`strongbox.open` raises."""
        return open_archive(self.agent_path, limits=self.limits)

    @cached_property
    def replay(self) -> dict[str, Any] | None:
        """The content of ``replay.json``, its digest verified, or None where the agent has no replay buffer.

        Raises FormatError and LimitError where it is not what was committed.
        """
        record = self.commit.files.get(REPLAY_FILE)
        if record is None:
            return None
        path = os.path.join(self.path, REPLAY_FILE)
        with locate(path=path):
            content = read_file(path, most=min(record.size, self.limits.data_bytes))
            found = hashlib.sha256(content).hexdigest()
            if found != record.sha256:
                raise FormatError(f"expected SHA-256 {record.sha256}, found {found}: changed since it was committed.")
            parsed = parse_json(content, limits=self.limits)
            segment_names(parsed)
            return dict(parsed)

    @property
    def segments(self) -> tuple[str, ...]:
        """The names of the replay segments that it needs; raises what :attr:`replay` raises."""
        return () if self.replay is None else segment_names(self.replay)

    def segment_path(self, name: str) -> str:
        """The path of a replay segment."""
        return os.path.join(self.run, REPLAY_FOLDER, name + SEGMENT_SUFFIX)

    @property
    def replay_size(self) -> int:
        """The size in bytes of its replay segments, as far as they are there; other checkpoints share them."""
        return sum(map(self.segment_size, self.segments))

    def segment_size(self, name: str) -> int:
        """The size in bytes of a replay segment, 0 where it is not there."""
        return regular_size(self.segment_path(name)) or 0


def folder_name(step: int) -> str:
    """The name of a checkpoint's folder: twelve digits or more."""
    return f"{step:012d}"


def read_checkpoint(run: str, path: str, *, limits: Limits = DEFAULT_LIMITS) -> Checkpoint:
    """Read the commit of the checkpoint in the folder ``path``, and hold its files against the recorded sizes.

    Raises FormatError where it is not committed or not whole as far as sizes tell, LimitError, and
    UnsupportedError where a later version of Strongbox wrote it.
    """
    if not is_folder(path):
        raise FormatError("expected the folder of a checkpoint, found something else.", path=path)
    commit = Commit.read(os.path.join(path, COMMIT_FILE), limits=limits)
    expected = os.path.basename(path).partition(".")[0]
    if folder_name(commit.step) != expected:
        raise FormatError(f"expected a commit of step {int(expected):,}, found one of {commit.step:,}.", path=path)
    for name, record in commit.files.items():
        found = regular_size(os.path.join(path, name))
        if found != record.size:
            problem = f"expected {name} of {record.size:,} bytes, found {'none' if found is None else f'{found:,}'}."
            raise FormatError(problem, path=path)
    return Checkpoint(run, path, commit, limits=limits)


def segment_names(replay: Any) -> tuple[str, ...]:
    """The names of segments in the content of a ``replay.json``; raises FormatError where they are not SHA-256."""
    segments = replay.get("segments") if isinstance(replay, Mapping) else None
    if not isinstance(segments, Mapping):
        raise FormatError('expected an object with an object "segments", found another.')
    for name in segments:
        if not isinstance(name, str) or not is_sha256(name):
            raise FormatError(f"expected a SHA-256 in hexadecimal as the name of a segment, found {_shown(name)}.")
    return tuple(segments)


def _shown(name: object) -> str:
    return ascii(name[:100]) if isinstance(name, str) else type(name).__name__
