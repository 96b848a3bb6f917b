"""Who writes into a run: one process at a time, by a lock that the system holds.

The lock is ``flock`` on the file ``lock``: the system takes it back when the process is gone, however it went, so
that no run stays locked after a crash. What is written in the file only tells people who holds it; without
the lock it means nothing. The file is never deleted: two processes could otherwise hold locks on two files of one name.

A child that is forked would share the lock and keep it when its parent is killed; so children let go of it
when they begin.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import stat
import sys
import time
from dataclasses import dataclass
from types import TracebackType
from weakref import WeakSet

from ..archive import dump_lines, parse_json
from ..container import explain
from ..errors import CheckpointError, StrongboxError, UnsupportedError
from .documents import Document

if sys.platform != "win32":
    import fcntl

__all__ = ["LOCK_FILE", "Holder", "RunLock", "read_holder"]

LOCK_FILE = "lock"
LONGEST_COMMAND = 500
MOST_BYTES = 1 << 16
HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The process that holds a lock: its id, its machine, since when (seconds since 1970-01-01 UTC), its command."""

    pid: int
    host: str
    since: float
    command: str

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.since))
        return f"process {self.pid} on {ascii(self.host)[1:-1]} since {since} ({ascii(self.command)[1:-1]})"


class RunLock:
    """The lock of one run, held until :meth:`release`, the end of a ``with`` block, or the end of the process."""

    def __init__(self, path: str) -> None:
        """Take the lock of the file at ``path``, or raise CheckpointError that tells who holds it."""
        self.path = path
        self._descriptor: int | None = None
        descriptor = _open(path)
        try:
            _take(descriptor, path)
            _write_holder(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        _held.add(self)

    @property
    def held(self) -> bool:
        """Whether this process holds it."""
        return self._descriptor is not None

    def release(self) -> None:
        """Let go of the lock; more than once does nothing."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        _held.discard(self)
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()


_held: WeakSet[RunLock] = WeakSet()


def _release_in_child() -> None:
    """Close a forked child's copies; the parent's lock stays, since its own descriptor does."""
    for lock in list(_held):
        lock._close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_in_child)


def read_holder(descriptor: int) -> Holder | None:
    """What the file of a lock says of its holder, or None where it says nothing that can be understood."""
    try:
        document = Document(parse_json(os.pread(descriptor, MOST_BYTES, 0)))
        return Holder(
            pid=document.count("pid"),
            host=document.text("host"),
            since=min(document.number("since"), 1e11),
            command=document.text("command")[:LONGEST_COMMAND],
        )
    except (OSError, AttributeError, StrongboxError):
        return None


def _open(path: str) -> int:
    if sys.platform == "win32":
        raise UnsupportedError("a run needs a lock that the system takes back, which is flock; Windows has none.")
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        problem = f"the lock cannot be opened: {error.strerror}."
        raise CheckpointError(problem, path=path, hint=explain(error)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CheckpointError("expected a regular file as the lock, found something else.", path=path)
    return descriptor


def _take(descriptor: int, path: str) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in HELD:
            problem = f"this file system cannot lock: {error.strerror}."
            raise CheckpointError(problem, path=path, hint="Keep the run on another one.") from error
        raise _held_by(read_holder(descriptor), path) from None


def _held_by(holder: Holder | None, path: str) -> CheckpointError:
    who = str(holder) if holder else "another process, which has just begun"
    hint = "Wait until it has ended, or end it, and start again."
    if holder is not None and holder.host == os.uname().nodename:
        hint = f"Wait until it has ended, or end it (kill {holder.pid}), and start again."
        if holder.pid == os.getpid():
            hint = "That is this very process: close the run that it has open."
    return CheckpointError(f"expected a run that nobody writes into, found it held by {who}.", path=path, hint=hint)


def _write_holder(descriptor: int) -> None:
    """Say who holds the lock; a disk that is full does not stand in the way of holding it."""
    command = shlex.join(sys.orig_argv)[:LONGEST_COMMAND]
    holder = {"pid": os.getpid(), "host": os.uname().nodename, "since": time.time(), "command": command}
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, dump_lines(holder) + b"\n", 0)
