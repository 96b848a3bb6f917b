"""Numbers out of a file, where Python's and numpy's are both at home."""

from __future__ import annotations

from typing import Any

import numpy

from ...errors import FormatError
from ..checks import kind_of

__all__ = ["to_float", "to_whole"]


def to_float(value: Any, what: str = "a number") -> float:
    """A float from a float, an int or a real scalar of numpy, where nothing is lost by it."""
    if type(value) is float:
        return value
    if isinstance(value, numpy.floating):
        return float(value)
    if (type(value) is int or isinstance(value, numpy.integer)) and abs(int(value)) <= 2**53:
        return float(value)
    raise FormatError(f"expected {what} to be a number, found {kind_of(value)}")


def to_whole(value: Any, what: str) -> int:
    """An int from an int, an integer scalar of numpy, or an array of one integer."""
    if type(value) is int:
        return value
    if isinstance(value, numpy.integer):
        return int(value)
    if type(value) is numpy.ndarray and value.dtype.kind in "iu" and value.ndim == 0:
        return int(value)
    raise FormatError(f"expected {what} to be a whole number, found {kind_of(value)}")
