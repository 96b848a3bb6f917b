"""Digests in the background are those of the foreground, whatever the order of the work."""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Iterator

import numpy as np
import pytest

from strongbox.container.checksum import CHUNK
from strongbox.container.digest import LARGE, Digest, Workers
from strongbox.errors import StrongboxError

CONTENT = np.random.default_rng(2).bytes(3 * CHUNK + 1)


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers()
    yield workers
    workers.close()


@pytest.mark.parametrize("seed", range(5))
def test_pieces_of_many_contents_keep_their_order(workers: Workers, seed: int) -> None:
    chance = np.random.default_rng(seed)
    digests = [Digest(workers) for _ in range(4)]
    expected = [hashlib.sha256() for _ in digests]
    for _ in range(60):
        which = int(chance.integers(len(digests)))
        piece = CONTENT[: int(chance.choice([0, 10, LARGE, LARGE + 1, 2 * LARGE]))]
        digests[which].update(piece)
        expected[which].update(piece)
    assert [digest.hexdigest() for digest in digests] == [one.hexdigest() for one in expected]


def test_small_contents_start_no_thread(workers: Workers) -> None:
    before = threading.active_count()
    digest = Digest(workers)
    digest.update(CONTENT[:LARGE])
    assert threading.active_count() == before
    assert digest.hexdigest() == hashlib.sha256(CONTENT[:LARGE]).hexdigest()


def test_what_hashing_raises_is_raised(workers: Workers) -> None:
    view = memoryview(bytearray(2 * LARGE))
    started, go_on = threading.Event(), threading.Event()
    for _ in range(2):
        workers.submit(lambda: wait_for(started, go_on))
    digest = Digest(workers)
    digest.update(view)
    view.release()
    go_on.set()
    with pytest.raises(ValueError, match="released"):
        digest.wait()


def test_an_abandoned_digest_is_no_digest(workers: Workers) -> None:
    started, go_on = threading.Event(), threading.Event()
    for _ in range(2):
        workers.submit(lambda: wait_for(started, go_on))
    digest = Digest(workers)
    digest.update(CONTENT)
    digest.abandon()
    go_on.set()
    with pytest.raises(StrongboxError, match="failed before its end"):
        digest.hexdigest()


def wait_for(started: threading.Event, go_on: threading.Event) -> None:
    started.set()
    assert go_on.wait(timeout=60)


@pytest.mark.parametrize("size", [0, 1, 2 * CHUNK, 2 * CHUNK + 1, len(CONTENT)])
@pytest.mark.parametrize("busy", [False, True])
def test_the_checksum_is_that_of_zlib(workers: Workers, size: int, *, busy: bool) -> None:
    digest = Digest(workers)
    if busy:
        digest.update(CONTENT)
    assert workers.checksum(CONTENT[:size]) == zlib.crc32(CONTENT[:size])
    assert workers.checksum(memoryview(CONTENT)[:size]) == zlib.crc32(CONTENT[:size])
    digest.wait()
