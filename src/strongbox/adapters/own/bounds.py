"""How much memory the tensors of an archive may ask for: a small file must not become a large agent.

A tensor of a file may look at one element a million times, and many tensors at the same elements. Strongbox writes each
element once, and what is the same memory under several names stays rare.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...archive import Archive
from ...errors import LimitError
from ...tensors import Tensor

__all__ = ["check_bounds"]

TIMES = 16
"""How often the bytes of a file may be asked for, all tensors together."""


def check_bounds(archive: Archive) -> None:
    """Raise LimitError where the tensors of an archive are far more than its bytes; none of them is read."""
    left = TIMES * archive.size
    for name, tensor in _tensors(archive):
        left -= tensor.nbytes
        if tensor.nbytes > tensor.storage.nbytes or left < 0:
            raise LimitError(
                f"expected tensors of the bytes that stand in the file, found more of them in {name}.",
                hint="It is none that Strongbox wrote.",
            )


def _tensors(archive: Archive) -> Iterator[tuple[str, Tensor]]:
    for name in archive.parameters:
        yield from archive.parameters[name].tensors()
    if archive.variables is not None:
        yield from archive.variables.tensors()
