"""VecNormalize statistics from the pickle that ``VecNormalize.save`` writes beside an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..container import open_source
from ..errors import LimitError, locate
from ..limits import DEFAULT_LIMITS, Limits
from ..pickles import decode
from ..values import Normalization, read_normalization

if TYPE_CHECKING:
    from .archive import ArchiveFile

__all__ = ["open_normalization"]


def open_normalization(file: ArchiveFile, *, limits: Limits = DEFAULT_LIMITS) -> Normalization:
    """Read the statistics of a VecNormalize pickle (``vecnormalize.pkl``), executing nothing.

    Takes a path, bytes or a binary file; raises FormatError where it is another kind of pickle.
    """
    with open_source(file) as source, locate(path=source.path):
        if source.size > limits.pickle_bytes:
            raise LimitError(f"expected a pickle of at most {limits.pickle_bytes:,} bytes, found {source.size:,}.")
        return read_normalization(decode(bytes(source.view), limits=limits))
