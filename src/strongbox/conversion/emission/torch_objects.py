"""Tensors, devices, dtypes and sizes of torch.

A tensor in data carries its storage as a file of its own, in torch's older layout (``torch.storage._load_from_bytes``):
five pickles, then the number of elements and their bytes. Source: ``torch/serialization.py``, ``_legacy_save``.
"""

from __future__ import annotations

from typing import Any

import numpy

from ...errors import UnsupportedError
from ...pickles import Call, Global, Node, PersistentId, encode
from ...tensors import DTYPES, contiguous_strides
from ...values import Device, TorchDtype, TorchSize, TorchTensor
from .emitters import Emit, Emitters

__all__ = ["EMITTERS"]

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
SYSTEM = {
    "protocol_version": PROTOCOL,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}
KEY = "0"


def emit_tensor(emit: Emit, value: TorchTensor) -> Node:
    """A tensor or parameter, its elements in a row.

    torch writes unsigned integers of more than one byte so that no torch reads them again (2.13, run).
    """
    if DTYPES[value.dtype].storage_class is None:
        raise UnsupportedError(f"expected a tensor that torch reads from a pickle, found one of {value.dtype}.")
    shape = value.array.shape
    storage = Call(Global("torch.storage", "_load_from_bytes"), (storage_file(value),))
    grad = value.requires_grad and not value.parameter
    arguments = (storage, 0, shape, contiguous_strides(shape), grad, no_hooks())
    node = Call(Global("torch._utils", "_rebuild_tensor_v2"), arguments)
    if value.parameter:
        node = Call(Global("torch._utils", "_rebuild_parameter"), (node, value.requires_grad, no_hooks()))
    return node


def storage_file(value: TorchTensor) -> bytes:
    """The elements of a tensor as a file of torch's older layout."""
    dtype = DTYPES[value.dtype]
    content = stored(value).tobytes()
    count = len(content) // dtype.itemsize
    description = PersistentId(("storage", Global("torch", str(dtype.storage_class)), KEY, value.device, count, None))
    pickles = (MAGIC, PROTOCOL, SYSTEM, description, [KEY])
    return b"".join([*(encode(part, protocol=2) for part in pickles), count.to_bytes(8, "little"), content])


def stored(value: TorchTensor) -> numpy.ndarray[Any, Any]:
    """The elements as torch lays them in a file: of a bfloat16 the upper half of the float32."""
    array = numpy.ascontiguousarray(value.array)
    if value.dtype == "bfloat16":
        halves: numpy.ndarray[Any, Any] = array.astype("<f4").view("<u2").reshape(*array.shape, 2)[..., 1]
        return halves
    plain: numpy.ndarray[Any, Any] = array.astype(DTYPES[value.dtype].stored, copy=False)
    return plain


def no_hooks() -> Node:
    """The empty ordered dictionary in which a tensor keeps its hooks."""
    return Call(Global("collections", "OrderedDict"), ())


def emit_device(emit: Emit, value: Device) -> Node:
    """A device, by its type and its index."""
    kind, _, index = value.name.partition(":")
    return Call(Global("torch", "device"), (kind, *([int(index)] if index.isdecimal() else [])))


def emit_dtype(emit: Emit, value: TorchDtype) -> Node:
    """A dtype, which is a name."""
    return Global("torch", value.name)


def emit_size(emit: Emit, value: TorchSize) -> Node:
    """A torch.Size."""
    return Call(Global("torch", "Size"), (value.sizes,))


EMITTERS: Emitters = {
    TorchTensor: emit_tensor,
    Device: emit_device,
    TorchDtype: emit_dtype,
    TorchSize: emit_size,
}
