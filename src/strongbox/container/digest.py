"""SHA-256 in the background, while the foreground writes; CRC-32 of large contents by two at once.

SHA-256 is the slowest thing that happens to a byte on its way to the disk, about three times slower
than CRC-32 and the write together, and it can only go through one content from its first byte to
its last. What can go on at the same time is the writing, and the digests of other contents. So each
content has a :class:`Digest`, a lane in which its pieces wait their turn, and two workers serve all
lanes. ``hashlib`` lets other threads run while it works on a large piece.

Small pieces are hashed on the spot: handing them over would cost more than it saves.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import StrongboxError
from .checksum import CHUNK, checksum, combine_crc

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["LARGE", "Content", "Digest", "Workers"]

Content = bytes | bytearray | memoryview

Result = TypeVar("Result")

LARGE = 1 << 20
"""Pieces above this size are worth a thread."""

WORKERS = 2


class Workers:
    """A few threads, started when first needed."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._newest: Future[Any] | None = None

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """Have a thread do the work, after the work that was submitted before."""
        if self._pool is None:
            # Imported here, since most archives are too small to need it.
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="strongbox-digest")
        future = self._pool.submit(work)
        self._newest = future
        return future

    def checksum(self, content: Content) -> int:
        """The CRC-32 of a content; while no digest is being computed, a thread takes half of a large one."""
        if len(content) <= 2 * CHUNK or not (self._newest is None or self._newest.done()):
            return checksum(content)
        halves = memoryview(content)[: len(content) // 2], memoryview(content)[len(content) // 2 :]
        second = self.submit(lambda: checksum(halves[1]))
        return combine_crc(checksum(halves[0]), second.result(), len(halves[1]))

    def close(self) -> None:
        """Wait for the work that was begun, and end the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


class Digest:
    """The SHA-256 of one content, given piece by piece; a piece must not change before :meth:`wait`."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._hash = hashlib.sha256()
        self._waiting: deque[Content] = deque()
        self._busy = False
        self._abandoned = False
        self._lock = Lock()
        self._work: Future[None] | None = None

    def update(self, piece: Content) -> None:
        """Add a piece after those that were given before."""
        with self._lock:
            if not self._busy and len(piece) <= LARGE:
                self._hash.update(piece)
                return
            self._waiting.append(piece)
            if not self._busy:
                self._busy = True
                self._work = self._workers.submit(self._drain)

    def wait(self) -> None:
        """Return when every piece was hashed; raises what hashing raised."""
        if self._work is not None:
            self._work.result()

    def abandon(self) -> None:
        """Forget the pieces that wait, and with them the digest."""
        with self._lock:
            self._abandoned = self._abandoned or bool(self._waiting)
            self._waiting.clear()

    def hexdigest(self) -> str:
        """The digest of all pieces so far, in hexadecimal."""
        if self._abandoned:
            raise StrongboxError("expected a member that was written, found one whose archive failed before its end.")
        self.wait()
        return self._hash.hexdigest()

    def _drain(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._busy = False
                    return
                piece = self._waiting.popleft()
            self._hash.update(piece)
