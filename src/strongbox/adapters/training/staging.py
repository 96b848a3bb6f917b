"""Buffers that tensors are copied into while training stands still, used again at every checkpoint.

A copy of state dicts refers to the buffers, which stay as they are until the next copy; so a writer may take its time
while the model goes on learning. Memory that tensors share is copied once, and is one in the copy, too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any

import numpy
import torch

__all__ = ["Staging"]


OF_NUMPY = frozenset({torch.float32, torch.float64, torch.float16, torch.int64, torch.int32, torch.uint8, torch.bool})
"""The usual types that numpy has, too."""


class _Buffer:
    """Memory for one tensor; ``array`` is the same memory to numpy, where it has such a type."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.shape = tensor.shape
        self.dtype = tensor.dtype
        self.tensor = torch.empty(tensor.shape, dtype=tensor.dtype)
        self.array = self.tensor.numpy() if tensor.dtype in OF_NUMPY else None
        self._key: Hashable = None
        self._source: Any = None

    def fill(self, tensor: torch.Tensor, key: Hashable) -> None:
        """Copy a tensor; ``key`` says where its memory lies, and how the tensor looks at it."""
        if self.array is None or not tensor.is_cpu:
            self.tensor.copy_(tensor.detach())
            return
        if self._key != key:
            # What numpy sees keeps the memory, so that the same key stands for the same memory.
            self._key, self._source = key, tensor.detach().numpy()
        # torch would share the work among threads, and wait for them: long, where others use the cores, too.
        self.array[...] = self._source


class Staging:
    """Buffers on the CPU for the tensors of one model, in the order in which they are met."""

    def __init__(self) -> None:
        self._buffers: list[_Buffer] = []
        self._copies: dict[Hashable, _Buffer] = {}

    def copy(self, tree: Any) -> Any:
        """The same tree of mappings and lists, with every tensor in a buffer; an earlier copy is overwritten."""
        self._copies = {}
        copied = self._copy(tree)
        del self._buffers[len(self._copies) :]
        return copied

    def _copy(self, item: Any) -> Any:
        if isinstance(item, torch.Tensor):
            return self._copy_tensor(item)
        if isinstance(item, Mapping):
            items = {key: self._copy(value) for key, value in item.items()}
            if not isinstance(item, OrderedDict):
                return items
            ordered = OrderedDict(items)
            if hasattr(item, "_metadata"):
                ordered._metadata = item._metadata  # type: ignore[attr-defined]
            return ordered
        if type(item) in (list, tuple):
            return type(item)([self._copy(value) for value in item])
        return item.copy() if isinstance(item, numpy.ndarray) else item

    def _copy_tensor(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.layout is not torch.strided or tensor.is_quantized:
            return tensor.detach().clone()  # The writer refuses it.
        strides = None if tensor.is_contiguous() else tensor.stride()
        key = (tensor.data_ptr(), tensor.nbytes, tensor.dtype, strides, tensor.device)
        buffer = self._copies.get(key)
        if buffer is None:
            buffer = self._copies[key] = self._buffer(len(self._copies), tensor)
            buffer.fill(tensor, key)
        copy = buffer.tensor if buffer.shape == tensor.shape else buffer.tensor.view(tensor.shape)
        return _marked(copy, tensor)

    def _buffer(self, number: int, tensor: torch.Tensor) -> _Buffer:
        """The buffer of a number, made anew where it is none for such a tensor."""
        if number < len(self._buffers):
            buffer = self._buffers[number]
            if buffer.dtype is tensor.dtype and buffer.shape == tensor.shape:
                return buffer
        self._buffers[number : number + 1] = [_Buffer(tensor)]
        return self._buffers[number]


def _marked(copy: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """A copy that is a parameter, or asks for gradients, where the tensor does."""
    if type(tensor) is not torch.Tensor and isinstance(tensor, torch.nn.Parameter):
        return torch.nn.Parameter(copy, requires_grad=tensor.requires_grad)
    return copy.detach().requires_grad_() if tensor.requires_grad else copy
