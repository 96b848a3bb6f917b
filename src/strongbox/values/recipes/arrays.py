"""Recipes for numpy: dtypes, arrays in both layouts of pickle, scalars.

A dtype is built by its pattern (a letter for the kind, digits for the size), an array from its bytes;
numpy's own unpickling is never used, since it trusts what it is given: an array of objects with too
short a list crashes it.

Source: ``numpy/_core/src/multiarray/descriptor.c`` (``arraydescr_reduce``) and ``methods.c``
(``array_reduce``, ``array_setstate``), ``numpy/_core/numeric.py`` (``_frombuffer``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy

from ...errors import FormatError
from ...pickles import Call, Global, Node
from ..checks import Array, check, kind_of, shape_array, whole
from ..names import current_name
from .recipe import Recipe, Table

if TYPE_CHECKING:
    from .building import Builder

__all__ = ["RECIPES", "read_dtype"]

NUMBER_PATTERN = re.compile(r"b1|[iu][1248]|f[248]|c8|c16")
TEXT_PATTERN = re.compile(r"[US]([1-9][0-9]{0,5})")
BYTE_ORDERS = frozenset("<>|=")


def build_dtype(builder: Builder, call: Call) -> numpy.dtype[Any]:
    """A dtype of numbers or of text of a fixed length."""
    pattern = call.arguments[0]
    check(all(type(flag) in (bool, int) for flag in call.arguments[1:]), "expected two flags for a dtype")
    if type(pattern) is not str or not (NUMBER_PATTERN.fullmatch(pattern) or TEXT_PATTERN.fullmatch(pattern)):
        raise FormatError("expected a dtype of numbers or text, found another")
    dtype = numpy.dtype(pattern)
    return dtype.newbyteorder(read_byte_order(call.state)) if call.has_state else dtype


def read_byte_order(state: Node) -> Literal["<", ">", "="]:
    """The byte order in a dtype's state, which otherwise must say that there is nothing special."""
    if type(state) is not tuple or not 8 <= len(state) <= 9 or state[0] not in (3, 4):
        raise FormatError("expected the state of a plain dtype")
    order, *special = state[1:5]
    if type(order) is not str or order not in BYTE_ORDERS:
        raise FormatError("expected the byte order of a dtype")
    check(special == [None, None, None], "expected a dtype without fields and parts")
    # "|" is numpy's sign for elements whose bytes have no order.
    return "=" if order == "|" else cast(Literal["<", ">", "="], order)


def read_dtype(builder: Builder, node: Node) -> numpy.dtype[Any]:
    """The dtype that a node stands for."""
    dtype = builder.value(node)
    if not isinstance(dtype, numpy.dtype):
        raise FormatError(getattr(dtype, "reason", f"expected a dtype, found {kind_of(dtype)}"))
    return dtype


def build_array(builder: Builder, call: Call) -> Array:
    """An array in the layout of protocols up to 4: an empty one, and a state that fills it."""
    kind, sizes, letter = call.arguments
    check(is_plain_array(kind), "expected a plain array, found a subclass")
    letter = builder.value(letter)  # Protocol 2 has no bytes, and calls for them.
    check(sizes == (0,) and type(letter) in (bytes, str) and letter in (b"b", "b"), "expected an empty array to fill")
    state = call.state
    if type(state) is not tuple or len(state) not in (4, 5):
        raise FormatError("expected a shape, a dtype, an order and bytes for an array")
    if len(state) == 5:
        whole(state[0], "the version of an array", 0, 1)
    sizes, dtype, fortran, content = state[-4:]
    check(type(fortran) in (bool, int), "expected a flag for the order of an array")
    row = builder.elements(content, read_dtype(builder, dtype))
    return shape_array(row, read_shape(builder, sizes), "F" if fortran else "C")


def is_plain_array(node: Node) -> bool:
    """Whether a node names numpy's array class itself."""
    return type(node) is Global and current_name(node.module, node.name) == ("numpy", "ndarray")


def build_array_from_buffer(builder: Builder, call: Call) -> Array:
    """An array in the layout of protocol 5: its bytes, dtype, shape and order."""
    content, dtype, sizes, order = call.arguments
    check(order in ("C", "F"), "expected an array in C or F order")
    return shape_array(builder.elements(content, read_dtype(builder, dtype)), read_shape(builder, sizes), order)


def read_shape(builder: Builder, node: Node) -> tuple[int, ...]:
    """The sizes of an array."""
    if type(node) is not tuple or not all(type(size) is int for size in node):
        raise FormatError("expected a tuple of sizes for an array")
    return node


def build_scalar(builder: Builder, call: Call) -> numpy.generic:
    """A scalar of numpy, of the dtype's own type."""
    row = builder.elements(call.arguments[1], read_dtype(builder, call.arguments[0]))
    scalar: numpy.generic = shape_array(row, (1,))[0]
    return scalar


def build_encoded(builder: Builder, call: Call) -> bytes:
    """Bytes as protocol 2 writes them, as text in Latin-1."""
    text, encoding = builder.value(call.arguments[0]), call.arguments[1]
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise FormatError("expected text in Latin-1")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise FormatError("expected text in Latin-1, found other characters") from None


RECIPES: Table = {
    ("numpy", "dtype"): Recipe(build_dtype, (1, 2, 3), uses=("state",)),
    ("numpy._core.multiarray", "_reconstruct"): Recipe(build_array, (3,), uses=("state",)),
    ("numpy._core.numeric", "_frombuffer"): Recipe(build_array_from_buffer, (4,)),
    ("numpy._core.multiarray", "scalar"): Recipe(build_scalar, (2,)),
    ("_codecs", "encode"): Recipe(build_encoded, (2,)),
}
