"""Replacing a file whole or not at all.

The new content goes to a temporary file in the same folder, which takes the name of the old file only
when every byte of it is there. Until then the old file is not touched, whatever happens; a failure takes
the temporary file away, and a process that is killed leaves it behind under a hidden name that
begins with ``.strongbox-``. With ``durable`` the content reaches the disk before the name does, so
that a machine that loses power comes back with the old file or with the new one.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, BinaryIO

from ..errors import StrongboxError

__all__ = ["explain", "replace_file", "sync_folder"]

LARGE = 8 << 20
"""Bytes from which on it pays to have work on a file done beside the writing."""

HINTS = {
    errno.ENOSPC: "The disk is full: make room, or write elsewhere.",
    errno.EDQUOT: "The disk quota is used up: make room, or write elsewhere.",
    errno.EFBIG: "The file is larger than this system or this process may write.",
    errno.EACCES: "This user may not write there: choose another folder, or change its permissions.",
    errno.EPERM: "This user may not write there: choose another folder, or change its permissions.",
    errno.EROFS: "That file system is read-only: write elsewhere.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.ENOTDIR: "A part of the path that should be a folder is a file.",
    errno.EEXIST: "A part of the path that should be a folder is a file.",
}
BUFFER = 1 << 18
"""Bytes gathered before they are written: a small agent of a hundred records is written in one go."""

FOLDERS_THAT_CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


@contextmanager
def replace_file(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[BinaryIO]:
    """Give a new, empty, seekable binary file that takes the place of ``path`` at the end of the block.

    Where the block raises, ``path`` stays as it was. Missing folders are made, a symbolic link
    is followed to what it points to, and the permissions of an existing file are kept. ``durable``
    waits until file and folder have reached the disk.

    Raises :class:`StrongboxError` where the path is a folder or otherwise no file, is write-protected,
    or the system refuses; what else the block raises passes through.
    """
    if not isinstance(name := os.fspath(path), str):
        raise StrongboxError(f"expected a path as text, found {name!r}.")
    with wrap_system_errors(name):
        target, mode = check_target(name)
    temporary = os.path.join(os.path.dirname(target), f".strongbox-{os.urandom(8).hex()}.tmp")
    try:
        with wrap_system_errors(target, temporary):
            file = create(temporary, mode, durable=durable)
            try:
                yield file
                finish(file, durable=durable)
            except BaseException:
                # Closing tries once more to write what is buffered; its failure must not hide this one.
                with contextlib.suppress(OSError):
                    file.close()
                raise
            file.close()
            rename_over(temporary, target)
            if durable:
                sync_folder(os.path.dirname(target))
    finally:
        # Renamed already where all went well; whatever else happened, nothing may stay behind.
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def check_target(path: str) -> tuple[str, int | None]:
    """The file that will be replaced, links followed, and its permissions where it exists."""
    target = os.path.realpath(path)
    try:
        status = os.lstat(target)
    except FileNotFoundError:
        if not os.path.basename(path):
            raise StrongboxError("expected the path of a file, found that of a folder.", path=path) from None
        os.makedirs(os.path.dirname(target), exist_ok=True)
        return target, None
    if stat.S_ISDIR(status.st_mode):
        hint = f"Name a file, for example {os.path.join(path, 'agent.zip')!r} or {path.rstrip('/') + '.zip'!r}."
        raise StrongboxError("expected the path of a file, found a folder.", path=path, hint=hint)
    if not stat.S_ISREG(status.st_mode):
        raise StrongboxError("expected the path of a file, found something that is no regular file.", path=path)
    if not status.st_mode & 0o222:
        raise StrongboxError("the file is write-protected.", path=path, hint="Choose another name, or allow writing.")
    return target, stat.S_IMODE(status.st_mode)


def create(temporary: str, mode: int | None, *, durable: bool) -> BinaryIO:
    """Create the temporary file, with the permissions of the old one or else the usual ones.

    Where nobody waits for the disk, nothing is hurried there: what is soon replaced again never need arrive.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666)
    if mode is not None and hasattr(os, "fchmod"):
        # Some file systems have no permissions to keep.
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, mode)
    return io.BufferedRandom((EagerFile if durable else io.FileIO)(descriptor, "r+b"), BUFFER)


class EagerFile(io.FileIO):
    """A file whose content sets out for the disk while it is still being written.

    Otherwise all of it sets out at the end, where someone waits for it, in ``fsync``.
    """

    _ahead = 0

    def write(self, content: Any, /) -> int:
        """Write, and from time to time have the system begin to carry off what was written."""
        taken = super().write(content)
        self._ahead += taken
        if self._ahead >= LARGE and hasattr(os, "posix_fadvise"):
            # This advice begins to write dirty pages; it drops no page that was not written yet.
            with contextlib.suppress(OSError):
                os.posix_fadvise(self.fileno(), max(0, self.tell() - self._ahead), self._ahead, os.POSIX_FADV_DONTNEED)
            self._ahead = 0
        return taken


def finish(file: BinaryIO, *, durable: bool) -> None:
    """Hand everything to the system, and on to the disk where asked."""
    if file.closed:
        raise StrongboxError("expected the file to be left open, found it closed.")
    file.flush()
    if durable:
        os.fsync(file.fileno())


def rename_over(temporary: str, target: str) -> None:
    """Rename, and have a thread give back the space of the old file where that takes long.

    The space of a file is given back when its last name and its last open descriptor are gone; for
    hundreds of megabytes that takes a good part of the time of writing them, and nobody needs to wait for it.
    """
    old = open_large(target)
    try:
        os.replace(temporary, target)
    finally:
        if old is not None:
            release(old)


def release(descriptor: int) -> None:
    """Close a descriptor in a thread of its own."""
    try:
        Thread(target=os.close, args=(descriptor,), name="strongbox-release").start()
    except RuntimeError:  # The interpreter is about to end and starts no threads any more.
        os.close(descriptor)


def open_large(path: str) -> int | None:
    """A descriptor that keeps the space of a large file, or None where there is nothing to keep."""
    try:
        if os.name != "posix" or os.stat(path).st_size < LARGE:
            return None
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def sync_folder(folder: str) -> None:
    """Have the new name reach the disk; systems and file systems that cannot do that keep names safe otherwise."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in FOLDERS_THAT_CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


def explain(error: OSError) -> str | None:
    """What a person can do about an error of the system, or None where nothing is known."""
    return HINTS.get(error.errno or 0)


@contextmanager
def wrap_system_errors(path: str, *own: str) -> Iterator[None]:
    """Turn what the system says about this file into a :class:`StrongboxError` that says what to do."""
    try:
        yield
    except OSError as error:
        # A name that is not ours: the block failed on another file, which is not ours to explain.
        if own and error.filename is not None and error.filename not in (path, os.path.dirname(path), *own):
            raise
        problem = f"the file cannot be written: {error.strerror or error}."
        raise StrongboxError(problem, path=path, hint=explain(error)) from error
    except ValueError as error:
        if own or isinstance(error, StrongboxError):
            raise
        raise StrongboxError(f"the path cannot be used: {error}.", path=ascii(path)) from error
