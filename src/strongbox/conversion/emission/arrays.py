"""Arrays, scalars and dtypes of numpy.

``numpy.core.multiarray`` moved to ``numpy._core.multiarray`` in numpy 2. The old name still gives
``_reconstruct`` and ``scalar`` without a warning there, for the sake of old pickles
(``numpy/core/multiarray.py``), while numpy 1.24 does not have the new one. ``_frombuffer``, which protocol 5
uses, warns under its old name and is not used.
"""

from __future__ import annotations

from typing import Any

import numpy

from ...pickles import Call, Global, Node
from .emitters import Emit, Emitter, Emitters

__all__ = ["EMITTERS", "array_node", "dtype_node", "emitter_of", "scalar_node"]

MULTIARRAY = "numpy.core.multiarray"


def dtype_node(dtype: numpy.dtype[Any]) -> Node:
    """A dtype of numbers or text, little-endian where its bytes have an order."""
    pattern = dtype.newbyteorder("<").str
    call = Call(Global("numpy", "dtype"), (pattern[1:], False, True))
    call.has_state = True
    if dtype.kind == "U":
        call.state = (3, "<", None, None, None, dtype.itemsize, 4, 8)
    elif dtype.kind == "S":
        call.state = (3, "|", None, None, None, dtype.itemsize, 1, 0)
    else:
        call.state = (3, pattern[0], None, None, None, -1, -1, 0)
    return call


def array_node(array: numpy.ndarray[Any, Any]) -> Node:
    """An array, its elements in C order."""
    call = Call(Global(MULTIARRAY, "_reconstruct"), (Global("numpy", "ndarray"), (0,), b"b"))
    call.has_state, call.state = True, (1, array.shape, dtype_node(array.dtype), False, content(array))
    return call


def scalar_node(scalar: numpy.generic) -> Node:
    """A scalar."""
    return Call(Global(MULTIARRAY, "scalar"), (dtype_node(scalar.dtype), content(numpy.asarray(scalar))))


def content(array: numpy.ndarray[Any, Any]) -> bytes:
    """The bytes of an array's elements, little-endian, in C order."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def emit_array(emit: Emit, value: numpy.ndarray[Any, Any]) -> Node:
    """An array."""
    return array_node(value)


def emit_scalar(emit: Emit, value: numpy.generic) -> Node:
    """A scalar."""
    return scalar_node(value)


def emit_dtype(emit: Emit, value: numpy.dtype[Any]) -> Node:
    """A dtype."""
    return dtype_node(value)


def emitter_of(value: Any) -> Emitter | None:
    """The emitter of a scalar or dtype, each of which has a type of its own."""
    if isinstance(value, numpy.generic):
        return emit_scalar
    return emit_dtype if isinstance(value, numpy.dtype) else None


EMITTERS: Emitters = {numpy.ndarray: emit_array}
