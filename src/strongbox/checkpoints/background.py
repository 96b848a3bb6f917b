"""Writing in the background: one thread, one job at a time, and no error lost.

Training stands still only while its state is copied; what was copied into buffers that are used again must not
change before it is written, so a job that is under way is waited for, or the new one is skipped. The interpreter
waits for the last job before it ends.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from threading import get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Any
from weakref import finalize

from ..errors import CheckpointError, StrongboxWarning

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["BackgroundWriter"]


class BackgroundWriter:
    """Does jobs in a thread, one after the other; an error of a job is raised by the next call."""

    def __init__(self) -> None:
        self._state = _State()
        self._finalizer = finalize(self, self._state.end)

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return self._state.job is not None and not self._state.job.done()

    def submit(self, job: Callable[[], Any], *, wait: bool = True) -> bool:
        """Begin a job; returns False where it was skipped, since another is under way and ``wait`` is false.

        Waits for the job before. Where that one failed, its error is raised here, once, and the new job is not begun.
        """
        if not self._finalizer.alive:
            raise CheckpointError("expected a writer that is open, found one that was closed.")
        if self.busy and not wait:
            return False
        self._state.collect()
        self._state.begin(job)
        return True

    def wait(self) -> None:
        """Return when no job is under way; raises the error of the last job."""
        self._state.collect()

    def close(self) -> None:
        """Wait for the last job and end the thread; raises the error of the last job. Again, it does nothing."""
        try:
            self._state.collect()
        finally:
            self._finalizer()

    def __enter__(self) -> BackgroundWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _State:
    """The thread and its job, apart from the writer so that they can outlive it."""

    def __init__(self) -> None:
        self.job: Future[Any] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._worker = 0

    def begin(self, job: Callable[[], Any]) -> None:
        if self._pool is None:
            # Imported here, since whoever only looks at a run needs no threads.
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(1, thread_name_prefix="strongbox-checkpoint")
        try:
            self.job = self._pool.submit(self._run, job)
        except RuntimeError:  # The interpreter is about to end and takes no jobs for threads any more.
            job()

    def _run(self, job: Callable[[], Any]) -> None:
        self._worker = get_ident()
        job()

    def collect(self) -> None:
        """Wait for the job and raise its error, once; a wait that is interrupted can be begun again."""
        if self.job is not None:
            error = self.job.exception()
            self.job = None
            if error is not None:
                raise error

    def end(self) -> None:
        """At the end of the writer or of the interpreter: wait, and tell of an error that nobody has asked for."""
        job, self.job = self.job, None
        # The garbage collector may come by in the middle of the job, in its thread, which cannot wait for itself.
        itself = get_ident() == self._worker
        if job is not None and itself:
            job.add_done_callback(_tell_error)
        elif job is not None:
            _tell_error(job)
        if self._pool is not None:
            self._pool.shutdown(wait=not itself)


def _tell_error(job: Future[Any]) -> None:
    """Warn where a job failed; waits for it."""
    error = job.exception()
    if error is not None:
        warnings.warn(f"a checkpoint was not written: {error}", StrongboxWarning, stacklevel=2)
