"""Segments on the disk: written once under the name of their content, read only where the name is right."""

from __future__ import annotations

import hashlib
import os
import stat

from ...container import replace_file
from ...errors import CheckpointError, FormatError
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

    def read(self, name: str, record: SegmentRecord) -> memoryview:
        """The bytes of a segment, valid until the next one is read.

        Raises CheckpointError where it is missing, and FormatError where its content is not what its name says.
        """
        path = self.path(name)
        try:
            return self._read(path, name, record)
        except OSError as error:
            raise CheckpointError(
                f"expected a segment of replayed transitions, found that it cannot be read: {error.strerror or error}.",
                path=path,
                hint="Copy the run with its whole folder 'replay', or go on from another checkpoint.",
            ) from error

    def _read(self, path: str, name: str, record: SegmentRecord) -> memoryview:
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
        if read != record.size or hashlib.sha256(view).hexdigest() != name:
            raise FormatError(
                "expected the content that the segment's name is the SHA-256 of, found another.",
                path=path,
                hint="The file was changed or is damaged: go on from another checkpoint.",
            )
        return view.toreadonly()
