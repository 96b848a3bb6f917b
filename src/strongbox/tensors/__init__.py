"""Files of tensors (``.pth``): read into numpy views and written as torch writes them, without torch.

What writes loads when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .dtypes import DTYPES, Dtype
from .geometry import Geometry, contiguous_strides
from .read import PthFile, open_pth, read_parts, read_pth, read_tensor
from .state_dict import StateDict
from .tensor import Storage, Tensor, TorchName

if TYPE_CHECKING:
    from .live import StorageData, TensorData
    from .plan import ALIGNMENT, PthPlan, plan_pth

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
    "read_parts",
    "read_pth",
    "read_tensor",
]


def __getattr__(name: str) -> Any:
    if name in ("StorageData", "TensorData"):
        from . import live

        return getattr(live, name)
    if name in ("ALIGNMENT", "PthPlan", "plan_pth"):
        from . import plan

        return getattr(plan, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
