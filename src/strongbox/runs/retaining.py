"""Dropping the checkpoints that no rule keeps, and telling of a rule that nothing can be dropped by."""

from __future__ import annotations

import time

from ..checkpoints import Keep, RunFolder, decide, prune
from ..checkpoints.retention import say_unknown_metric
from .report import warn

__all__ = ["Retaining"]


class Retaining:
    """The retention of one run: carried out by the thread that writes, told of by the one that trains."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._found: str | None = None
        self._told = False

    def carry_out(self, keep: Keep) -> None:
        """Drop what ``keep`` does not name."""
        checkpoints = self._folder.checkpoints()
        self._found = say_unknown_metric(checkpoints, keep)
        prune(self._folder, decide(checkpoints, keep, time.time()))

    def tell(self) -> None:
        """Warn, once, where no checkpoint had the metric that the best are kept by."""
        if self._found is not None and not self._told:
            self._told = True
            warn(f"{self._folder.path}: {self._found}")
