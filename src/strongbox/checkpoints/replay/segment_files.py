"""Segments on the disk: written once under the name of their content, read only where the name is right.

The digest of a segment takes about as long as to read its rows. So a thread computes it meanwhile; what was read
counts only when the digest was found to be the name.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from ...container import replace_file
from ...errors import CheckpointError, FormatError, StrongboxError
from .encoding import Segment
from .manifest import SegmentRecord

__all__ = ["SegmentFiles"]

ENDING = ".segment"


class SegmentFiles:
    """The segments of one folder; one file is in memory at a time, in a buffer that is used again."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._buffer = bytearray()

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
    def open(self, name: str, record: SegmentRecord) -> Iterator[memoryview]:
        """The bytes of a segment for the time of the block, at whose end the content was verified.

        Raises CheckpointError where the file is missing, and FormatError where its content is not what its name says,
        whatever the block made of it.
        """
        path = self.path(name)
        try:
            view = self._read(path, record)
        except OSError as error:
            raise CheckpointError(
                f"expected a segment of replayed transitions, found that it cannot be read: {error.strerror or error}.",
                path=path,
                hint="Copy the run with its whole folder 'replay', or go on from another checkpoint.",
            ) from error
        with ThreadPoolExecutor(1, thread_name_prefix="strongbox-digest") as thread:
            digest = thread.submit(lambda: hashlib.sha256(view).hexdigest())
            try:
                yield view
            except StrongboxError:
                check_digest(digest.result(), name, path)
                raise
            check_digest(digest.result(), name, path)

    def _read(self, path: str, record: SegmentRecord) -> memoryview:
        # Without waiting: a stranger's folder may hold a pipe of this name.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags), "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size != record.size:
                raise FormatError(f"expected a file of {record.size:,} bytes, found another.", path=path)
            if len(self._buffer) < record.size:
                self._buffer = bytearray(record.size)
            view = memoryview(self._buffer)[: record.size]
            read = 0
            while count := file.readinto(view[read:]):
                read += count
        if read != record.size:
            raise FormatError(f"expected {record.size:,} bytes, found {read:,}.", path=path)
        return view.toreadonly()


def check_digest(digest: str, name: str, path: str) -> None:
    """Raise FormatError unless a segment's content is the one that it is named by."""
    if digest != name:
        raise FormatError(
            "expected the content that the segment's name is the SHA-256 of, found another.",
            path=path,
            hint="The file was changed or is damaged: go on from another checkpoint.",
        )
