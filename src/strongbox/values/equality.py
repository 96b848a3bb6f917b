"""Equality of values by content: arrays with arrays, NaN equal to NaN, types told apart."""

from __future__ import annotations

from collections import deque
from dataclasses import fields, is_dataclass
from typing import Any

import numpy

__all__ = ["same"]


def same(left: Any, right: Any) -> bool:
    """Whether two values are of the same types and hold the same content, bit for bit in arrays.

    ``True`` and ``1``, a tuple and a list, float32 and float64 differ; NaN equals NaN.
    """
    if type(left) is not type(right):
        return False
    if isinstance(left, numpy.ndarray | numpy.generic):
        return bool(left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes())
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, deque):
        return left.maxlen == right.maxlen and _same_items(left, right)
    if isinstance(left, list | tuple):
        return _same_items(left, right)
    if isinstance(left, float):
        return left == right or (left != left and right != right)
    if is_dataclass(left) and not isinstance(left, type):
        return all(same(getattr(left, f.name), getattr(right, f.name)) for f in fields(left) if f.compare)
    return bool(left == right)


def _same_items(left: Any, right: Any) -> bool:
    return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
