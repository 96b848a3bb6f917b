"""Which log files a run has opened since its last checkpoint: after a crash their steps are done again, and they go."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import CheckpointError

__all__ = ["OpenedLogs"]

LONGEST = 1 << 20
"""Bytes of the list that are read; a run opens a file or two for each call of ``learn()``."""


class OpenedLogs:
    """A list of paths in a file of the run's folder, one a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check_folder(self) -> None:
        """Raise CheckpointError where the folder or the list is a link: a stranger's run must not lead out of it."""
        for path in (self._path.parent, self._path):
            if path.is_symlink():
                raise CheckpointError("expected a part of the run's folder, found a link.", path=str(path))

    def read(self) -> tuple[str, ...]:
        """The paths, as far as they are text."""
        if not self._path.is_file():
            return ()
        with self._path.open("rb") as file:
            return tuple(file.read(LONGEST).decode("utf-8", errors="replace").splitlines())

    def clear(self) -> None:
        """Begin anew: what was opened belongs to a checkpoint now."""
        self._path.unlink(missing_ok=True)

    def add(self, paths: Iterable[str]) -> None:
        """Add paths, before anything is written into these files."""
        lines = [f"{path}\n" for path in paths]
        if lines:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(lines)
