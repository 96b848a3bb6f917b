"""A callback that kills its process a few steps after a checkpoint was committed."""

from __future__ import annotations

import os
import signal

from stable_baselines3.common.callbacks import BaseCallback

from strongbox import Run
from strongbox.checkpoints import RunFolder

__all__ = ["KillAfter"]

BEYOND = 7
"""Steps that are trained after the checkpoint, all of which are lost."""


class KillAfter(BaseCallback):
    """Kills the process some steps after the first checkpoint at or after ``step``; never, where that is None."""

    def __init__(self, run: Run, step: int | None) -> None:
        super().__init__()
        self._run = run
        self._step = step

    def _on_step(self) -> bool:
        if self._step is None:
            return True
        self._run.wait()
        newest = RunFolder(self._run.path).newest()
        if newest is not None and newest.step >= self._step and self._run.steps_done >= newest.step + BEYOND:
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    def state_dict(self) -> dict[str, int]:
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """There is nothing to put back."""
