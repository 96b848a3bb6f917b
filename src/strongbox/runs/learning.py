"""What a run does while ``learn()`` goes on: when it makes a checkpoint, what it puts back, when it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..checkpoints import Keep
from ..errors import CheckpointError
from .phases import Start
from .preemption import Preemption

if TYPE_CHECKING:
    from .run import Run

__all__ = ["Learning"]

ROLLOUT, END = "rollout_start", "training_end"

LOG_MOVED = "log rows"
LOG_MOVED_REASON = (
    "the signal came between two rows of the log, whose distance SB3 counts anew in each learn(): later rows stand at "
    "other iterations"
)


class Learning:
    """The listener of one callback; see :meth:`strongbox.Run.callback` for the options."""

    def __init__(self, run: Run, *, every: int | None, keep: Keep | None, on_signal: bool, skip_if_busy: bool) -> None:
        self._run = run
        self._every = every
        self._keep = keep
        self._on_signal = on_signal
        self._skip_if_busy = skip_if_busy
        self._preemption = Preemption()
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
        if self._start is not Start.NEW:
            run.prepare()
        if self._start is Start.GOES_FURTHER:
            run.restore()
        self._restoring = self._start is Start.GOES_ON
        if self._on_signal:
            self._preemption = Preemption().__enter__()

    def rollout_started(self) -> None:
        """The clean point: put everything back, or make a checkpoint where one is due."""
        session = self._run.session
        if self._restoring:
            self._run.restore()
            self._restoring = False
        elif self._preemption.signal is not None and not self._stopping:
            self._preempt()
        elif self._is_due and session.logs_here:
            self._run.checkpoint(ROLLOUT, keep=self._keep, skip_if_busy=self._skip_if_busy)
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
        self._preemption.close()
        if self._start in (Start.DONE, Start.DONE_LAST):
            session.set_steps(run.phases.current.end or session.steps)
            if self._start is Start.DONE_LAST:
                run.prepare()
                run.restore()
        elif not self._stopping:
            run.phases.finish(session.steps)
            run.checkpoint(END, keep=self._keep, skip_if_busy=False)
        session.end()
        run.wait()

    # -- when ----------------------------------------------------------------------------------------------

    @property
    def _is_due(self) -> bool:
        if self._every is None:
            return False
        return self._run.step // self._every > self._run.last_step // self._every

    def _preempt(self) -> None:
        inexact = {} if self._run.session.logs_here else {LOG_MOVED: LOG_MOVED_REASON}
        self._run.checkpoint(ROLLOUT, keep=self._keep, skip_if_busy=False, inexact=inexact)
        self._run.preempted = self._preemption.signal
        self._stopping = True
