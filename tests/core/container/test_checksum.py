"""CRC-32 of whole contents from the CRCs of their parts."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.container import checksum, combine_crc
from strongbox.container.checksum import CHUNK
from tests.core.container.zips import EXAMPLES


@EXAMPLES
@given(first=st.binary(max_size=2000), second=st.binary(max_size=2000))
def test_two_parts_give_the_crc_of_the_whole(first: bytes, second: bytes) -> None:
    assert combine_crc(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(first + second)


@EXAMPLES
@given(parts=st.lists(st.binary(max_size=300), max_size=8))
def test_any_number_of_parts_gives_the_crc_of_the_whole(parts: list[bytes]) -> None:
    crc = 0
    for part in parts:
        crc = combine_crc(crc, zlib.crc32(part), len(part))
    assert crc == zlib.crc32(b"".join(parts))


@EXAMPLES
@given(
    crcs=st.tuples(*[st.integers(0, 0xFFFFFFFF)] * 3),
    lengths=st.tuples(st.integers(0, 1 << 48), st.integers(0, 1 << 48)),
)
def test_the_order_of_combining_does_not_matter(crcs: tuple[int, int, int], lengths: tuple[int, int]) -> None:
    left = combine_crc(combine_crc(crcs[0], crcs[1], lengths[0]), crcs[2], lengths[1])
    right = combine_crc(crcs[0], combine_crc(crcs[1], crcs[2], lengths[1]), sum(lengths))
    assert left == right


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 5])
def test_the_checksum_of_large_contents_is_that_of_zlib(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    for kind in (bytes, bytearray, memoryview):
        assert checksum(kind(content[:size])) == zlib.crc32(content[:size])
    assert checksum(content[:size], 7) == zlib.crc32(content[:size], 7)
