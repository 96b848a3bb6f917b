"""Files of tensors (``.pth``): read into numpy views and written as torch writes them, without torch."""

from __future__ import annotations

from .dtypes import DTYPES, Dtype
from .geometry import Geometry, contiguous_strides
from .live import StorageData, TensorData
from .plan import ALIGNMENT, PthPlan, plan_pth
from .read import PthFile, open_pth, read_pth, read_tensor
from .state_dict import StateDict
from .tensor import Storage, Tensor, TorchName

__all__ = [
    "ALIGNMENT",
    "DTYPES",
    "Dtype",
    "Geometry",
    "PthFile",
    "PthPlan",
    "StateDict",
    "Storage",
    "StorageData",
    "Tensor",
    "TensorData",
    "TorchName",
    "contiguous_strides",
    "open_pth",
    "plan_pth",
    "read_pth",
    "read_tensor",
]
