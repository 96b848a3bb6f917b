"""What the store is given: the part of a buffer that changed since a manifest was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ...values.checks import Array
from .manifest import ReplayManifest

__all__ = ["Change"]


class Change(Protocol):
    """What changed in a buffer since ``base``, in arrays that nobody changes before they are written."""

    @property
    def capacity(self) -> int:
        """Rows of the ring."""

    @property
    def environments(self) -> int:
        """Entries of a row."""

    @property
    def place(self) -> int:
        """Where in the ring the first of ``rows`` stands; they may go round its end."""

    @property
    def position(self) -> int:
        """Where the next row will be written."""

    @property
    def full(self) -> bool:
        """Whether the ring went round."""

    @property
    def rows(self) -> Mapping[str, Array]:
        """For every column the rows (n, environments, …) that were written since, contiguous, oldest first.

        Arrays of numbers, or of objects that are texts.
        """

    @property
    def late(self) -> Mapping[str, Array]:
        """The whole of every late column: from the ring's first row up to the last that was filled."""

    @property
    def follows(self) -> Mapping[str, str]:
        """For a column the other one of its kind whose entry in the row after it usually repeats."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Plain JSON that is kept along."""

    @property
    def base(self) -> ReplayManifest | None:
        """The manifest that all of this is relative to; None where ``rows`` is the whole buffer."""
