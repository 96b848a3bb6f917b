"""Recipes for what torch puts into data: tensors and parameters, devices, sizes.

A tensor in data carries its storage as a file of its own in bytes (``torch.storage._load_from_bytes``),
read by the room that reads every other file of tensors. Dtypes are names, and stand in references.py.

Sources: ``torch/_utils.py`` (``_rebuild_*``), ``torch/storage.py``, ``torch/_tensor.py``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...errors import FormatError
from ...pickles import Call
from ...tensors import read_tensor
from ..checks import check, whole
from ..torch_values import Device, TorchSize, TorchTensor
from .recipe import Recipe, Table

if TYPE_CHECKING:
    from .building import Builder

__all__ = ["RECIPES"]

DEVICE_PATTERN = re.compile(r"[a-z]{1,20}(:[0-9]{1,4})?")
FREE_EXPANSION = 1 << 16
"""Bytes up to which a tensor may be larger than its storage."""


def build_tensor(builder: Builder, call: Call) -> TorchTensor:
    """A tensor or parameter, with its content."""
    tensor = read_tensor(call, limits=builder.limits, budget=builder.budget)
    bound = max(FREE_EXPANSION, 16 * tensor.storage.nbytes)
    check(tensor.nbytes <= bound, "expected a tensor that is not much larger than its storage")
    return TorchTensor(
        array=tensor.numpy(),
        dtype=tensor.dtype,
        device=tensor.device,
        requires_grad=tensor.requires_grad,
        parameter=tensor.parameter,
    )


def build_device(builder: Builder, call: Call) -> Device:
    """A device: its type, and its index where it has one."""
    name = call.arguments[0]
    if len(call.arguments) == 2 and type(name) is str:
        name = f"{name}:{whole(call.arguments[1], 'the index of a device', 0, 9999)}"
    if type(name) is not str or not DEVICE_PATTERN.fullmatch(name):
        raise FormatError("expected the name of a device")
    return Device(name)


def build_size(builder: Builder, call: Call) -> TorchSize:
    """A torch.Size."""
    sizes = call.arguments[0]
    check(type(sizes) in (tuple, list), "expected the sizes of a tensor")
    return TorchSize(tuple(sizes))


TENSOR = Recipe(build_tensor, tuple(range(1, 10)))

RECIPES: Table = {
    ("torch._utils", "_rebuild_tensor"): TENSOR,
    ("torch._utils", "_rebuild_tensor_v2"): TENSOR,
    ("torch._utils", "_rebuild_tensor_v3"): TENSOR,
    ("torch._utils", "_rebuild_parameter"): TENSOR,
    ("torch", "device"): Recipe(build_device, (1, 2)),
    ("torch", "Size"): Recipe(build_size, (1,)),
}
