"""How arrays lie in memory: in which order their axes follow each other, which their portable form does not say.

A transposed array holds the same numbers, and what is computed of it has other last bits: numpy adds in the order of
the memory, and torch chooses its kernels by it. So a copy lies as the original does, and the order is kept beside
the numbers wherever it is not the usual one, in which the last index is the fastest.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Any

import numpy

from ...errors import CheckpointError

__all__ = ["arrange", "arrange_like", "axes_by_name", "axes_of", "copy_array"]

MAPPINGS = (dict, OrderedDict)
SEQUENCES = (list, tuple, deque)
HOLDERS = frozenset({numpy.ndarray, *MAPPINGS, *SEQUENCES})


def copy_array(array: numpy.ndarray[Any, Any]) -> numpy.ndarray[Any, Any]:
    """A copy in which the axes follow each other as they do in the original."""
    if array.ndim < 2:
        return numpy.array(array, order="C")
    return _ordered(array, _order_of(array))


def axes_of(value: Any) -> Any:
    """How the arrays in plain data lie: None where all of them lie as usual.

    Otherwise for an array its axes, the slowest first; for a container those of its items by key or index, of which
    only the unusual ones are there.
    """
    kind = type(value)
    if kind is numpy.ndarray:
        if value.ndim < 2:
            return None
        axes = _order_of(value)
        return None if axes == sorted(axes) else axes
    if kind in MAPPINGS:
        return _axes_within(value.items())
    return _axes_within(enumerate(value)) if kind in SEQUENCES else None


def axes_by_name(values: dict[str, Any]) -> dict[str, Any]:
    """How the arrays in each of several values lie, by name."""
    return axes_of(values) or {}


def arrange(value: Any, axes: Any) -> Any:
    """Plain data with its arrays in the order that :func:`axes_of` gave; raises CheckpointError for another one."""
    kind = type(value)
    if axes is None:
        return value
    if kind is numpy.ndarray and type(axes) is list and all(type(axis) is int for axis in axes):
        if sorted(axes) == list(range(value.ndim)):
            return _ordered(value, axes)
    elif kind in MAPPINGS and type(axes) is dict and axes.keys() <= value.keys():
        return kind((key, arrange(item, axes.get(key))) for key, item in value.items())
    elif kind in SEQUENCES and type(axes) is dict and axes.keys() <= set(range(len(value))):
        items = [arrange(item, axes.get(index)) for index, item in enumerate(value)]
        return deque(items, value.maxlen) if kind is deque else kind(items)
    raise CheckpointError(f"expected the order of axes of the arrays in a {kind.__name__}, found another order.")


def arrange_like(value: Any, live: Any) -> Any:
    """Plain data with its arrays as they lie in live data of the same form; as it is where the form is another."""
    try:
        return arrange(value, axes_of(live))
    except CheckpointError:
        return value


def _axes_within(items: Iterable[tuple[Any, Any]]) -> dict[Any, Any] | None:
    held = ((key, axes_of(item)) for key, item in items if type(item) in HOLDERS)
    return {key: axes for key, axes in held if axes is not None} or None


def _order_of(array: numpy.ndarray[Any, Any]) -> list[int]:
    """The axes of an array, the slowest first.

    An axis of one item may have the same stride as another. It comes after that one, where numpy gives it the
    same stride again: torch looks at the strides of such axes, too.
    """
    strides, shape = array.strides, array.shape
    return sorted(range(array.ndim), key=lambda axis: (-abs(strides[axis]), shape[axis] == 1, axis))


def _ordered(array: numpy.ndarray[Any, Any], axes: list[int]) -> numpy.ndarray[Any, Any]:
    """A copy in which the axes follow each other in a given order."""
    if axes == sorted(axes):
        return numpy.array(array, order="C")
    sizes = [array.shape[axis] for axis in axes]
    copied: numpy.ndarray[Any, Any] = numpy.empty(sizes, array.dtype).transpose(numpy.argsort(axes))
    copied[...] = array
    return copied
