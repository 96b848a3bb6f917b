"""What a run does while ``learn()`` goes on: when it makes a checkpoint, what it puts back, when it stops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from ..checkpoints import Keep
from ..errors import CheckpointError
from .abandoned import note_thread
from .phases import Start
from .report import RunReport, tell, warn

if TYPE_CHECKING:
    from ..adapters.training import Session
    from .live import LiveRun

__all__ = ["Learning", "Options"]

MOST_WAITING = 10
"""So many times the steps that were asked for may lie between two checkpoints before that is told."""

ROLLOUT, END = "rollout_start", "training_end"

LOG_MOVED = "log rows"
LOG_MOVED_REASON = (
    "the signal came between two rows of the log, whose distance SB3 counts anew in each learn(): later rows stand at "
    "other iterations"
)


@dataclass(frozen=True)
class Options:
    """What a callback, or a step of a loop, was asked for; see :meth:`strongbox.Run.callback`."""

    every: int | None
    keep: Keep | None
    on_signal: bool
    replay: bool
    skip_if_busy: bool


class Learning:
    """The listener of one callback; see :meth:`strongbox.Run.callback` for the options."""

    def __init__(self, run: LiveRun, options: Options) -> None:
        self._run = run
        self._options = options
        self._start = Start.NEW
        self._restoring = False
        self._stopping = False
        self._idle = False

    @property
    def _session(self) -> Session:
        return cast("Session", self._run.session)

    # -- what SB3 tells ---------------------------------------------------------------------------------

    def training_started(self, callback: Any) -> None:
        """Put back what comes at the start of ``learn()``, or let it end at once."""
        run, session = self._run, self._session
        if callback.model is not getattr(session, "model", None):
            raise CheckpointError("expected the model that run.resume(...) gave, found another.", path=run.path)
        run.check()
        note_thread(run)
        session.begin(callback)
        self._restoring = self._stopping = False
        self._idle = run.preempted is not None
        if self._idle:
            # The script goes on to its next learn(), but the machine is to be taken away.
            session.pass_over(last=False)
            return
        if run.phases.broken_off:
            raise CheckpointError(
                "expected the last learn() of this run to have ended, found that it was broken off.",
                path=run.path,
                hint="Close the run and begin again: run = strongbox.Run(...); model = run.resume(make_model)",
            )
        self._start = run.phases.begin(session.steps, session.total)
        if self._start in (Start.DONE, Start.DONE_LAST):
            session.pass_over(last=self._start is Start.DONE_LAST)
            return
        if self._start is not Start.NEW:
            self._tell_moved()
            run.prepare()
        run.note_logs()
        if self._start is Start.GOES_FURTHER:
            run.restore()
        self._restoring = self._start is Start.GOES_ON
        self._tell_waiting()
        if self._options.on_signal:
            run.preemption.open(session.outlive_signals)

    def rollout_started(self) -> None:
        """The clean point: put everything back, or make a checkpoint where one is due."""
        session = self._session
        if self._restoring:
            self._run.restore()
            self._restoring = False
        elif self._options.on_signal and self._run.preemption.signal is not None and not self._stopping:
            self._preempt()
        elif self._is_due and session.logs_here:
            self._checkpoint(ROLLOUT, skip_if_busy=self._options.skip_if_busy)
        session.iterations += 1

    def stepped(self) -> bool:
        """False once the run has been asked to stop and its checkpoint is made."""
        self._run.check()
        return not self._stopping

    def rollout_ended(self) -> None:
        """ARS draws before its next rollout starts; and no callback can stop it but by its counter."""
        session = self._session
        session.note_draws()
        if self._stopping:
            session.set_steps(max(session.steps, session.total))

    def training_ended(self) -> None:
        """Make the last checkpoint, and wait until it is committed; a signal since the last rollout began is told."""
        try:
            self._end()
        finally:
            self._run.preemption.close()
        if self._options.on_signal and self._run.preempted is None:
            self._run.preempted = self._run.preemption.signal

    def _end(self) -> None:
        run, session = self._run, self._session
        if self._idle:
            session.set_steps(run.phases.counter(run.last_step))
        elif self._start in (Start.DONE, Start.DONE_LAST):
            session.set_steps(run.phases.current.end or session.steps)
            if self._start is Start.DONE_LAST:
                run.prepare()
                run.restore()
        elif not self._stopping:
            run.phases.finish(session.steps)
            self._checkpoint(END)
        session.end()
        run.wait()

    # -- when ----------------------------------------------------------------------------------------------

    @property
    def _is_due(self) -> bool:
        every = self._options.every
        return every is not None and self._run.step // every > self._run.last_step // every

    def _tell_moved(self) -> None:
        """Warn where a total that was changed changes the schedules, too, and say so in the report."""
        run, names = self._run, self._session.moving_schedules
        if run.phases.moved is not None and names:
            before, now = run.phases.moved
            values = f"{now:,} in the script, {before:,} in the checkpoint, towards which go: {', '.join(names)}"
            differences = {"total_timesteps": values}
            tell(RunReport(path=run.path, step=run.report.step, differences=differences))
            run.report = replace(run.report, differences={**run.report.differences, **differences})

    def _tell_waiting(self) -> None:
        """Warn where checkpoints have to wait for rows of the log that are much further apart than was asked for."""
        between, every = self._session.steps_between_logs, self._options.every
        if between is None or every is None or between <= MOST_WAITING * every:
            return
        if self._session.total - self._session.steps > between:
            problem = (
                f"{self._run.path}: expected a checkpoint every {every:,} steps, found that the log has a row every "
                f"{between:,} only, and checkpoints wait for one to be exact. "
            )
            setting = "n_steps" if self._session.logs_every_rollout else "log_interval"
            warn(f"{problem}Rows come closer together with a smaller {setting}.")

    def _checkpoint(self, point: str, *, skip_if_busy: bool = False, inexact: Mapping[str, str] | None = None) -> None:
        options = self._options
        self._run.checkpoint(
            point, keep=options.keep, replay=options.replay, skip_if_busy=skip_if_busy, inexact=inexact
        )

    def _preempt(self) -> None:
        inexact = {} if self._session.logs_here else {LOG_MOVED: LOG_MOVED_REASON}
        self._checkpoint(ROLLOUT, inexact=inexact)
        self._run.preempted = self._run.preemption.signal
        self._stopping = True
