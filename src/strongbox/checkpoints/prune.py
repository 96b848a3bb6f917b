"""Carrying out what retention has decided."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..errors import CheckpointError
from .checkpoint import Checkpoint
from .files import system_errors
from .retention import Decision
from .run_folder import RunFolder
from .sweep import drop

__all__ = ["prune"]


def prune(
    folder: RunFolder, decisions: Iterable[Decision[Checkpoint]], *, hold: Collection[str] = ()
) -> tuple[str, ...]:
    """Delete the checkpoints that were dropped, then the segments that no remaining one names, under the run's lock.

    ``hold`` names segments that stay in any case: those that the next checkpoint will name. Returns the paths, in the
    run's folder, of what was deleted. Raises CheckpointError where none would be left, or the system refuses; what
    still counts is whole then, too.
    """
    folder.require_lock("pruning")
    dropped = {decision.step for decision in decisions if not decision.kept}
    with system_errors(folder.path, "pruning"):
        committed = folder.checkpoints()
        if committed and all(checkpoint.step in dropped for checkpoint in committed):
            raise CheckpointError(
                "expected to keep at least one checkpoint, found that all are to be dropped.", path=folder.path
            )
        return drop(folder, [checkpoint for checkpoint in committed if checkpoint.step in dropped], hold=hold)
