"""CRC-32, as zip uses it, and how to get the CRC of two parts together without reading them again.

A CRC is the remainder of a polynomial over the field of two elements. Appending ``n`` bytes multiplies
the first part's polynomial by x^(8n), so the CRC of a whole is the first CRC times x^(8n), modulo the
CRC-32 polynomial, plus the second CRC; both conditionings, before and after, cancel out. Numbers
here are bit-reversed, as in zlib: the coefficient of x^0 is the highest of the 32 bits.

Source: zlib 1.3, crc32.c, crc32_combine. Here x^(8n) is a product of one cached factor for each
byte of n.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

__all__ = ["CHUNK", "checksum", "combine_crc"]

CHUNK = 4 << 20
"""Bytes worked on in one step: large enough to be fast, small enough to be interrupted in between."""

POLYNOMIAL = 0xEDB88320
ONE = 0x80000000
X_TO_8 = 0x00800000


def checksum(content: bytes | bytearray | memoryview, crc: int = 0) -> int:
    """The CRC-32 of ``content``, or of what had ``crc`` before with ``content`` after it."""
    if len(content) <= CHUNK:
        return zlib.crc32(content, crc)
    view = memoryview(content)
    for start in range(0, len(view), CHUNK):
        crc = zlib.crc32(view[start : start + CHUNK], crc)
    return crc


def combine_crc(first: int, second: int, second_length: int) -> int:
    """The CRC-32 of two parts in a row, from the CRCs of both and the length in bytes of the second."""
    product = first
    digit = 0
    while second_length:
        if second_length & 0xFF:
            product = multiply(byte_shift(second_length & 0xFF, digit), product)
        second_length >>= 8
        digit += 1
    return product ^ second


@lru_cache(maxsize=2048)
def byte_shift(value: int, digit: int) -> int:
    """x^(8 · value · 256^digit): the factor for one base-256 digit of a length in bytes."""
    if value > 1:
        return multiply(byte_shift(value // 2, digit), byte_shift(value - value // 2, digit))
    if digit == 0:
        return X_TO_8
    return multiply(byte_shift(255, digit - 1), byte_shift(1, digit - 1))


def multiply(first: int, second: int) -> int:
    """The product of two bit-reversed polynomials, modulo the CRC-32 polynomial."""
    product = 0
    while first:
        if first & ONE:
            product ^= second
        first = (first << 1) & 0xFFFFFFFF
        second = (second >> 1) ^ POLYNOMIAL if second & 1 else second >> 1
    return product
