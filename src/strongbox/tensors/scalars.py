"""Recipes of single values: sizes, devices, bytes, and numbers of numpy's.

Each takes a call, checks the number, type and range of its arguments, and builds from plain values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from ..errors import FormatError, RefusedError
from ..pickles import Call, Node
from .names import called, described
from .tensor import TorchName

__all__ = ["SCALAR_RECIPES", "arguments", "flag", "size"]


def arguments(call: Call, fewest: int, most: int | None = None) -> tuple[Node, ...]:
    """The arguments of a call that is one and no more: nothing is set on its result afterwards."""
    if call.kind != "reduce" or call.keywords or call.appended or call.items or call.has_state:
        raise RefusedError(f"expected a plain call of {call.path}, found one whose result is changed afterwards.")
    if not fewest <= len(call.arguments) <= (most or fewest):
        raise FormatError(f"expected {fewest} arguments of {call.path}, found {len(call.arguments)}.")
    return call.arguments


def size(node: Node) -> tuple[int, ...]:
    """Sizes or strides, as a tuple or a torch.Size; Geometry checks what is in it."""
    if called(node) == ("torch", "Size"):
        return _torch_size(node)
    if type(node) is not tuple:
        raise FormatError(f"expected sizes and strides in tuples, found {described(node)}.")
    return node


def flag(node: Node) -> bool:
    """True or False."""
    if type(node) is not bool:
        raise FormatError(f"expected True or False for requires_grad, found {described(node)}.")
    return node


def _torch_size(call: Call) -> tuple[int, ...]:
    (sizes,) = arguments(call, 1)
    if type(sizes) not in (tuple, list) or not all(type(number) is int for number in sizes):
        raise FormatError(f"expected whole numbers in torch.Size, found {described(sizes)}.")
    return tuple(sizes)


def _torch_device(call: Call) -> TorchName:
    kind, *index = arguments(call, 1, 2)
    named = type(kind) is str and kind.isascii() and len(kind) <= 32
    if not named or not all(type(number) is int and 0 <= number < 1024 for number in index):
        raise FormatError("expected the name and number of a device in torch.device, found something else.")
    return TorchName("device", ":".join((kind, *(str(number) for number in index))))


def _encoded_bytes(call: Call) -> bytes:
    """Bytes as protocol 2 writes them: text in which each character stands for one byte."""
    text, encoding = arguments(call, 2)
    if type(text) is not str or type(encoding) is not str or encoding != "latin1":
        raise FormatError("expected text in latin1 as bytes of protocol 2, found something else.")
    try:
        return text.encode("latin1")
    except UnicodeEncodeError:
        raise FormatError("expected characters below 256 in bytes of protocol 2, found others.") from None


def _numpy_scalar(call: Call) -> Any:
    """A number of numpy's, which an optimizer holds where a schedule returned one (SB3 issue 1900)."""
    type_node, content = arguments(call, 2)
    if called(content) == ("_codecs", "encode"):
        content = _encoded_bytes(content)
    dtype = _numpy_dtype(type_node)
    if type(content) is not bytes or len(content) != dtype.itemsize:
        raise FormatError(f"expected {dtype.itemsize} bytes of a numpy {dtype}, found {described(content)}.")
    return numpy.frombuffer(content, dtype)[0]


def _numpy_dtype(node: Node) -> numpy.dtype[Any]:
    if called(node) != ("numpy", "dtype"):
        raise FormatError(f"expected numpy.dtype, found {described(node)}.")
    code = node.arguments[0] if node.arguments else None
    if type(code) is not str or code not in _NUMPY_CODES:
        raise RefusedError("expected the type of a number in numpy.dtype, found another.")
    if node.kind != "reduce" or node.keywords or node.items or node.appended or len(node.arguments) > 3:
        raise RefusedError("expected a plain numpy.dtype, found one that is changed afterwards.")
    dtype: numpy.dtype[Any] = numpy.dtype(code).newbyteorder(_byte_order(node.state) if node.has_state else "<")
    return dtype


def _byte_order(state: Node) -> Any:
    """The byte order in a dtype's state, a tuple such as ``(3, '<', None, None, None, -1, -1, 0)``."""
    if type(state) is not tuple or len(state) < 5 or type(state[1]) is not str or state[1] not in _BYTE_ORDERS:
        raise FormatError("expected the state of a numpy.dtype, found something else.")
    if any(part is not None for part in state[2:5]):
        raise RefusedError("expected the type of a number, found a structured one.")
    return _BYTE_ORDERS[state[1]]


_NUMPY_CODES = frozenset(("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"))
_BYTE_ORDERS = {"<": "<", ">": ">", "|": "<"}

SCALAR_RECIPES: dict[tuple[str, str], Callable[[Call], Any]] = {
    ("torch", "Size"): _torch_size,
    ("torch", "device"): _torch_device,
    ("_codecs", "encode"): _encoded_bytes,
    ("numpy.core.multiarray", "scalar"): _numpy_scalar,
    ("numpy._core.multiarray", "scalar"): _numpy_scalar,
}
"""By the exact module and name of what is called."""
