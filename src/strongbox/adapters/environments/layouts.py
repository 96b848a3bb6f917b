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

__all__ = ["copy_array", "lay_out", "lay_out_like", "layout_of", "layouts_of"]

MAPPINGS = (dict, OrderedDict)
SEQUENCES = (list, tuple, deque)
HOLDERS = frozenset({numpy.ndarray, *MAPPINGS, *SEQUENCES})


def copy_array(array: numpy.ndarray[Any, Any]) -> numpy.ndarray[Any, Any]:
    """A copy in which the axes follow each other as they do in the original."""
    return _arrange(array, _axes_of(array))


def layout_of(value: Any) -> Any:
    """How the arrays in plain data lie: None where all of them lie as usual.

    Otherwise for an array its axes, the slowest first; for a container those of its items by key or index, of which
    only the unusual ones are there.
    """
    kind = type(value)
    if kind is numpy.ndarray:
        axes = _axes_of(value)
        return None if axes == sorted(axes) else axes
    if kind in MAPPINGS:
        return _layouts(value.items())
    return _layouts(enumerate(value)) if kind in SEQUENCES else None


def layouts_of(values: dict[str, Any]) -> dict[str, Any]:
    """How the arrays in each of several values lie, by name."""
    return layout_of(values) or {}


def lay_out(value: Any, layout: Any) -> Any:
    """Plain data with its arrays in a layout that :func:`layout_of` gave; raises CheckpointError where it is none."""
    kind = type(value)
    if layout is None:
        return value
    if kind is numpy.ndarray and type(layout) is list and all(type(axis) is int for axis in layout):
        if sorted(layout) == list(range(value.ndim)):
            return _arrange(value, layout)
    elif kind in MAPPINGS and type(layout) is dict and layout.keys() <= value.keys():
        return kind((key, lay_out(item, layout.get(key))) for key, item in value.items())
    elif kind in SEQUENCES and type(layout) is dict and layout.keys() <= set(range(len(value))):
        items = [lay_out(item, layout.get(index)) for index, item in enumerate(value)]
        return deque(items, value.maxlen) if kind is deque else kind(items)
    raise CheckpointError(f"expected the order of axes of the arrays in a {kind.__name__}, found another layout.")


def lay_out_like(value: Any, live: Any) -> Any:
    """Plain data with its arrays as they lie in live data of the same form; as it is where the form is another."""
    try:
        return lay_out(value, layout_of(live))
    except CheckpointError:
        return value


def _layouts(items: Iterable[tuple[Any, Any]]) -> dict[Any, Any] | None:
    held = ((key, layout_of(item)) for key, item in items if type(item) in HOLDERS)
    return {key: layout for key, layout in held if layout is not None} or None


def _axes_of(array: numpy.ndarray[Any, Any]) -> list[int]:
    """The axes of an array, the slowest first.

    An axis of one item may have the same stride as another. It comes after that one, where numpy gives it the
    same stride again: torch looks at the strides of such axes, too.
    """
    strides, shape = array.strides, array.shape
    return sorted(range(array.ndim), key=lambda axis: (-abs(strides[axis]), shape[axis] == 1, axis))


def _arrange(array: numpy.ndarray[Any, Any], axes: list[int]) -> numpy.ndarray[Any, Any]:
    """A copy in which the axes follow each other in a given order."""
    if axes == sorted(axes):
        return numpy.array(array, order="C")
    copied: numpy.ndarray[Any, Any] = numpy.empty([array.shape[axis] for axis in axes], array.dtype).transpose(
        numpy.argsort(axes)
    )
    copied[...] = array
    return copied
