"""Which tensors and arrays are the same memory: each is kept once, whatever its names."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy

from ...errors import UnsupportedError
from .kinds import framework, is_jax_array, is_tensor

__all__ = ["Memory"]


class Memory:
    """The memory that has a name already, with that name."""

    def __init__(self) -> None:
        self._names: dict[Hashable, str] = {}

    def add_state_dict(self, path: str, module: Any) -> None:
        """Name all tensors of a network as ``path`` and the key in its state dict.

        Raises UnsupportedError for a lazy one whose shapes are not known yet.
        """
        state = module.state_dict()
        torch = framework("torch")
        if any(map(torch.nn.parameter.is_lazy, state.values())):
            raise UnsupportedError(
                f"expected a network whose shapes are known in {path}, found one that has not seen an input yet.",
                hint="Give it one first: agent.network(observation).",
            )
        if isinstance(state, Mapping):
            for key, tensor in state.items():
                if is_tensor(tensor):
                    self._names.setdefault(_identity(tensor), f"{path}.{key}")

    def add(self, path: str, live: Any) -> str | None:
        """The name that some memory has already, or None where it has it from now on."""
        identity = _identity(live)
        known = self._names.setdefault(identity, path)
        return None if known == path else known


def _identity(live: Any) -> Hashable:
    """What two names of one memory have in common; what has no elements is only itself."""
    if is_jax_array(live):
        return id(live)  # Nobody can write into it, so what is equal may as well be kept twice.
    if isinstance(live, numpy.ndarray):
        if not live.size:
            return id(live)
        return live.__array_interface__["data"][0], live.shape, live.strides, live.dtype.str
    if not live.numel() or str(live.layout) != "torch.strided":
        return id(live)
    return str(live.device), live.data_ptr(), tuple(live.shape), live.stride(), str(live.dtype)
