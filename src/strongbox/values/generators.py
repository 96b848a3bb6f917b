"""States of random generators, kept as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .equality import same

__all__ = ["RandomGenerator"]


@dataclass(frozen=True, kw_only=True, eq=False)
class RandomGenerator:
    """The state of one numpy generator.

    ``kind`` is ``"Generator"`` or ``"RandomState"`` (numpy's classes of these names, gym's and
    gymnasium's subclasses included), ``bit_generator`` the algorithm's name (``"PCG64"``,
    ``"MT19937"``, …), ``state`` what numpy's ``bit_generator.state`` property returns, checked for
    type, size and range: a mapping of names to ints, uint32 or uint64 arrays and mappings of these.
    """

    kind: str
    bit_generator: str
    state: dict[str, Any] = field(repr=False)

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return id(self)
