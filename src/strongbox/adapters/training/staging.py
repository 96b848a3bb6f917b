"""Buffers that tensors are copied into while training stands still, used again at every checkpoint.

A copy of state dicts refers to the buffers, which stay as they are until the next copy; so a writer may take its time
while the model goes on learning. Memory that tensors share is copied once, and is one in the copy, too.

What is copied next is mostly what was copied last: a tensor that lies where the one before it lay, and looks at its
memory in the same way, is copied without another look.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any

import numpy
import torch

__all__ = ["CHANGELESS", "Staging"]

OF_NUMPY = frozenset({torch.float32, torch.float64, torch.float16, torch.int64, torch.int32, torch.uint8, torch.bool})
"""The usual types that numpy has, too."""

CHANGELESS = frozenset({type(None), bool, int, float, complex, str, bytes})
"""Types of what needs no copy and has nothing in it."""


class _Buffer:
    """Memory for one tensor; ``array`` is the same memory to numpy, where it has such a type.

    ``key`` says where the memory of the tensor that was copied last lies, and how it looks at it; ``source`` is that
    memory to numpy, which keeps it, so that the same key stands for the same memory.
    """

    __slots__ = ("array", "dtype", "key", "shape", "source", "tensor")

    def __init__(self, tensor: torch.Tensor) -> None:
        self.shape = tensor.shape
        self.dtype = tensor.dtype
        self.tensor = torch.empty(tensor.shape, dtype=tensor.dtype)
        self.array: Any = self.tensor.numpy() if tensor.dtype in OF_NUMPY and tensor.is_cpu else None
        self.key: Hashable = None
        self.source: Any = None

    def fill(self, tensor: torch.Tensor, key: Hashable) -> None:
        """Copy a tensor that is another one than the last."""
        if self.array is None or not tensor.is_cpu:
            self.key = None
            self.tensor.copy_(tensor.detach())
            return
        self.key, self.source = key, tensor.detach().numpy()
        self.array[...] = self.source


class Staging:
    """Buffers on the CPU for the tensors of one model, in the order in which they are met."""

    def __init__(self) -> None:
        self._buffers: list[_Buffer] = []
        self._copies: dict[Hashable, _Buffer] = {}
        self._copied: Any = None

    def copy(self, tree: Any) -> Any:
        """The same tree of mappings and lists, with every tensor in a buffer; an earlier copy is overwritten."""
        self._copies = {}
        self._copied = self._copy(tree)
        del self._buffers[len(self._copies) :]
        return self._copied

    @property
    def may_repeat(self) -> bool:
        """Whether every tensor that was copied last can be copied again from where it lay."""
        return all(buffer.key is not None for buffer in self._buffers)

    def repeat(self) -> Any:
        """Copy the same tensors again, and give the same tree; nothing of it may have moved in the meantime."""
        for buffer in self._buffers:
            numpy.copyto(buffer.array, buffer.source)
        return self._copied

    def _copy(self, item: Any) -> Any:
        kind = type(item)
        if kind in CHANGELESS:
            return item
        if kind is torch.Tensor:
            return self._copy_tensor(item)
        if kind is dict:
            return {key: self._copy(value) for key, value in item.items()}
        if kind is list or kind is tuple:
            return kind([self._copy(value) for value in item])
        if isinstance(item, torch.Tensor):
            return self._copy_tensor(item)
        if isinstance(item, Mapping):
            return self._copy_mapping(item)
        return item.copy() if isinstance(item, numpy.ndarray) else item

    def _copy_mapping(self, mapping: Mapping[Any, Any]) -> dict[Any, Any]:
        items = {key: self._copy(value) for key, value in mapping.items()}
        if not isinstance(mapping, OrderedDict):
            return items
        ordered = OrderedDict(items)
        if hasattr(mapping, "_metadata"):
            ordered._metadata = mapping._metadata  # type: ignore[attr-defined]
        return ordered

    def _copy_tensor(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.layout is not torch.strided or tensor.is_quantized:
            return tensor.detach().clone()  # The writer refuses it.
        strides = None if tensor.is_contiguous() else (tensor.shape, tensor.stride())
        key = (tensor.data_ptr(), tensor.nbytes, tensor.dtype, strides, tensor.device)
        buffer = self._copies.get(key)
        if buffer is None:
            buffer = self._copies[key] = self._filled(len(self._copies), tensor, key)
        copy = buffer.tensor if buffer.shape == tensor.shape else buffer.tensor.view(tensor.shape)
        if type(tensor) is torch.Tensor and not tensor.requires_grad:
            return copy
        return _marked(copy, tensor)

    def _filled(self, number: int, tensor: torch.Tensor, key: Hashable) -> _Buffer:
        """The buffer of a number with a tensor in it, made anew where it is none for such a tensor."""
        if number < len(self._buffers):
            buffer = self._buffers[number]
            if buffer.key == key:
                # torch would share the work among threads, and wait for them: long, where others use the cores, too.
                numpy.copyto(buffer.array, buffer.source)
                return buffer
            if buffer.dtype is tensor.dtype and buffer.shape == tensor.shape:
                buffer.fill(tensor, key)
                return buffer
        buffer = _Buffer(tensor)
        buffer.fill(tensor, key)
        self._buffers[number : number + 1] = [buffer]
        return buffer


def _marked(copy: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """A copy that is a parameter, or asks for gradients, where the tensor does."""
    if isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(copy, requires_grad=tensor.requires_grad)
    return copy.detach().requires_grad_() if tensor.requires_grad else copy
