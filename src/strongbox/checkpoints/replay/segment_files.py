"""Segments on the disk: written once under the name of their content, read only where the name is right.

The digest of a segment takes about as long as to read its rows. So a thread computes digests while rows are read; what
was read counts only when every digest was found to be the name. Several small segments may wait for theirs, as
long as they are together no larger than a large one: memory stays that of one segment.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from ...container import replace_file
from ...errors import CheckpointError, FormatError, StrongboxError
from .encoding import Segment
from .manifest import SegmentRecord

__all__ = ["SegmentFiles", "SegmentReader"]

ENDING = ".segment"
MOST_WAITING = 16 << 20
"""Bytes of segments that wait for their digest; one that is larger waits alone."""


class SegmentFiles:
    """The segments of one folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def path(self, name: str) -> str:
        """Where the segment of this name is."""
        return os.path.join(self.folder, name + ENDING)

    def write(self, segment: Segment) -> None:
        """Write a segment that is not there yet, through to the disk."""
        path = self.path(segment.name)
        if os.path.isfile(path) and os.path.getsize(path) == segment.size:
            return
        with replace_file(path) as file:
            for piece in segment.pieces:
                file.write(piece)

    @contextmanager
    def reading(self) -> Iterator[SegmentReader]:
        """Read segments during the block, at whose end every digest was verified."""
        with ThreadPoolExecutor(1, thread_name_prefix="strongbox-digest") as thread:
            reader = SegmentReader(self, thread)
            yield reader
            reader.settle(0)


class SegmentReader:
    """Reads the files of segments into buffers that are used again, and has a thread verify them."""

    def __init__(self, files: SegmentFiles, thread: ThreadPoolExecutor) -> None:
        self._files = files
        self._thread = thread
        self._waiting: deque[tuple[str, bytearray, Future[str]]] = deque()
        self._free: list[bytearray] = []

    @contextmanager
    def open(self, name: str, record: SegmentRecord) -> Iterator[memoryview]:
        """The bytes of a segment for the time of the block.

        Raises CheckpointError where the file is missing, and FormatError where its content is not what its name says:
        at the end of a block in which something failed, and else at the latest at the end of the reading.
        """
        self.settle(MOST_WAITING - record.size)
        buffer = self._free.pop() if self._free else bytearray()
        if len(buffer) < record.size:
            buffer = bytearray(record.size)
        view = memoryview(buffer)[: record.size]
        self._read(name, view)
        self._waiting.append((name, buffer, self._thread.submit(digest_of, view)))
        try:
            yield view.toreadonly()
        except StrongboxError:
            # A damaged file is the reason, whatever its content looked like.
            self.settle(0)
            raise

    def settle(self, most: int) -> None:
        """Wait for digests, oldest first, until the segments that still wait for theirs have ``most`` bytes."""
        while self._waiting and sum(len(buffer) for _, buffer, _ in self._waiting) > most:
            name, buffer, digest = self._waiting.popleft()
            check_digest(digest.result(), name, self._files.path(name))
            self._free.append(buffer)

    def _read(self, name: str, view: memoryview) -> None:
        path = self._files.path(name)
        try:
            read_whole(path, view)
        except OSError as error:
            raise CheckpointError(
                f"expected a segment of replayed transitions, found that it cannot be read: {error.strerror or error}.",
                path=path,
                hint="Copy the run with its whole folder 'replay', or go on from another checkpoint.",
            ) from error


def read_whole(path: str, view: memoryview) -> None:
    """Fill a buffer with a regular file of exactly its size; raises FormatError for any other, and OSError."""
    # Without waiting: a stranger's folder may hold a pipe of this name.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size != len(view):
            raise FormatError(f"expected a file of {len(view):,} bytes, found another.", path=path)
        read = 0
        while count := file.readinto(view[read:]):
            read += count
    if read != len(view):
        raise FormatError(f"expected {len(view):,} bytes, found {read:,}.", path=path)


def digest_of(view: memoryview) -> str:
    """The SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(view).hexdigest()


def check_digest(digest: str, name: str, path: str) -> None:
    """Raise FormatError unless a segment's content is the one that it is named by."""
    if digest != name:
        raise FormatError(
            "expected the content that the segment's name is the SHA-256 of, found another.",
            path=path,
            hint="The file was changed or is damaged: go on from another checkpoint.",
        )
