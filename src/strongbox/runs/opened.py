"""Which log files a run has opened since its last checkpoint: after a crash their steps are done again, and they go.

The folder may come from a stranger: no link is followed, neither to a list of somebody else's nor to a file that
would be written into.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..checkpoints.files import is_folder, is_there, make_folder, open_regular, regular_size
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
        if not is_folder(str(self._path.parent)) or regular_size(str(self._path)) is None:
            return ()
        with open(open_regular(str(self._path)), "rb") as file:
            return tuple(file.read(LONGEST).decode("utf-8", errors="surrogateescape").splitlines())

    def clear(self) -> None:
        """Begin anew: what was opened belongs to a checkpoint now."""
        if is_folder(str(self._path.parent)):
            self._path.unlink(missing_ok=True)

    def add(self, paths: Iterable[str]) -> None:
        """Add paths, before anything is written into these files."""
        lines = [f"{path}\n" for path in paths]
        if lines:
            make_folder(str(self._path.parent), durable=False)
            if is_there(str(self._path)) and regular_size(str(self._path)) is None:
                self._path.unlink()
            with self._path.open("a", encoding="utf-8", errors="surrogateescape") as file:
                file.writelines(lines)
