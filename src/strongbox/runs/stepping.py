"""What a run does while a loop of the script's own trains: the counterpart of ``learning``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import CheckpointError
from .abandoned import note_thread
from .learning import Options
from .live import LiveRun

__all__ = ["COUNTERS", "Stepping"]

COUNTERS = ("global_step", "num_timesteps", "steps")
"""Attributes of an agent that count the steps of its environments, the first that it has."""

STEP, END = "rollout_start", "training_end"


class Stepping:
    """The clean points of one loop; see :meth:`strongbox.Run.step`."""

    def __init__(self, live: LiveRun) -> None:
        self._live = live
        self._begun = False

    def step(self, agent: Any, step: int | None, options: Options, metrics: Mapping[str, float]) -> bool:
        """Put everything back, or make a checkpoint where one is due; False once a signal has stopped the training."""
        live = self._live
        live.check()
        note_thread(live)
        if live.preempted is not None:
            return False
        if not self._begun:
            self._begin(options)
            if live.goes_on:
                return True
        live.reached = self._count(agent, step)
        if options.on_signal and live.preemption.signal is not None:
            self._checkpoint(STEP, options, metrics)
            live.wait()
            live.preempted = live.preemption.signal
            return False
        if options.every is not None and live.reached // options.every > live.last_step // options.every:
            self._checkpoint(STEP, options, metrics)
        return True

    def save(self, agent: Any, step: int | None, options: Options, metrics: Mapping[str, float]) -> None:
        """Make a checkpoint and wait until it is committed; none where nothing was trained since the newest one.

        A signal that was heard since the last step is told, as one that a step has heard.
        """
        live = self._live
        live.check()
        try:
            count = self._count(agent, step)
            if not self._begun and live.goes_on:
                self._expect_untrained(count)
                self._begin(options)
            elif live.preempted is None:
                live.reached = count
                self._checkpoint(END, options, metrics)
            live.wait()
        finally:
            live.preemption.close()
        live.preempted = live.preempted or live.preemption.signal

    def _expect_untrained(self, count: int) -> None:
        """Raise CheckpointError where something was trained before anything but the agent was put back."""
        if count != self._live.last_step:
            raise CheckpointError(
                f"expected run.step(...) before the training goes on, found it {count - self._live.last_step:,} steps "
                "further than the checkpoint.",
                path=self._live.path,
                hint="Call run.step(agent) where each iteration begins: its first call puts back all that there is.",
            )

    def _begin(self, options: Options) -> None:
        """Put back what the run goes on from, and listen to signals where that is asked for."""
        self._begun = True
        if self._live.goes_on:
            self._live.prepare()
            self._live.restore()
        if options.on_signal:
            self._live.preemption.open(self._live.session.outlive_signals)

    def _checkpoint(self, point: str, options: Options, metrics: Mapping[str, float]) -> None:
        self._live.checkpoint(
            point,
            keep=options.keep,
            replay=options.replay,
            skip_if_busy=options.skip_if_busy and point == STEP,
            metrics=metrics,
        )

    def _count(self, agent: Any, step: int | None) -> int:
        """How many steps were done; raises CheckpointError where nothing says it, or fewer than before."""
        found = step
        for name in COUNTERS:
            found = getattr(agent, name, None) if found is None else found
        try:
            count = int(found)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise CheckpointError(
                f"expected a counter of steps, found none in {', '.join(COUNTERS)} of the agent.",
                path=self._live.path,
                hint="Say it: run.step(agent, step=...)",
            ) from None
        if count < self._live.last_step:
            raise CheckpointError(
                f"expected {self._live.last_step:,} steps or more, as at the last checkpoint, found {count:,}.",
                path=self._live.path,
                hint="The counter goes on from where the run does: begin the loop with run.steps_done.",
            )
        return count
