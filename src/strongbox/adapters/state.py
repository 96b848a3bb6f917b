"""Tensors of an archive go into live networks, optimizers and variables, one at a time.

Networks are written in place: each tensor is copied from the mapped file straight into the memory of
the live parameter, and the file's pages are given back every few megabytes, so that an agent never
stands in memory twice. Optimizers take fresh tensors, which become their state.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy
import torch

from ..errors import MismatchError
from ..tensors import Tensor, TorchName
from .dtypes import TORCH_DTYPES

if TYPE_CHECKING:
    from stable_baselines3.common.base_class import BaseAlgorithm

__all__ = ["Filler", "live_optimizers", "loads_itself", "named_target"]

RELEASE_BYTES = 4 << 20
"""How much is read before the file's pages are given back."""

_LISTED = 5


def named_target(model: BaseAlgorithm, name: str) -> Any:
    """The network or optimizer of a name; of a compiled network, the one inside."""
    target = functools.reduce(getattr, name.split("."), model)
    return getattr(target, "_orig_mod", target)


def live_optimizers(model: BaseAlgorithm) -> dict[str, torch.optim.Optimizer]:
    """The optimizers of a model by the names of their state dicts."""
    targets = {name: named_target(model, name) for name in model._get_torch_save_params()[0]}
    return {name: target for name, target in targets.items() if isinstance(target, torch.optim.Optimizer)}


class Filler:
    """Puts an archive's tensors into a live model; ``release`` gives back the memory of the file."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release = release
        self._read = 0

    def check_module(self, module: torch.nn.Module, tree: Mapping[Any, Any], name: str) -> None:
        """Compare names and shapes without reading a tensor; raises MismatchError where they differ.

        A module with its own way of loading is the only judge of what it can load.
        """
        if loads_itself(module):
            return
        live = module.state_dict()
        _check_names(live, tree, name)
        for key, target in live.items():
            _check_shape(target, tree[key], f"{name}: {key}")

    def fill_module(self, module: torch.nn.Module, tree: Mapping[Any, Any], name: str) -> None:
        """Overwrite every parameter and buffer of a module whose names were checked."""
        if loads_itself(module):
            state = {key: self.torch_value(value) for key, value in tree.items()}
            _load(module.load_state_dict, state, name)
            return
        live = module.state_dict()
        for key, target in live.items():
            self.fill_tensor(target, tree[key], f"{name}: {key}")

    def fill_optimizer(self, optimizer: torch.optim.Optimizer, tree: Mapping[Any, Any], name: str) -> None:
        """Replace an optimizer's state and settings; raises MismatchError where its parameters differ in number."""
        state = {key: self.torch_value(value) for key, value in tree.items()}
        _load(optimizer.load_state_dict, state, name)

    def fill_tensor(self, target: torch.Tensor, tensor: Any, name: str) -> None:
        """Overwrite one live tensor in place, from a tensor of the file or an array that a migration made."""
        _check_shape(target, tensor, name)
        target = target.detach()
        if isinstance(tensor, numpy.ndarray):
            target.copy_(torch.from_numpy(tensor))
        elif target.is_contiguous() and target.device.type == "cpu" and TORCH_DTYPES.get(tensor.dtype) is target.dtype:
            bits = target.view(torch.uint16) if target.dtype is torch.bfloat16 else target
            self._copy(tensor, bits.numpy())
        else:
            target.copy_(_fresh(tensor))
            self._count(tensor.nbytes)

    def _copy(self, tensor: Tensor, target: numpy.ndarray[Any, Any]) -> None:
        """Copy a tensor piece by piece, so that a large one does not stand in memory twice either."""
        content = tensor.content() if tensor.nbytes > RELEASE_BYTES else None
        if content is None:
            target[...] = tensor.stored()
            self._count(tensor.nbytes)
            return
        self._release()  # its checksum has just been verified, over all of it
        live = target.data.cast("B")
        for start in range(0, len(content), RELEASE_BYTES):
            live[start : start + RELEASE_BYTES] = content[start : start + RELEASE_BYTES]
            self._release()

    def torch_value(self, value: Any) -> Any:
        """A tree with fresh torch tensors in place of the file's."""
        if isinstance(value, Tensor):
            fresh = torch.empty(value.shape, dtype=TORCH_DTYPES[value.dtype])
            self.fill_tensor(fresh, value, "an optimizer")
            return fresh
        if isinstance(value, numpy.ndarray):
            return torch.from_numpy(value)
        if isinstance(value, Mapping):
            return {key: self.torch_value(item) for key, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)([self.torch_value(item) for item in value])
        if isinstance(value, TorchName):
            return TORCH_DTYPES[value.name] if value.kind == "dtype" else torch.device(value.name)
        return value

    def _count(self, nbytes: int) -> None:
        self._read += nbytes
        if self._read >= RELEASE_BYTES:
            self._read = 0
            self._release()


def _fresh(tensor: Tensor) -> torch.Tensor:
    if tensor.dtype == "bfloat16":
        return torch.from_numpy(tensor.stored().copy(order="C")).view(torch.bfloat16)
    return torch.from_numpy(tensor.copy())


def loads_itself(module: torch.nn.Module) -> bool:
    """Whether a module, or one inside it, has its own way of loading a state dict."""
    return any(
        part._load_state_dict_pre_hooks
        or part._load_state_dict_post_hooks
        or type(part).load_state_dict is not torch.nn.Module.load_state_dict
        or type(part).get_extra_state is not torch.nn.Module.get_extra_state
        or type(part)._load_from_state_dict not in _ORDINARY_LOADS
        for part in module.modules()
    )


_ORDINARY_LOADS = frozenset(
    (
        torch.nn.Module._load_from_state_dict,
        # Tells old files from new; the names of ours are checked in full.
        torch.nn.BatchNorm1d._load_from_state_dict,
        torch.nn.InstanceNorm1d._load_from_state_dict,
    )
)


def _check_names(live: Iterable[str], found: Iterable[str], name: str) -> None:
    live, found = list(live), list(found)
    missing, unexpected = _listed(set(live) - set(found)), _listed(set(found) - set(live))
    if missing or unexpected:
        parts = [f"without {missing}"] if missing else []
        parts += [f"with {unexpected}"] if unexpected else []
        raise MismatchError(
            f"expected the parameters of this agent's networks in {name}, found them {' and '.join(parts)}.",
            hint=f'Were the networks built otherwise? Leave them out with skip=["{name}"].',
        )


def _check_shape(target: torch.Tensor, found: Any, name: str) -> None:
    if not isinstance(found, Tensor | numpy.ndarray) or found.shape != tuple(target.shape):
        shown = f"one of {found.shape}" if isinstance(found, Tensor | numpy.ndarray) else type(found).__name__
        raise MismatchError(f"expected a tensor of {tuple(target.shape)} for {name}, found {shown}.")


def _listed(names: set[str]) -> str:
    shown = sorted(map(str, names))
    return ", ".join(shown[:_LISTED]) + (f" and {len(shown) - _LISTED} more" if len(shown) > _LISTED else "")


def _load(load: Callable[[Any], Any], state: dict[Any, Any], name: str) -> None:
    try:
        load(state)
    except Exception as error:
        # torch says in many ways that a state dict is none, or is another's.
        raise MismatchError(
            f"expected {name} to fit this agent, found that it does not: {error}.",
            hint=f'Leave it out with skip=["{name}"].',
        ) from error
