"""A policy's weights by name, each read from the archive when a layer asks for it, and none before.

What is never asked for (critics, target networks) is never read. A weight is float32, laid out row by
row, a view on the file where it is stored so. Weights are held to more than a file of tensors is: every
dimension has entries, and no entry stands for two, so that what a network takes in memory is in
proportion to the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy

from ..errors import FormatError, UnsupportedError, locate
from ..tensors import StateDict, Tensor
from .activations import REBUILD
from .layers import Array

__all__ = ["Weights"]

COMPILED = re.compile(r"\b_orig_mod\.")
"""What torch.compile puts into names, which SB3 before 2.8 kept."""


class Weights:
    """The tensors of one state dict under their names; ``path`` is that of the file, where it has one."""

    def __init__(self, state_dict: StateDict, *, path: str | None = None) -> None:
        self._state_dict = state_dict
        self.path = path
        self._keys = {COMPILED.sub("", key): key for key in state_dict.raw if isinstance(key, str)}
        self._arrays: dict[str, Array] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    @property
    def count(self) -> int:
        """How many numbers were read so far."""
        return sum(array.size for array in self._arrays.values())

    @property
    def nbytes(self) -> int:
        """How many bytes the weights take that were read so far."""
        return sum(array.nbytes for array in self._arrays.values())

    @property
    def arrays(self) -> dict[str, Array]:
        """The weights that were read so far, by name."""
        return dict(self._arrays)

    def under(self, prefix: str) -> list[str]:
        """The names that begin with ``prefix``, without it, in the file's order."""
        return [name[len(prefix) :] for name in self._keys if name.startswith(prefix)]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a weight, which is not read; raises FormatError where there is none of that name."""
        return self._tensor(name).shape

    def read(self, name: str) -> Array:
        """A weight as a read-only float32 array; raises FormatError where it is missing or not of floats."""
        if name not in self._arrays:
            with locate(path=self.path):
                self._check(name, self._tensor(name))
                stored = self._state_dict[self._keys[name]]
            with numpy.errstate(over="ignore"):
                array = numpy.asarray(stored, dtype=numpy.float32, order="C")
            array.flags.writeable = False
            self._arrays[name] = array
        return self._arrays[name]

    def read_if_present(self, name: str) -> Array | None:
        """A weight, or None where there is none of that name."""
        return self.read(name) if name in self else None

    def expect_only(self, known: Iterable[str]) -> None:
        """Raise UnsupportedError, by name, where there is a weight that begins with none of ``known``."""
        prefixes = tuple(known)
        for name in self._keys:
            if not name.startswith(prefixes):
                raise UnsupportedError(f"expected the networks of SB3 alone, found the weight {name!r}.", hint=REBUILD)

    def _tensor(self, name: str) -> Tensor:
        if name not in self._keys:
            raise FormatError(f"expected the weight {name!r}, found none of that name.")
        tensor = self._state_dict.raw[self._keys[name]]
        if not isinstance(tensor, Tensor):
            raise FormatError(f"expected a tensor under {name!r}, found {type(tensor).__name__}.")
        return tensor

    def _check(self, name: str, tensor: Tensor) -> None:
        if not tensor.dtype.endswith(("float16", "float32", "float64")):
            raise FormatError(f"expected {name!r} to be of float32, found {tensor.dtype}.")
        if tensor.count == 0 or tensor.count > tensor.storage.numel:
            raise FormatError(f"expected each entry of {name!r} once, found the shape {tensor.shape}.")
