"""What a run's folder holds: which checkpoints are committed, and which are damaged.

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
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import CheckpointError, StrongboxError, UnsupportedError
from ..limits import DEFAULT_LIMITS, Limits
from .checkpoint import REPLAY_FOLDER, Checkpoint, read_checkpoint
from .files import is_there, list_folder

__all__ = ["CHECKPOINTS_FOLDER", "NEWER_SUFFIX", "RunContents", "Scan"]

CHECKPOINTS_FOLDER, NEWER_SUFFIX = "checkpoints", ".new"
NAME = re.compile(rf"[0-9]{{12,18}}({re.escape(NEWER_SUFFIX)})?")
MOST_SCANS = 100
"""A scan begins anew where a writer renames what it is looking at; so often is only a damaged disk."""


@dataclass(kw_only=True)
class Scan:
    """What stands under names of checkpoints: committed ones by step, ascending; of damaged ones the fault, by path."""

    committed: dict[int, Checkpoint] = field(default_factory=dict)
    damaged: dict[str, StrongboxError] = field(default_factory=dict)


class RunContents:
    """The checkpoints in the folder of one run at ``path``, which is only looked at, and only when needed."""

    def __init__(self, path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> None:
        name = os.fspath(path)
        if not isinstance(name, str) or not name:
            raise CheckpointError("expected the path of a run's folder as text, found none.", path=ascii(name))
        self.path = name
        self.limits = limits

    @property
    def checkpoints_path(self) -> str:
        """The folder of the checkpoints."""
        return os.path.join(self.path, CHECKPOINTS_FOLDER)

    @property
    def replay_path(self) -> str:
        """The folder of the replay segments."""
        return os.path.join(self.path, REPLAY_FOLDER)

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
