"""What reading one archive may cost in all: its pickles, and what is inflated of its members."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import LimitError
from ..limits import DEFAULT_LIMITS, Limits, how_to_raise

__all__ = ["Budget"]

TUPLE_KEYS = 4096
"""Keys that are tuples, in all pickles of one archive: :mod:`.keys` says why they are counted."""

FREE_BYTES = 64 << 20
"""What any archive may inflate to, however small it is."""


class Budget:
    """Counts what the pickles of one archive take together; one budget is handed to all their decodings.

    ``opcodes`` and ``nodes`` (values after shared parts are expanded) are what has been used so far.
    ``inflated_bytes`` counts what deflated members become, those of ``.pth`` files inside too: what is
    deflated inside something deflated must not multiply the two ratios, so where ``file_size`` is
    known (the bytes of the archive's file), all of it together is held to the ratio of one.
    A count above the limits raises :class:`strongbox.errors.LimitError`.
    """

    __slots__ = ("inflated_bytes", "level", "limits", "most_inflated", "nodes", "opcodes", "tuple_keys")

    def __init__(self, limits: Limits = DEFAULT_LIMITS, *, file_size: int | None = None) -> None:
        self.limits = limits
        self.opcodes = 0
        self.nodes = 0
        self.tuple_keys = 0
        self.level = 0
        self.inflated_bytes = 0
        self.most_inflated = limits.inflated_bytes
        if file_size is not None:
            self.most_inflated = min(self.most_inflated, max(FREE_BYTES, limits.deflate_ratio * file_size))

    def count_nodes(self, number: int) -> None:
        """Use up ``number`` nodes."""
        self.nodes += number
        if self.nodes > self.limits.nodes:
            raise LimitError(
                f"expected pickles of at most {self.limits.nodes} values in all, found more.",
                hint=how_to_raise("nodes"),
            )

    def count_inflated(self, size: int) -> None:
        """Use up ``size`` bytes that deflated members become."""
        self.inflated_bytes += size
        if self.inflated_bytes > self.most_inflated:
            raise LimitError(
                f"expected deflated members of at most {self.most_inflated} bytes in all, found more.",
                hint=how_to_raise("inflated_bytes", "deflate_ratio"),
            )

    def count_tuple_key(self) -> None:
        """Use up one key that is a tuple."""
        self.tuple_keys += 1
        if self.tuple_keys > TUPLE_KEYS:
            raise LimitError(f"expected at most {TUPLE_KEYS} tuples as keys of dictionaries and sets, found more.")

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Hold this open while a pickle that was found inside a pickle is decoded."""
        if self.level >= self.limits.depth:
            raise LimitError(f"expected at most {self.limits.depth} pickles inside one another, found more.")
        self.level += 1
        try:
            yield
        finally:
            self.level -= 1
