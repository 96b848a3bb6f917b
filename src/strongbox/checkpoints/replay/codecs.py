"""Bytes made smaller, where it pays: zstd or zlib, with the bytes of an element laid apart where that helps.

Which of them is decided for each part by a sample from its middle, and kept only where it saves a fifth of the
whole: numbers of a physics simulation are mostly noise, which takes time to read again and gives nothing. Without
``zstandard`` (the extra ``checkpoints``) zlib takes its place.

A reader knows how long the content has to be before it begins, and takes no byte more.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy

from ...errors import FormatError, MissingExtra
from ...values.checks import Array

__all__ = ["CODECS", "Codec", "Packed", "choose_codec", "pack", "unpack"]

SAMPLE = 1 << 18
"""Bytes that are tried; several frames of a game, so that what repeats from frame to frame is seen."""
TINY = 64
"""Bytes that nothing makes smaller to speak of."""
LEAST_SAVING = 1 / 5
ZSTD_LEVEL = 3
ZLIB_LEVEL = 1


@dataclass(frozen=True)
class Codec:
    """A way to make bytes smaller: ``unpack`` is told the length of the content."""

    name: str
    pack: Callable[[Any], bytes]
    unpack: Callable[[memoryview, int], Any]


@dataclass(frozen=True)
class Packed:
    """A content as it is stored; ``shuffle`` is the size of elements whose bytes were laid apart, 1 for none."""

    codec: str
    shuffle: int
    stored: memoryview | bytes


def choose_codec() -> str:
    """The name of the best codec that is installed."""
    return "zlib" if find_spec("zstandard") is None else "zstd"


def pack(content: Array, codec: str) -> Packed:
    """Make an array smaller where it pays; ``codec`` is the one to try, ``"none"`` to try nothing.

    The array's bytes are stored in C order; nothing is copied where nothing is saved.
    """
    plain = as_bytes(content)
    shuffle = content.dtype.itemsize
    if codec == "none" or plain.size < TINY:
        return Packed("none", 1, plain.data)
    size, best = min((len(CODECS[codec].pack(apart(sample_of(plain), width))), width) for width in {1, shuffle})
    if size > (1 - LEAST_SAVING) * min(plain.size, SAMPLE):
        return Packed("none", 1, plain.data)
    stored = CODECS[codec].pack(apart(plain, best))
    if len(stored) > (1 - LEAST_SAVING) * plain.size:
        return Packed("none", 1, plain.data)
    return Packed(codec, best, stored)


def unpack(packed: Packed, size: int) -> Array:
    """The ``size`` bytes of a content, a view where nothing was made smaller.

    Raises FormatError where they are others or not so many, MissingExtra where ``zstandard`` is needed and missing.
    """
    if size % packed.shuffle:
        raise FormatError(f"expected whole elements of {packed.shuffle} bytes, found {size:,} bytes.")
    content = numpy.frombuffer(CODECS[packed.codec].unpack(memoryview(packed.stored), size), numpy.uint8)
    if content.size != size:
        raise FormatError(f"expected {size:,} bytes after {packed.codec}, found {content.size:,}.")
    return together(content, packed.shuffle)


def as_bytes(content: Array) -> Array:
    """The bytes of an array in C order, a view where they lie so already."""
    return numpy.ascontiguousarray(content).reshape(-1).view(numpy.uint8)


def sample_of(plain: Array) -> Array:
    """A run of bytes from the middle, beginning at a whole element of any size."""
    start = max(0, (plain.size - SAMPLE) // 2) // 64 * 64
    return plain[start : start + SAMPLE]


def apart(plain: Array, width: int) -> Array:
    """First bytes of all elements first, then all second bytes, and so on; a rest that fills no element is left out."""
    if width == 1:
        return plain
    whole = plain.size // width * width
    return numpy.ascontiguousarray(plain[:whole].reshape(-1, width).T).reshape(-1)


def together(content: Array, width: int) -> Array:
    """The inverse of :func:`apart`."""
    if width == 1:
        return content
    whole = numpy.empty((content.size // width, width), numpy.uint8)
    for index, part in enumerate(content.reshape(width, -1)):
        whole[:, index] = part  # several times faster than to copy the transposed array
    return whole.reshape(-1)


def pack_zstd(content: Any) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_content_size=True).compress(content)


def unpack_zstd(stored: memoryview, size: int) -> Any:
    try:
        import zstandard
    except ImportError:
        raise MissingExtra("zstandard", "checkpoints", "Reading a segment that was compressed with zstd") from None
    try:
        # Told apart from the limit below, which the library does not keep where the frame names a size.
        declared = zstandard.frame_content_size(stored)
        if declared != size:
            raise FormatError(f"expected a zstd frame of {size:,} bytes, found one that declares {declared:,}.")
        return zstandard.ZstdDecompressor().decompress(stored, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise FormatError(f"expected a zstd frame, found that it does not decompress: {error}.") from None


def unpack_zlib(stored: memoryview, size: int) -> Any:
    machine = zlib.decompressobj()
    try:
        content = machine.decompress(stored, size) + machine.decompress(machine.unconsumed_tail, 1)
    except zlib.error as error:
        raise FormatError(f"expected a zlib stream, found that it does not decompress: {error}.") from None
    if not machine.eof or machine.unused_data or machine.unconsumed_tail:
        raise FormatError(f"expected a zlib stream of {size:,} bytes, found one that does not end there.")
    return content


def unpack_none(stored: memoryview, size: int) -> Any:
    return stored


CODECS = {
    codec.name: codec
    for codec in (
        Codec("none", bytes, unpack_none),
        Codec("zlib", lambda content: zlib.compress(content, ZLIB_LEVEL), unpack_zlib),
        Codec("zstd", pack_zstd, unpack_zstd),
    )
}
"""Every codec that a segment may name."""
