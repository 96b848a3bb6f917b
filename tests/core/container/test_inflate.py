"""Deflated members cost what they declare and not a byte more (CVE-2026-15310)."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.container import read_directory
from strongbox.container.inflate import inflate
from strongbox.errors import FormatError
from tests.core.container.zips import EXAMPLES, Entry, build, deflate

MEBIBYTE = 1 << 20
HELLO = deflate(b"hello")


@pytest.mark.parametrize("size", [0, 1, 1000, MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1, 5 * MEBIBYTE])
@pytest.mark.parametrize("level", [0, 9])
def test_what_was_deflated_comes_back(size: int, level: int) -> None:
    content = (b"strongbox" * (size // 9 + 1))[:size]
    machine = zlib.compressobj(level, zlib.DEFLATED, -15)
    stored = machine.compress(content) + machine.flush()
    pieces = list(inflate(memoryview(stored), size))
    assert b"".join(pieces) == content
    assert all(len(piece) <= MEBIBYTE for piece in pieces)


BROKEN = {
    "longer than declared": (HELLO, 4, "found more"),
    "shorter than declared": (HELLO, 6, "found 5"),
    "cut short": (HELLO[:-1], 5, "beginning"),
    "nothing": (b"", 0, "beginning"),
    "no stream": (b"\xff" * 10, 5, "found none"),
    "bytes after the stream": (HELLO + b"!", 5, "after its end"),
    "far after the stream": (HELLO + bytes(3 * MEBIBYTE), 5, "after its end"),
    "a second stream": (HELLO + HELLO, 10, "after its end"),
    "a zlib header": (zlib.compress(b"hello"), 5, "found none"),
}


@pytest.mark.parametrize(("stored", "size", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_streams_are_refused(stored: bytes, size: int, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        list(inflate(memoryview(stored), size))


def test_a_bomb_goes_off_in_one_piece() -> None:
    stored = deflate(bytes(200 * MEBIBYTE))
    claim: dict[str, int | bytes] = {"size": len(stored)}
    archive = build(Entry(content=b"", stored=stored, deflated=True, local=dict(claim), central=dict(claim)))
    directory = read_directory(archive)
    tracemalloc.start()
    try:
        for action in (directory.read, directory.span, directory.verify):
            with pytest.raises(FormatError, match="found more"):
                action("data")
        assert tracemalloc.get_traced_memory()[1] < 4 * MEBIBYTE
    finally:
        tracemalloc.stop()


@EXAMPLES
@given(stored=st.binary(max_size=200), size=st.integers(0, 300))
def test_any_stream_gives_its_size_or_an_error(stored: bytes, size: int) -> None:
    try:
        content = b"".join(inflate(memoryview(stored), size))
    except FormatError:
        return
    assert len(content) == size
    assert content == zlib.decompress(stored, -15)
