"""What is packed comes out as it was; what does not get smaller stays as it is; bytes that lie are refused."""

from __future__ import annotations

import sys
import zlib

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.checkpoints.replay.codecs import CODECS, Packed, choose_codec, pack, unpack
from strongbox.errors import FormatError, MissingExtra


def codec_names() -> list[str]:
    return [name for name in CODECS if name in ("none", "zlib", choose_codec())]


@given(
    content=st.binary(max_size=300),
    times=st.integers(1, 40),
    width=st.sampled_from([1, 2, 4, 8, 16]),
    codec=st.sampled_from(codec_names()),
)
def test_what_is_packed_comes_out(content: bytes, times: int, width: int, codec: str) -> None:
    kind = {1: "|u1", 2: "<u2", 4: "<f4", 8: "<f8", 16: "<c16"}[width]
    array = numpy.frombuffer((content * times)[: len(content) * times // width * width], kind)
    packed = pack(array, codec)
    assert unpack(packed, array.nbytes).tobytes() == array.tobytes()
    assert len(packed.stored) <= array.nbytes


def test_noise_stays_as_it_is_without_a_copy() -> None:
    noise = numpy.random.default_rng(0).integers(0, 256, 1 << 20, numpy.uint8)
    packed = pack(noise, choose_codec())
    assert (packed.codec, packed.shuffle) == ("none", 1)
    assert numpy.shares_memory(numpy.frombuffer(packed.stored, numpy.uint8), noise)


def test_numbers_that_change_slowly_have_their_bytes_laid_apart() -> None:
    slow = numpy.linspace(1.0, 1.001, 10_000, dtype="<f4")
    packed = pack(slow, choose_codec())
    assert packed.shuffle == 4
    assert len(packed.stored) < slow.nbytes / 2


def test_a_part_of_which_only_the_middle_gets_smaller_stays_as_it_is() -> None:
    noise = numpy.random.default_rng(0).integers(0, 256, 2_000_000, numpy.uint8)
    noise[900_000:1_100_000] = 0
    assert pack(noise, choose_codec()).codec == "none"


def packed_by(codec: str, content: bytes) -> memoryview:
    return memoryview(CODECS[codec].pack(content))


def broken(codec: str) -> list[bytes]:
    whole = bytes(packed_by(codec, bytes(1000)))
    return [b"", whole[:-1], whole + b"\0", b"x" + whole, bytes(packed_by(codec, bytes(999))), b"\0" * 30]


@pytest.mark.parametrize("codec", [name for name in codec_names() if name != "none"])
@pytest.mark.parametrize("number", range(6))
def test_bytes_that_are_not_those_are_refused(codec: str, number: int) -> None:
    with pytest.raises(FormatError):
        unpack(Packed(codec, 1, broken(codec)[number]), 1000)


@pytest.mark.parametrize("codec", [name for name in codec_names() if name != "none"])
def test_no_more_is_taken_than_was_said(codec: str) -> None:
    bomb = packed_by(codec, bytes(1 << 26))
    with pytest.raises(FormatError):
        unpack(Packed(codec, 1, bomb), 1000)


def test_elements_are_whole() -> None:
    with pytest.raises(FormatError, match="whole elements"):
        unpack(Packed("zlib", 8, zlib.compress(bytes(12))), 12)


def test_without_zstandard_zlib_is_written_and_zstd_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    assert choose_codec() == "zlib"
    with pytest.raises(MissingExtra, match=r"strongbox\[checkpoints\]"):
        unpack(Packed("zstd", 1, b"x"), 10)


def test_zstd_is_chosen_where_it_is_installed() -> None:
    pytest.importorskip("zstandard")
    assert choose_codec() == "zstd"
