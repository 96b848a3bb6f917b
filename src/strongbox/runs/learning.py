"""What a run does while ``learn()`` goes on: when it makes a checkpoint, what it puts back, when it stops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..checkpoints import Keep
from ..errors import CheckpointError
from .phases import Start

if TYPE_CHECKING:
    from .run import Run

__all__ = ["Learning", "Options"]

ROLLOUT, END = "rollout_start", "training_end"

LOG_MOVED = "log rows"
LOG_MOVED_REASON = (
    "the signal came between two rows of the log, whose distance SB3 counts anew in each learn(): later rows stand at "
    "other iterations"
)


@dataclass(frozen=True)
class Options:
    """What a callback was asked for; see :meth:`strongbox.Run.callback`."""

    every: int | None
    keep: Keep | None
    on_signal: bool
    replay: bool
    skip_if_busy: bool


class Learning:
    """The listener of one callback; see :meth:`strongbox.Run.callback` for the options."""

    def __init__(self, run: Run, options: Options) -> None:
        self._run = run
        self._options = options
        self._start = Start.NEW
        self._restoring = False
        self._stopping = False

    # -- what SB3 tells ---------------------------------------------------------------------------------

    def training_started(self, callback: Any) -> None:
        """Put back what comes at the start of ``learn()``, or let it end at once."""
        run, session = self._run, self._run.session
        if callback.model is not session.model:
            raise CheckpointError("expected the model that run.resume(...) gave, found another.", path=run.path)
        run.check()
        session.begin(callback)
        self._restoring = self._stopping = False
        self._start = run.phases.begin(session.steps, session.total)
        if self._start in (Start.DONE, Start.DONE_LAST):
            session.pass_over(last=self._start is Start.DONE_LAST)
            return
        if self._start is Start.NEW:
            run.note_logs()
        else:
            run.prepare()
        if self._start is Start.GOES_FURTHER:
            run.restore()
        self._restoring = self._start is Start.GOES_ON
        if self._options.on_signal:
            run.preemption.open()

    def rollout_started(self) -> None:
        """The clean point: put everything back, or make a checkpoint where one is due."""
        session = self._run.session
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
        session = self._run.session
        session.note_draws()
        if self._stopping:
            session.set_steps(max(session.steps, session.total))

    def training_ended(self) -> None:
        """Make the last checkpoint, and wait until it is committed."""
        run, session = self._run, self._run.session
        run.preemption.close()
        if self._start in (Start.DONE, Start.DONE_LAST):
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

    def _checkpoint(self, point: str, *, skip_if_busy: bool = False, inexact: Mapping[str, str] | None = None) -> None:
        options = self._options
        self._run.checkpoint(
            point, keep=options.keep, replay=options.replay, skip_if_busy=skip_if_busy, inexact=inexact
        )

    def _preempt(self) -> None:
        inexact = {} if self._run.session.logs_here else {LOG_MOVED: LOG_MOVED_REASON}
        self._checkpoint(ROLLOUT, inexact=inexact)
        self._run.preempted = self._run.preemption.signal
        self._stopping = True
