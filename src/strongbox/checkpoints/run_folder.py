"""The folder of a run: which checkpoints are committed, who writes, and what a crash has left behind.

What counts is told by names and ``commit.json`` alone:

- ``checkpoints/000000010000`` is the checkpoint of step 10,000, where its ``commit.json`` fits its files.
- ``checkpoints/000000010000.new``, where it is committed, is the newer one of the same step, and counts instead.
- Names that are temporary (see ``files``) never count.
- A segment of ``replay`` counts as long as a committed checkpoint names it.

A folder under a checkpoint's name that is not committed is *damaged*: no crash leaves such a one, since a commit is one
rename. It is told of and never deleted, and while there is one (a later version of Strongbox may have written
it) segments are not deleted either: nobody knows which of them it names.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..container import replace_file
from ..errors import CheckpointError, MismatchError, StrongboxError, UnsupportedError
from ..limits import DEFAULT_LIMITS, Limits
from .checkpoint import REPLAY_FOLDER, Checkpoint, read_checkpoint
from .files import is_there, list_folder, make_folder, system_errors
from .lock import LOCK_FILE, RunLock
from .run_file import RUN_FILE, RunFile
from .sweep import NEWER_SUFFIX, sweep

__all__ = ["CHECKPOINTS_FOLDER", "RunFolder", "Scan"]

CHECKPOINTS_FOLDER = "checkpoints"
NAME = re.compile(rf"[0-9]{{12,18}}({re.escape(NEWER_SUFFIX)})?")
MOST_SCANS = 100
"""A scan begins anew where a writer renames what it is looking at; so often is only a damaged disk."""


@dataclass(kw_only=True)
class Scan:
    """What stands under names of checkpoints: committed ones by step, ascending; of damaged ones the fault, by path."""

    committed: dict[int, Checkpoint] = field(default_factory=dict)
    damaged: dict[str, StrongboxError] = field(default_factory=dict)


class RunFolder:
    """The folder of one run at ``path``; nothing is read or made before it is needed."""

    def __init__(self, path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> None:
        name = os.fspath(path)
        if not isinstance(name, str) or not name:
            raise CheckpointError("expected the path of a run's folder as text, found none.", path=ascii(name))
        self.path = name
        self.limits = limits
        self._lock: RunLock | None = None

    def __repr__(self) -> str:
        return f"<RunFolder {self.path}>"

    @property
    def checkpoints_path(self) -> str:
        """The folder of the checkpoints."""
        return os.path.join(self.path, CHECKPOINTS_FOLDER)

    @property
    def replay_path(self) -> str:
        """The folder of the replay segments."""
        return os.path.join(self.path, REPLAY_FOLDER)

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
        return RunFile.read(os.path.join(self.path, RUN_FILE), limits=self.limits)

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

    # -- what it holds --------------------------------------------------------------------------

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """The committed checkpoints, ascending by step.

        Raises UnsupportedError where a later version of Strongbox wrote one: an older one must not pass for the newest.
        """
        scan = self.scan()
        for error in scan.damaged.values():
            if isinstance(error, UnsupportedError):
                raise error
        return tuple(scan.committed.values())

    def newest(self) -> Checkpoint | None:
        """The committed checkpoint of the highest step, or None where there is none."""
        checkpoints = self.checkpoints()
        return checkpoints[-1] if checkpoints else None

    def damaged(self) -> Mapping[str, StrongboxError]:
        """Folders under names of checkpoints that are none, by path, with what is wrong."""
        return self.scan().damaged

    def scan(self) -> Scan:
        """Look at every name of a checkpoint once; again where a writer has just renamed one of them."""
        for _ in range(MOST_SCANS):
            scan, complete = self._scan_once()
            if complete:
                return scan
        raise CheckpointError("the checkpoints change faster than they can be looked at.", path=self.checkpoints_path)

    def _scan_once(self) -> tuple[Scan, bool]:
        scan, complete = Scan(), True
        for name in self._names():
            path = os.path.join(self.checkpoints_path, name)
            try:
                checkpoint = read_checkpoint(self.path, path, limits=self.limits)
            except CheckpointError:
                raise
            except StrongboxError as error:
                if is_there(path):
                    scan.damaged[path] = error
                else:
                    complete = False
                continue
            scan.committed[checkpoint.step] = checkpoint  # of one step, NAME.new comes later and counts
        scan.committed = dict(sorted(scan.committed.items()))
        return scan, complete

    def _names(self) -> list[str]:
        """Names of checkpoints that are there, NAME.new right after NAME."""
        return [name for name in list_folder(self.checkpoints_path) if NAME.fullmatch(name)]

    # -- what a crash has left ------------------------------------------------------------------

    def sweep(self) -> tuple[str, ...]:
        """Delete what does not count, and return its paths inside of the run's folder.

        That is: unfinished checkpoints, temporary files, what was being deleted, and segments that no
        committed checkpoint names. Under the lock only, while no checkpoint is on its way.
        """
        return sweep(self)
