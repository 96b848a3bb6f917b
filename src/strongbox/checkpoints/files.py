"""Files and folders of a run: read without trust, written so that they are there after a power failure.

A name that begins with ``.strongbox-`` and ends with ``.tmp`` is never more than a leftover: whatever is being
written or deleted bears such a name until the moment that it counts, or from the moment that it does not.
Nothing follows a symbolic link, and nothing but a regular file is read: a folder may come from a stranger.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..container import explain, sync_folder
from ..errors import CheckpointError, FormatError, LimitError, StrongboxError

__all__ = [
    "Tell",
    "create_file",
    "hash_file",
    "is_folder",
    "is_temporary",
    "is_there",
    "list_folder",
    "make_folder",
    "open_regular",
    "read_file",
    "regular_size",
    "remove",
    "system_errors",
    "temporary_name",
]

CHUNK = 4 << 20
"""Bytes that are read at a time."""

PREFIX, SUFFIX = ".strongbox-", ".tmp"

Tell = Callable[[int], None]
"""Told how many bytes were read, piece by piece."""


def temporary_name(label: str) -> str:
    """A name for what does not count: hidden, with a label for people, never given twice."""
    return f"{PREFIX}{label}-{os.urandom(8).hex()}{SUFFIX}"


def is_temporary(name: str) -> bool:
    """Whether a name is one of those, or of those that :func:`strongbox.container.replace_file` gives."""
    return name.startswith(PREFIX) and name.endswith(SUFFIX)


def read_file(path: str, *, most: int) -> bytes:
    """The content of a regular file of at most ``most`` bytes; raises FormatError and LimitError.

    Where the system fails, that is a CheckpointError: it says nothing of the file.
    """
    with system_errors(path, "reading the file"), open(open_regular(path), "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise LimitError(f"expected at most {most:,} bytes, found more.", path=path)
    return content


def hash_file(path: str, *, tell: Tell | None = None) -> tuple[int, str]:
    """The size in bytes and the SHA-256, in hexadecimal, of a regular file; raises what :func:`read_file` raises."""
    digest, size = hashlib.sha256(), 0
    with system_errors(path, "reading the file"), open(open_regular(path), "rb", buffering=0) as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
            size += len(piece)
            if tell is not None:
                tell(len(piece))
    return size, digest.hexdigest()


def open_regular(path: str) -> int:
    """A descriptor to read a regular file; a link, a folder, a pipe or a device is a FormatError."""
    flags = os.O_RDONLY
    for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):  # a pipe would otherwise wait for its other end
        flags |= getattr(os, name, 0)
    status = _status(path)
    if status is None or not stat.S_ISREG(status.st_mode):
        raise FormatError(f"expected a regular file, found {'something else' if status else 'none'}.", path=path)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise FormatError("expected a regular file, found none.", path=path) from None
    except OSError as error:
        raise CheckpointError(f"the file cannot be opened: {error.strerror or error}.", path=path) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FormatError("expected a regular file, found something else.", path=path)
    return descriptor


def regular_size(path: str) -> int | None:
    """The size of a regular file in bytes, or None where there is none."""
    status = _status(path)
    return status.st_size if status is not None and stat.S_ISREG(status.st_mode) else None


def is_folder(path: str) -> bool:
    """Whether a folder is there, and no link to one; raises CheckpointError where the system cannot tell."""
    status = _status(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def list_folder(path: str) -> list[str]:
    """The names in a folder, sorted; none where nothing is there.

    Raises CheckpointError for anything else than a folder, a link to one included: what lies behind it must not be
    taken for nothing.
    """
    if not is_there(path):
        return []
    if not is_folder(path):
        raise CheckpointError(
            "expected a folder, found something else.",
            path=path,
            hint="A link inside of a run is not followed: move the whole run, and let a link point to that.",
        )
    with system_errors(path, "looking into the folder"):
        return sorted(os.listdir(path))


def is_there(path: str) -> bool:
    """Whether anything is there, be it a link; raises CheckpointError where the system cannot tell."""
    return _status(path) is not None


def _status(path: str) -> os.stat_result | None:
    """What is there, links not followed, or None for nothing.

    A system that cannot tell does not say that nothing is there: a checkpoint must not be passed over for that.
    """
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        problem = f"the system cannot tell what is there: {error.strerror or error}."
        raise CheckpointError(problem, path=path, hint=explain(error)) from error
    except ValueError as error:
        raise CheckpointError(f"the path cannot be used: {error}.", path=ascii(path)) from error


def create_file(path: str, content: bytes, *, durable: bool = True) -> None:
    """Write a new file and, where ``durable``, wait until its content has reached the disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: str, *, durable: bool = True) -> None:
    """Make a folder, and those above it, where they are missing; a link in its place is a CheckpointError."""
    if is_folder(path):
        return
    if is_there(path):
        raise CheckpointError("expected a folder, found something else.", path=path, hint="Move it out of the way.")
    parent = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(parent):
        make_folder(parent, durable=durable)
    os.mkdir(path)
    if durable:
        sync_folder(parent)


def remove(path: str) -> None:
    """Delete a file, a link, or a folder with all that is in it."""
    if is_folder(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


@contextmanager
def system_errors(path: str, doing: str) -> Iterator[None]:
    """Turn what the system says into a CheckpointError that says what was being done, and what to do next."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"{doing} failed: {error.strerror or error}.", path=path, hint=explain(error)) from error
    except CheckpointError:
        raise
    except StrongboxError as error:
        cause = error.__cause__
        if not isinstance(cause, OSError):
            raise
        raise CheckpointError(f"{doing} failed: {error.problem}", path=path, hint=error.hint) from cause
