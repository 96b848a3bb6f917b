"""Observation and action spaces, as gym and gymnasium define them, without either.

Field names and meanings are gymnasium's (https://gymnasium.farama.org/api/spaces/). Every space may
carry ``random_state``: the generator that ``space.sample()`` was drawing from when the agent was
saved. It takes part in equality, but is left out of the representation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy

from .equality import same

__all__ = [
    "Box",
    "Dict",
    "Discrete",
    "Graph",
    "MultiBinary",
    "MultiDiscrete",
    "OneOf",
    "Sequence",
    "Space",
    "Text",
    "Tuple",
]

Array: TypeAlias = numpy.ndarray[Any, numpy.dtype[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Space:
    """What all spaces have in common: a random state, and equality by content."""

    random_state: Any = field(default=None, repr=False)

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return id(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class Box(Space):
    """A possibly unbounded box in n dimensions: ``low`` and ``high`` are arrays of ``shape``."""

    low: Array
    high: Array
    shape: tuple[int, ...]
    dtype: numpy.dtype[Any]

    def __repr__(self) -> str:
        return f"Box(low={_bound(self.low)}, high={_bound(self.high)}, shape={self.shape}, dtype={self.dtype})"


@dataclass(frozen=True, kw_only=True, eq=False)
class Discrete(Space):
    """The integers ``start`` to ``start + n - 1``."""

    n: int
    start: int = 0
    dtype: numpy.dtype[Any] = field(default=numpy.dtype("int64"), repr=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class MultiDiscrete(Space):
    """Several discrete values at once: ``nvec`` holds how many each takes, ``start`` the first of each."""

    nvec: Array
    start: Array | None = None
    dtype: numpy.dtype[Any] = field(default=numpy.dtype("int64"), repr=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class MultiBinary(Space):
    """Arrays of zeros and ones of ``shape``; ``n`` is the length or the shape as it was given."""

    n: int | tuple[int, ...]
    dtype: numpy.dtype[Any] = field(default=numpy.dtype("int8"), repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one element."""
        return (self.n,) if isinstance(self.n, int) else self.n


@dataclass(frozen=True, kw_only=True, eq=False)
class Dict(Space):
    """Named spaces, in their order."""

    spaces: Mapping[str, Space]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tuple(Space):
    """Several spaces, in order."""

    spaces: tuple[Space, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Text(Space):
    """Strings over ``characters`` of a length from ``min_length`` to ``max_length``."""

    min_length: int
    max_length: int
    characters: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Sequence(Space):
    """Sequences of any length of elements of ``feature_space``; ``stack`` puts them into one array."""

    feature_space: Space
    stack: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph(Space):
    """Graphs whose nodes and edges are elements of two spaces; ``edge_space`` may be missing."""

    node_space: Space
    edge_space: Space | None


@dataclass(frozen=True, kw_only=True, eq=False)
class OneOf(Space):
    """An element of exactly one of several spaces, told by its index."""

    spaces: tuple[Space, ...]


def _bound(values: Array) -> str:
    """One number where all are equal, otherwise the smallest and the largest."""
    if values.size == 0:
        return "[]"
    smallest, largest = values.min(), values.max()
    return f"{smallest}" if smallest == largest else f"[{smallest} … {largest}]"
