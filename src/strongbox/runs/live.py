"""A run in the process that trains it: taken, gone on with, kept, and let go of.

When a checkpoint is due is no matter of this module: the callback in ``learning`` and the loop in ``stepping`` say it.
Whatever knows a framework is called from inside of functions, so that a run can be looked at without one.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..checkpoints import BackgroundWriter, Checkpoint, Keep, RunFolder, RunLock, write_checkpoint
from ..checkpoints.commit import POINTS
from ..checkpoints.files import is_folder
from ..checkpoints.replay import ReplayManifest, ReplayStore
from ..errors import CheckpointError, FormatError, LimitError, StrongboxError
from ..limits import Limits
from .opened import OpenedLogs
from .phases import Phases
from .preemption import Preemption
from .report import RunReport, tell, warn
from .retaining import Retaining
from .sessions import Captured, Saved, Session

__all__ = ["LiveRun"]

LOGS_FOLDER = "logs"
"""Where copies of text logs stand from the start of a script until the next checkpoint."""

TRAINING_END = POINTS[-1]

OF_A_STEP = re.compile("[0-9]{12,18}")
"""The names of the folders in it."""

OPENED_FILE = "opened"
"""Which files for TensorBoard the run has opened since its last checkpoint, one path a line."""


class LiveRun:
    """What a run is in this process; nothing is read or written before :meth:`resume`."""

    def __init__(self, path: str | os.PathLike[str], *, durable: bool, limits: Limits) -> None:
        # Absolute, since a script may change its working directory in between.
        self.folder = RunFolder(os.path.abspath(path) if os.fspath(path) else path, limits=limits)
        self.report = RunReport(path=self.folder.path)
        self.preempted: str | None = None
        self.preemption = Preemption()
        self.phases = Phases()
        self.last_step = 0
        self.reached = 0
        """The steps that a loop of the script's own has said to have done."""
        self._durable = durable
        self._retaining = Retaining(self.folder)
        self._writer: BackgroundWriter | None = None
        self._session: Session | None = None
        self._saved: Saved | None = None
        self._checkpoint: Checkpoint | None = None
        self._manifest: ReplayManifest | None = None
        self._store = ReplayStore(self.folder.replay_path)
        self._log_copies: Mapping[str, str] = {}
        self._opened = OpenedLogs(Path(self.path, LOGS_FOLDER, OPENED_FILE))
        self._lock: RunLock | None = None

    @property
    def path(self) -> str:
        """The folder of the run."""
        return self.folder.path

    @property
    def step(self) -> int:
        """The steps that were trained for in this run, over all calls of ``learn()``."""
        if self._session is None or not self.phases.begun:
            return self.reached
        session: Any = self._session  # one of SB3's, whose learn() is counted
        return self.phases.run_steps(session.steps)

    @property
    def session(self) -> Session:
        """The live agent of this run."""
        if self._session is None:
            raise CheckpointError(
                "expected a run with an agent, found one without.",
                path=self.path,
                hint="Begin with: model = run.resume(make_model)",
            )
        return self._session

    @property
    def _again(self) -> str:
        return f"Make it anew: run = strongbox.Run({self.path!r}); agent = run.resume(...)"

    @property
    def goes_on(self) -> bool:
        """Whether there is a checkpoint that the run goes on from."""
        return self._saved is not None

    @property
    def is_open(self) -> bool:
        """Whether this process has the run."""
        return self._lock is not None and self._lock.held

    @property
    def model(self) -> Any:
        """SB3's model in this run; None before it is made, and for an agent of one's own."""
        return getattr(self._session, "model", None)

    # -- taking the run, and letting go of it -----------------------------------------------------------------

    def resume(self, make_session: Callable[[], Session]) -> None:
        """Take the run for this process, make what it trains, and put in what the newest checkpoint has."""
        if self._session is not None:
            raise CheckpointError(
                "expected to resume a run once, found that it has an agent.",
                path=self.path,
                hint=self._again,
            )
        self._lock = self.folder.lock()
        try:
            if self.folder.is_run:
                self.folder.read()  # Nothing is swept where a later version may have written what is not understood.
            swept = self.folder.sweep()
            checkpoint = self.folder.newest()
            self._tell_damaged(checkpoint)
            if checkpoint is not None:
                self._preserve_logs(checkpoint)
            session = make_session()
            if checkpoint is None or self.folder.is_run:
                self._begin(session)
            self._opened.check_folder()
            session.remove_logs(self._opened.read(), kept=() if checkpoint is None else checkpoint.logs)
            if checkpoint is not None:
                self._take(session, checkpoint, swept)
                self._begin(session)  # Where run.json was taken away, the checkpoint has told first whose run it is.
            else:
                self.report = RunReport(path=self.path, swept=swept)
        except BaseException:
            self._lock.release()
            raise
        self._session = session
        self._writer = BackgroundWriter()

    def _begin(self, session: Session) -> None:
        """Write ``run.json``, or hold the agent against it."""
        self.folder.begin(algorithm=self._algorithm(session), environment=session.environment_id, durable=self._durable)

    def _algorithm(self, session: Session) -> str:
        """The full name of what is trained; a script's own class has another module where the script is imported."""
        found = self.folder.read().algorithm if self.folder.is_run else session.algorithm
        modules = [name.rpartition(".")[0] for name in (found, session.algorithm)]
        own = not session.learns and "__main__" in modules
        return found if own and found.rpartition(".")[2] == session.algorithm.rpartition(".")[2] else session.algorithm

    def wait(self) -> None:
        """Return when the last checkpoint is committed; raises the error that kept it from it."""
        if self._writer is not None:
            self._writer.wait()
            self._retaining.tell()

    def check(self) -> None:
        """Raise the error of the last checkpoint, if it is already known; raise, too, where the run was closed."""
        if self._writer is not None and not self._writer.busy:
            self._writer.wait()
        if self._session is not None and not self.is_open:
            raise CheckpointError(
                "expected a run that is open, found that it was closed.",
                path=self.path,
                hint=self._again,
            )

    def close(self) -> None:
        """Wait for the last checkpoint and let go of the run; more than once does nothing."""
        self.preemption.close()
        try:
            if self._writer is not None:
                self._writer.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    # -- what happens while it is trained --------------------------------------------------------------------

    def checkpoint(
        self,
        point: str,
        *,
        keep: Keep | None = None,
        replay: bool = True,
        skip_if_busy: bool = False,
        metrics: Mapping[str, float] | None = None,
        inexact: Mapping[str, str] | None = None,
    ) -> bool:
        """Make a checkpoint at this clean point; False where it was skipped."""
        assert self._writer is not None
        step = self.step
        if skip_if_busy and self._writer.busy:
            return False
        self.wait()
        phases = {"phases": self.phases.to_list()} if self.session.learns else {}
        state = {**phases, "point": point}
        recorder = self.session.recorder
        if recorder is not None and replay and point == TRAINING_END:
            recorder.look()
        elif recorder is not None and not replay and keep is not None:
            recorder.forget()  # The checkpoint that has the rows so far may be dropped, and its segments with it.
        captured = self.session.capture(state, steps=step, replay=replay)
        # The script may put another replay buffer in the place of this one before all is written.
        written = None if captured.replay is None else self.session.recorder
        told, noticed = dict(metrics or {}), dict(inexact or {})
        self._writer.submit(lambda: self._write(step, point, captured, written, noticed, told, keep))
        self.last_step = self.reached = step
        return True

    def replay_changed(self) -> None:
        """Have the next checkpoint take all rows of the replay buffer anew."""
        if self.session.recorder is None:
            raise CheckpointError(
                "expected an agent with a replay buffer, found one without.",
                path=self.path,
                hint="What such an agent learns from is in no replay buffer, and there is nothing to say.",
            )
        self.session.recorder.forget()

    def _write(
        self,
        step: int,
        point: str,
        captured: Captured,
        recorder: Any,
        inexact: Mapping[str, str],
        metrics: Mapping[str, float],
        keep: Keep | None,
    ) -> None:
        changed = {} if recorder is None else recorder.look_meanwhile(captured.replay)
        manifest = None if captured.replay is None else self._store.write(captured.replay)
        write_checkpoint(
            self.folder,
            step=step,
            contents=captured.contents,
            replay=None if manifest is None else manifest.to_json(),
            point=point,
            metrics={**captured.metrics, **metrics},
            inexact={**captured.inexact, **inexact, **changed},
            logs=captured.logs,
            durable=self._durable,
        )
        self._opened.clear()
        if recorder is not None:
            recorder.confirm(captured.replay, manifest)
        if keep is not None:
            self._retaining.carry_out(keep)

    def _take(self, session: Session, checkpoint: Checkpoint, swept: tuple[str, ...]) -> None:
        """Read a checkpoint, hold it against the agent, and put its parameters in."""
        archive = checkpoint.open()
        try:
            saved = session.read(archive)
            phases = Phases.from_list(saved.parts["run"].get("phases")) if session.learns else Phases()
            self._manifest = None if checkpoint.replay is None else ReplayManifest.from_json(checkpoint.replay)
            if self._manifest is not None:
                session.check_replay(self._manifest)
                self._store.require(self._manifest)
            session.put_parameters(saved)
        except (FormatError, LimitError) as error:
            raise CheckpointError(
                f"the checkpoint of step {checkpoint.step:,} cannot be read: {error}",
                path=self.path,
                hint=f"To go on from the one before, move it out of the way: {checkpoint.path}",
            ) from error
        except StrongboxError as error:
            if "skip=" in (error.hint or ""):
                error.hint = None  # It is for load(), which leaves parts out; an exact continuation cannot.
            raise CheckpointError(
                f"the checkpoint of step {checkpoint.step:,} cannot go on in the agent of this script: {error}",
                path=self.path,
                hint="Make the agent as it was made, or name another folder for a run of its own.",
            ) from error
        self._checkpoint, self._saved, self.phases = checkpoint, saved, phases
        self.last_step = self.reached = checkpoint.step
        inexact = {**checkpoint.commit.inexact, **saved.inexact}
        self.report = RunReport(
            path=self.path, step=checkpoint.step, differences=saved.differences, inexact=inexact, swept=swept
        )
        tell(self.report)

    def _tell_damaged(self, checkpoint: Checkpoint | None) -> None:
        """Warn of checkpoints that cannot be read and come after the one that the run goes on from.

        Raises CheckpointError where there is none to go on from: a run that begins anew beside them would be another.
        """
        damaged = self.folder.damaged()
        if damaged and checkpoint is None:
            raise CheckpointError(
                f"expected a whole checkpoint, found damaged ones only, {len(damaged):,} of them.",
                path=self.path,
                hint=f"What is wrong says: strongbox checkpoints verify {self.path}. "
                "To begin anew, name another folder for the run.",
            )
        for path, error in damaged.items():
            if checkpoint is not None and int(os.path.basename(path).partition(".")[0]) > checkpoint.step:
                goes_on = f"goes on from step {checkpoint.step:,}"
                warn(f"{self.path}: expected a whole checkpoint, found a damaged one; the run {goes_on}. {error}")

    def note_logs(self) -> None:
        """Write down which files ``learn()`` has opened: a crash before the next checkpoint leaves them behind."""
        self._opened.add(self.session.opened_logs())

    def prepare(self) -> None:
        """Put back what must be there when ``learn()`` begins."""
        saved, checkpoint = self._resumed
        self.session.prepare(saved, checkpoint.logs, self._log_copies)
        if self._manifest is not None:
            saved.inexact.update(self.session.put_replay(self._manifest, self._store, steps=checkpoint.step))

    def restore(self) -> None:
        """Put back everything else, at the clean point; what turns out to be lost is told."""
        saved, _ = self._resumed
        self.session.restore(saved, self._log_copies)
        found = {name: reason for name, reason in saved.inexact.items() if name not in self.report.inexact}
        tell(RunReport(path=self.path, step=self.report.step, inexact=found))
        self.report = replace(self.report, inexact={**self.report.inexact, **found})

    @property
    def _resumed(self) -> tuple[Saved, Checkpoint]:
        assert self._saved is not None
        assert self._checkpoint is not None
        return self._saved, self._checkpoint

    def _preserve_logs(self, checkpoint: Checkpoint) -> None:
        """Keep copies of the logs as they were, and take away those of older checkpoints."""
        from ..adapters.preserving import preserve_logs, read_rows

        folder = Path(self.path, LOGS_FOLDER, os.path.basename(checkpoint.path))
        self._opened.check_folder()
        for other in folder.parent.iterdir() if folder.parent.is_dir() else ():
            if other != folder and OF_A_STEP.fullmatch(other.name) and is_folder(str(other)):
                shutil.rmtree(other)
        if folder.is_symlink():
            raise CheckpointError("expected a folder of log copies, found a link.", path=str(folder))
        with checkpoint.open() as archive:
            self._log_copies = preserve_logs(checkpoint.logs, read_rows(archive), folder)
