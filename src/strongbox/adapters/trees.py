"""Live state dicts as trees that the archive's writer takes, without copying a tensor.

A tensor of the CPU is described by where its memory lies; one of an accelerator is fetched when its
turn to be written comes, so that only one at a time is in memory.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any

import numpy
import torch

from ..errors import UnsupportedError
from ..tensors import StorageData, TensorData, contiguous_strides
from .dtypes import TORCH_DTYPES

__all__ = ["describe_tensor", "describe_tree"]

_NAMES = {dtype: name for name, dtype in TORCH_DTYPES.items()}


def describe_tree(value: Any, path: str = "") -> Any:
    """A state dict with every tensor described; raises UnsupportedError, naming the path, for a sparse one."""
    if isinstance(value, torch.Tensor):
        return describe_tensor(value, path)
    if isinstance(value, OrderedDict):
        tree = OrderedDict((key, describe_tree(item, f"{path}.{key}")) for key, item in value.items())
        metadata = getattr(value, "_metadata", {})
        if any(item.get("version", 1) != 1 for item in metadata.values()):
            # A version of 1 says no more than none does.
            tree._metadata = metadata  # type: ignore[attr-defined]
        return tree
    if isinstance(value, Mapping):
        return {key: describe_tree(item, f"{path}.{key}") for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)([describe_tree(item, f"{path}.{index}") for index, item in enumerate(value)])
    return value


def describe_tensor(tensor: torch.Tensor, path: str = "") -> TensorData:
    """One tensor, described by its memory.

    How tensors lie in memory is no part of the agent: each is written as its own elements, in order,
    except that what is the same memory is written once.
    """
    name = _NAMES.get(tensor.dtype)
    if name is None or tensor.layout is not torch.strided or tensor.is_quantized:
        raise UnsupportedError(
            f"expected a dense tensor of a common type at {path}, found {tensor.layout} of {tensor.dtype}.",
            hint="Leave its state dict out, or convert it.",
        )
    requires_grad = tensor.requires_grad
    plain = tensor.detach() if requires_grad else tensor
    if plain.is_complex():
        plain = plain.resolve_conj().resolve_neg()
    shape = tuple(plain.shape)
    return TensorData(
        dtype=name,
        shape=shape,
        strides=contiguous_strides(shape),
        storage_offset=0,
        storage=_describe_memory(plain, name),
        requires_grad=requires_grad,
        parameter=type(tensor) is not torch.Tensor and isinstance(tensor, torch.nn.Parameter),
    )


def _describe_memory(tensor: torch.Tensor, dtype: str) -> StorageData:
    nbytes = tensor.nbytes
    if tensor.is_cpu and tensor.is_contiguous():
        identity: Hashable = ("cpu", tensor.data_ptr(), nbytes) if nbytes else None
        return StorageData(buffer=_memory(tensor), dtype=dtype, identity=identity)
    identity = (str(tensor.device), tensor.data_ptr(), nbytes, tensor.stride()) if nbytes else None
    return StorageData(buffer=functools.partial(_fetch, tensor), dtype=dtype, identity=identity, nbytes=nbytes)


def _fetch(tensor: torch.Tensor) -> memoryview:
    return _memory(tensor.cpu().contiguous())


def _memory(tensor: torch.Tensor) -> memoryview:
    """The bytes of a contiguous tensor of the CPU; they keep it alive."""
    elements = tensor.view(torch.uint16).numpy() if tensor.dtype is torch.bfloat16 else tensor.numpy()
    memory: memoryview = elements.reshape(-1).view(numpy.uint8).data
    return memory
