"""A file, opened once and seen as one read-only run of bytes.

Files on disk are mapped, never read: opening costs the same for a kilobyte and for a gigabyte, and
what is not looked at is not loaded. The map is opened for random access, since the directory of an
archive touches a page here and a page there; without that advice the system would read ahead around
each of them. Whoever is about to read all of it says so by :meth:`Source.read_ahead`.

Arrays that look into the map keep it alive: closing a source while they do takes the source's own
hands off the map, and the last array takes the map with it.

A map follows its file. A file that another program cuts short while it is open ends this process, on
every system; Strongbox itself therefore never writes into an existing file (see ``atomic``).
"""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import stat
from types import TracebackType
from typing import Any, BinaryIO

from ..errors import FormatError, StrongboxError

__all__ = ["Source", "open_source"]

Content = bytes | bytearray | memoryview


class Source:
    """The bytes of one file; ``path`` names it in messages and is None where it has no name."""

    def __init__(self, content: Content | mmap.mmap, *, path: str | None = None) -> None:
        self.path = path
        self._map = content if isinstance(content, mmap.mmap) else None
        self._view: memoryview | None = as_bytes_view(content)
        self.size = len(self._view)

    @property
    def view(self) -> memoryview:
        """All bytes of the file: read-only, one byte per item, nothing copied."""
        if self._view is None:
            raise StrongboxError("this file was closed.", path=self.path, hint="Open it again.")
        return self._view

    def read_ahead(self) -> None:
        """Tell the system that the file will be read from one end to the other."""
        self._advise("MADV_SEQUENTIAL")

    def release_memory(self) -> None:
        """Give back the memory that holds pages of the file; what is needed again is mapped again."""
        self._advise("MADV_DONTNEED")

    def close(self) -> None:
        """Let go of the file; arrays that still look into it stay valid and keep the map alive."""
        view, self._view = self._view, None
        mapping, self._map = self._map, None
        # A BufferError says that someone still looks; the garbage collector closes the map after the last one.
        with contextlib.suppress(BufferError):
            if view is not None:
                view.release()
            if mapping is not None:
                mapping.close()

    def _advise(self, advice: str) -> None:
        number = getattr(mmap, advice, None)
        if self._map is not None and number is not None:
            with contextlib.suppress(OSError):
                self._map.madvise(number)

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Source {self.path or 'in memory'}, {self.size} bytes>"


def open_source(file: str | os.PathLike[str] | Content | BinaryIO) -> Source:
    """Open a path, the bytes of a file, or a binary file object, for reading.

    Paths and file objects on regular files are mapped; any other binary file is read wholly. A file
    object is seen from its beginning, wherever it stands, and stands there again afterwards.
    Raises :class:`FormatError` for what is missing, empty, a folder, not a file or not binary.
    """
    if isinstance(file, (bytes, bytearray, memoryview)):
        source = Source(file)
    elif isinstance(file, (str, os.PathLike)):
        source = open_path(os.fspath(file))
    else:
        source = open_file_object(file)
    if not source.size:
        raise FormatError("expected an archive, found an empty file.", path=source.path)
    return source


def open_path(path: str) -> Source:
    """Map the regular file at ``path``."""
    if not isinstance(path, str):
        raise FormatError(f"expected a path as text, found {path!r}.")
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise FormatError(f"expected a file, found {kind_of_file(path)}.", path=path, hint=neighbour_hint(path))
        with open(path, "rb") as file:
            return map_file(file.fileno(), path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FormatError("no such file.", path=path, hint=neighbour_hint(path)) from error
    except OSError as error:
        raise FormatError(f"the file cannot be opened: {error.strerror or error}.", path=path) from error
    except ValueError as error:
        if isinstance(error, StrongboxError):
            raise
        raise FormatError(f"the path cannot be used: {error}.", path=ascii(path)) from error


def open_file_object(file: Any) -> Source:
    """Map a file object where it stands for a regular file, and read it wholly where it does not."""
    if not hasattr(file, "read"):
        raise FormatError(f"expected a path, bytes or a binary file, found {type(file).__name__}.")
    name = getattr(file, "name", None)
    path = name if isinstance(name, str) else None
    try:
        if isinstance(file, io.TextIOBase):
            raise FormatError("expected a binary file, found one open as text.", path=path, hint='Open it with "rb".')
        raw = getattr(file, "raw", file)
        # Only a FileIO is known to show the file's own bytes: the descriptor of a GzipFile does not.
        if isinstance(raw, io.FileIO) and stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
            if raw.writable():
                file.flush()
            return map_file(raw.fileno(), path)
        return Source(read_wholly(file, path), path=path)
    except OSError as error:
        raise FormatError(f"the file cannot be read: {error.strerror or error}.", path=path) from error
    except ValueError as error:
        if isinstance(error, StrongboxError):
            raise
        raise FormatError(f"the file cannot be read: {error}.", path=path) from error


def map_file(descriptor: int, path: str | None) -> Source:
    """Map a regular file; an empty one, which cannot be mapped, becomes an empty source."""
    if not os.fstat(descriptor).st_size:
        return Source(b"", path=path)
    mapping = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    source = Source(mapping, path=path)
    source._advise("MADV_RANDOM")
    return source


def read_wholly(file: Any, path: str | None) -> bytes:
    """Read a binary file from its beginning and put its position back."""
    seekable = hasattr(file, "seekable") and file.seekable()
    position = file.tell() if seekable else 0
    if seekable:
        file.seek(0)
    try:
        content = file.read()
    finally:
        if seekable:
            file.seek(position)
    if not isinstance(content, (bytes, bytearray, memoryview)):
        problem = f"expected a binary file, found one that gives {type(content).__name__}."
        raise FormatError(problem, path=path, hint='Open it with "rb".')
    return bytes(content)


def as_bytes_view(content: Content | mmap.mmap) -> memoryview:
    """A read-only view of single bytes, without a copy wherever the memory is in one piece."""
    view = memoryview(content)
    if view.ndim != 1 or view.format != "B" or not view.c_contiguous:
        view = memoryview(view.tobytes())
    return view.toreadonly()


def kind_of_file(path: str) -> str:
    """What is at a path that is no regular file, in words."""
    return "a folder" if os.path.isdir(path) else "something that is not a regular file"


def neighbour_hint(path: str) -> str | None:
    """Name the archive that was probably meant, where it lies beside the path that was given."""
    candidate = path.rstrip("/\\") + ".zip"
    return f"There is {candidate!r}: open that." if os.path.isfile(candidate) else None
