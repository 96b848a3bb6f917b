"""Equality of values by content: arrays with arrays, NaN equal to NaN, types told apart."""

from __future__ import annotations

from collections import deque
from dataclasses import fields, is_dataclass
from math import copysign
from typing import Any

import numpy

__all__ = ["same"]


def same(left: Any, right: Any) -> bool:
    """Whether two values are of the same types and hold the same content, bit for bit in arrays.

    ``True`` and ``1``, 0.0 and -0.0, a tuple and a list, float32 and float64 differ; NaN equals NaN.
    Dictionaries are the same when their items are, in the same order.
    """
    if type(left) is not type(right):
        return False
    if isinstance(left, numpy.ndarray | numpy.generic):
        return bool(left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes())
    if isinstance(left, dict):
        return _same_items(left, right) and _same_items(left.values(), right.values())
    if isinstance(left, deque):
        return left.maxlen == right.maxlen and _same_items(left, right)
    if isinstance(left, list | tuple):
        return _same_items(left, right)
    if isinstance(left, set | frozenset):
        return _same_elements(left, right)
    if isinstance(left, float):
        return (left == right and copysign(1, left) == copysign(1, right)) or (left != left and right != right)
    if is_dataclass(left) and not isinstance(left, type):
        return all(same(getattr(left, f.name), getattr(right, f.name)) for f in fields(left) if f.compare)
    return bool(left == right)


def _same_items(left: Any, right: Any) -> bool:
    return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))


def _same_elements(left: Any, right: Any) -> bool:
    partners = {element: element for element in right}
    return len(left) == len(right) and all(element in partners and same(element, partners[element]) for element in left)
