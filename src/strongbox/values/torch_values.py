"""What torch puts into data: tensors, devices, dtypes. No torch is needed to hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy

from .equality import same

__all__ = ["Device", "TorchDtype", "TorchTensor"]

Array: TypeAlias = numpy.ndarray[Any, numpy.dtype[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class TorchTensor:
    """A tensor found in data: its content, its dtype's torch name, and what kind it was.

    ``array`` holds the content; a bfloat16 tensor, which numpy has no type for, is held as float32,
    every value exact. ``parameter`` says that it was a ``torch.nn.Parameter``.
    """

    array: Array
    dtype: str
    device: str = "cpu"
    requires_grad: bool = False
    parameter: bool = False

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return id(self)


@dataclass(frozen=True)
class Device:
    """A torch device by name, such as ``cpu`` or ``cuda:0``."""

    name: str


@dataclass(frozen=True)
class TorchDtype:
    """A torch dtype by name, such as ``float32``."""

    name: str
