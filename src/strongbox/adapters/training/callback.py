"""The callback that SB3 calls: it tells a run what happens, and hands back what the run answers."""

from __future__ import annotations

from typing import Protocol

from stable_baselines3.common.callbacks import BaseCallback

from ...errors import CheckpointError

__all__ = ["Listener", "RunCallback"]


class Listener(Protocol):
    """Who is told."""

    def training_started(self, callback: BaseCallback) -> None:
        """``learn()`` has made its preparations, and the first rollout is to come."""

    def rollout_started(self) -> None:
        """Nothing is half done: the clean point."""

    def stepped(self) -> bool:
        """The environments have made a step; False stops the training."""

    def rollout_ended(self) -> None:
        """A rollout is complete, and the agent learns from it next."""

    def training_ended(self) -> None:
        """``learn()`` is about to return."""


class RunCallback(BaseCallback):
    """A callback of SB3 that makes the checkpoints of a run; made by :meth:`strongbox.Run.callback`.

    It belongs at the top of ``learn(callback=...)``, alone or in a list: a callback of events does not tell
    those inside it when a rollout starts.
    """

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener
        self._told = False

    def _on_training_start(self) -> None:
        self._told = False
        self._listener.training_started(self)

    def _on_rollout_start(self) -> None:
        self._told = True
        self._listener.rollout_started()

    def _on_step(self) -> bool:
        if not self._told:
            raise CheckpointError(
                "expected the callback of a run to hear of every rollout, found that it does not.",
                hint="Put it at the top: learn(..., callback=[run.callback(...), other_callback]).",
            )
        return self._listener.stepped()

    def _on_rollout_end(self) -> None:
        self._listener.rollout_ended()

    def _on_training_end(self) -> None:
        self._listener.training_ended()
