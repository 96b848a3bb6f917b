"""The folder of a run: what it is, what it holds, who writes, and what a crash has left behind."""

from __future__ import annotations

import os
import time

from ..container import replace_file
from ..errors import CheckpointError, FormatError, LimitError, MismatchError
from ..limits import DEFAULT_LIMITS, Limits
from .contents import RunContents
from .files import is_there, make_folder, system_errors
from .lock import LOCK_FILE, RunLock
from .run_file import RUN_FILE, RunFile
from .sweep import sweep

__all__ = ["RunFolder"]

BROKEN = (
    f"Put a copy of it back, or move it out of the way: run.resume(...) then writes {RUN_FILE} anew, and goes on from "
    "the checkpoints, which are whole without it."
)
"""What to do where ``run.json`` is there and cannot be read."""


class RunFolder(RunContents):
    """The folder of one run at ``path``; nothing is read or made before it is needed."""

    def __init__(self, path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(path, limits=limits)
        self._lock: RunLock | None = None

    def __repr__(self) -> str:
        return f"<RunFolder {self.path}>"

    # -- what the run is ------------------------------------------------------------------------

    @property
    def is_run(self) -> bool:
        """Whether a run was begun there."""
        return is_there(os.path.join(self.path, RUN_FILE))

    def read(self) -> RunFile:
        """What ``run.json`` says; raises CheckpointError where there is no run, and what reading it raises."""
        if not self.is_run:
            found = "a folder without one" if os.path.isdir(self.path) else "a file" if self._exists else "none"
            raise CheckpointError(
                f"expected the folder of a run, with {RUN_FILE} in it, found {found}.", path=self.path
            )
        try:
            return RunFile.read(os.path.join(self.path, RUN_FILE), limits=self.limits)
        except (FormatError, LimitError) as error:
            error.hint = BROKEN
            raise

    def begin(self, *, algorithm: str, environment: str | None, durable: bool = True) -> RunFile:
        """Write ``run.json`` where the run is new, and else hold the algorithm against what stands there.

        Under the lock only. Raises MismatchError where the run is of another algorithm.
        """
        self.require_lock("beginning a run")
        if not self.is_run:
            new = RunFile(algorithm=algorithm, created=time.time(), environment=environment)
            path = os.path.join(self.path, RUN_FILE)
            with system_errors(path, "beginning the run"), replace_file(path, durable=durable) as file:
                file.write(new.to_bytes())
        found = self.read()
        if found.algorithm != algorithm:
            problem = f"expected a run of {algorithm}, found one of {found.algorithm}."
            raise MismatchError(problem, path=self.path, hint="Name another folder for a run of its own.")
        return found

    @property
    def _exists(self) -> bool:
        return is_there(self.path)

    # -- who writes -----------------------------------------------------------------------------

    def lock(self) -> RunLock:
        """Take the run for this process, making its folder where there is none.

        Raises CheckpointError that tells who has it where another process does.
        """
        with system_errors(self.path, "making the run's folder"):
            if not os.path.isdir(self.path):  # which may be a link to one
                make_folder(self.path)
        self._lock = RunLock(os.path.join(self.path, LOCK_FILE))
        return self._lock

    def require_lock(self, doing: str) -> None:
        """Raise CheckpointError where this object does not hold the lock."""
        if self._lock is None or not self._lock.held:
            raise CheckpointError(
                f"{doing} needs the lock, which is not held.", path=self.path, hint="Call lock() first."
            )

    # -- what a crash has left ------------------------------------------------------------------

    def sweep(self) -> tuple[str, ...]:
        """Delete what does not count, and return its paths inside of the run's folder.

        That is: unfinished checkpoints, temporary files, what was being deleted, and segments that no
        committed checkpoint names. Under the lock only, while no checkpoint is on its way.
        """
        self.require_lock("sweeping")
        return sweep(self)
