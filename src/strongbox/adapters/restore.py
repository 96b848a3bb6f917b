"""Values become live objects: each by a constructor that stands here in the source.

The table at the end maps a type of value to the function that builds its live counterpart. Nothing
that the file says is called; classes come from the list of :mod:`strongbox.adapters.classes` alone.
Every array is a fresh, writable copy, since the archive's own are read-only views on the file.
"""

from __future__ import annotations

import functools
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy

from .. import values
from ..errors import RefusedError, UnsupportedError
from .classes import find_class, find_function
from .generators import make_generator
from .schedules import live_schedule

if TYPE_CHECKING:
    import torch

__all__ = ["Restorer"]


class Restorer:
    """Builds live objects from values.

    ``trust`` names the caller's own classes by full path; ``device`` is where tensors go that were
    saved on an accelerator. Raises RefusedError where a value names a class that is not listed or
    has a part that is opaque.
    """

    def __init__(self, *, trust: Collection[str] = (), device: torch.device | str = "cpu") -> None:
        self.trust = trust
        self.device = device

    def __call__(self, value: Any) -> Any:
        """The live object for a value; numbers, strings and None stand for themselves."""
        build = _BUILDERS.get(type(value))
        if build is not None:
            return build(self, value)
        if isinstance(value, numpy.generic | numpy.dtype) or type(value) in _THEMSELVES:
            return value
        raise UnsupportedError(f"expected a value that has a live counterpart, found {type(value).__name__}.")


_THEMSELVES = frozenset((type(None), bool, int, float, complex, str, bytes))


def _refuse_opaque(restore: Restorer, value: values.Opaque) -> Any:
    raise RefusedError(f"expected a value that Strongbox understands, found {value.type}: {value.reason}.")


# -- containers and names -----------------------------------------------------------------------


def _restore_items(restore: Restorer, value: Any) -> Any:
    return type(value)(restore(item) for item in value)


def _restore_mapping(restore: Restorer, value: Any) -> Any:
    return type(value)((restore(key), restore(item)) for key, item in value.items())


def _restore_deque(restore: Restorer, value: deque[Any]) -> deque[Any]:
    return deque((restore(item) for item in value), maxlen=value.maxlen)


def _restore_class(restore: Restorer, value: values.ClassReference) -> Any:
    return find_class(value, trust=restore.trust)


def _restore_function(restore: Restorer, value: values.FunctionReference) -> Any:
    return find_function(value, trust=restore.trust)


def _restore_enum(restore: Restorer, value: values.EnumMember) -> Any:
    return find_class(value.enum, trust=restore.trust)(value.value)


def _restore_named_tuple(restore: Restorer, value: values.NamedTuple) -> Any:
    return find_class(value.type, trust=restore.trust)(*(restore(item) for item in value.items))


def _restore_partial(restore: Restorer, value: values.Partial) -> Any:
    keywords = {name: restore(item) for name, item in value.keywords.items()}
    return functools.partial(restore(value.function), *(restore(item) for item in value.arguments), **keywords)


def _restore_path(restore: Restorer, value: PurePath) -> PurePath:
    """A path that can be opened where it is one of this system; another system's stays a name."""
    return Path(value) if isinstance(Path(), type(value)) else value


# -- arrays, tensors and random states ----------------------------------------------------------


def _restore_array(restore: Restorer, value: numpy.ndarray[Any, Any]) -> numpy.ndarray[Any, Any]:
    copied: numpy.ndarray[Any, Any] = value.copy(order="C")
    return copied


def _restore_tensor(restore: Restorer, value: values.TorchTensor) -> torch.Tensor:
    import torch

    from .dtypes import TORCH_DTYPES

    device = "cpu" if value.device == "cpu" else restore.device
    tensor = torch.from_numpy(value.array.copy(order="C")).to(device, TORCH_DTYPES[value.dtype])
    if value.parameter:
        return torch.nn.Parameter(tensor, requires_grad=value.requires_grad)
    return tensor.requires_grad_(value.requires_grad)


def _restore_device(restore: Restorer, value: values.Device) -> torch.device:
    import torch

    return torch.device(value.name)


def _restore_torch_dtype(restore: Restorer, value: values.TorchDtype) -> torch.dtype:
    from .dtypes import TORCH_DTYPES

    return TORCH_DTYPES[value.name]


def _restore_size(restore: Restorer, value: values.TorchSize) -> torch.Size:
    import torch

    return torch.Size(value.sizes)


def _restore_generator(restore: Restorer, value: values.RandomGenerator) -> Any:
    return make_generator(value)


# -- what needs a framework, each in a module of its own -----------------------------------------


def _restore_space(restore: Restorer, value: Any) -> Any:
    from .live_spaces import make_space

    return make_space(restore, value)


def _restore_noise(restore: Restorer, value: Any) -> Any:
    from .live_noise import make_noise

    return make_noise(restore, value)


def _restore_schedule(restore: Restorer, value: values.Schedule) -> Any:
    return live_schedule(value)


_BUILDERS: dict[type, Callable[[Restorer, Any], Any]] = {
    values.Opaque: _refuse_opaque,
    list: _restore_items,
    tuple: _restore_items,
    set: _restore_items,
    frozenset: _restore_items,
    dict: _restore_mapping,
    OrderedDict: _restore_mapping,
    deque: _restore_deque,
    PurePosixPath: _restore_path,
    PureWindowsPath: _restore_path,
    values.ClassReference: _restore_class,
    values.FunctionReference: _restore_function,
    values.EnumMember: _restore_enum,
    values.NamedTuple: _restore_named_tuple,
    values.Partial: _restore_partial,
    numpy.ndarray: _restore_array,
    values.TorchTensor: _restore_tensor,
    values.Device: _restore_device,
    values.TorchDtype: _restore_torch_dtype,
    values.TorchSize: _restore_size,
    values.RandomGenerator: _restore_generator,
    values.Box: _restore_space,
    values.Discrete: _restore_space,
    values.MultiDiscrete: _restore_space,
    values.MultiBinary: _restore_space,
    values.Dict: _restore_space,
    values.Tuple: _restore_space,
    values.Text: _restore_space,
    values.Sequence: _restore_space,
    values.Graph: _restore_space,
    values.OneOf: _restore_space,
    values.ConstantSchedule: _restore_schedule,
    values.LinearSchedule: _restore_schedule,
    values.TableSchedule: _restore_schedule,
    values.NormalNoise: _restore_noise,
    values.OrnsteinUhlenbeckNoise: _restore_noise,
    values.VectorizedNoise: _restore_noise,
}
