"""What both layouts of torch come to: a pickle, and a table of the storages that it refers to."""

from __future__ import annotations

from collections.abc import Callable

from ..pickles import Decoded, Node
from ..records import record
from .names import refused
from .storages import StorageTable

__all__ = ["Layout"]


@record(frozen=True)
class Layout:
    """A file whose pickle is decoded and whose storages are not yet looked at.

    ``name`` is ``"zip"`` or ``"row"``; ``member`` names the member that the pickle lies in. ``finish``
    is called when the value is built, so that all storages are declared: it holds the rest of the file
    against the table, and returns remarks that a person should know of.
    """

    name: str
    decoded: Decoded
    table: StorageTable
    member: str | None
    finish: Callable[[], tuple[str, ...]]

    @property
    def root(self) -> Node:
        """The value; raises where the pickle also makes calls whose results it throws away."""
        if self.decoded.popped:
            raise refused(self.decoded.popped[0])
        return self.decoded.root
