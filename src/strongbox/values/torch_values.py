"""What torch puts into data: tensors, devices, dtypes, sizes. No torch is needed to hold them."""

from __future__ import annotations

from ..records import record
from . import checks
from .checks import Array
from .equality import same

__all__ = ["TORCH_DTYPES", "Device", "TorchDtype", "TorchSize", "TorchTensor"]

TORCH_DTYPES = frozenset(
    (
        *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
        *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
    )
)
"""The dtypes of tensors that Strongbox keeps, by torch's names."""


@record(frozen=True, kw_only=True, eq=False)
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

    def __post_init__(self) -> None:
        checks.array(self.array, "a tensor's content")
        checks.check(self.dtype in TORCH_DTYPES, "expected the dtype of a dense tensor")
        held = "float32" if self.dtype == "bfloat16" else self.dtype
        checks.check(self.array.dtype.name == held, f"expected content of {held}, found {self.array.dtype.name}")
        checks.text(self.device, "the device")
        checks.flag(self.requires_grad, "requires_grad")
        checks.flag(self.parameter, "parameter")

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return id(self)


@record(frozen=True)
class Device:
    """A torch device by name, such as ``cpu`` or ``cuda:0``."""

    name: str

    def __post_init__(self) -> None:
        checks.text(self.name, "a device")


@record(frozen=True)
class TorchDtype:
    """A torch dtype by name, such as ``float32``."""

    name: str

    def __post_init__(self) -> None:
        checks.check(type(self.name) is str and self.name in TORCH_DTYPES, "expected a dtype of torch")


@record(frozen=True)
class TorchSize:
    """A tensor's shape as torch keeps it (``torch.Size``)."""

    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        for size in checks.tuple_of(self.sizes, int, "the sizes"):
            checks.whole(size, "a size", 0, 2**63 - 1)
