"""Observation and action spaces, as gym and gymnasium define them, without either.

Field names and meanings are gymnasium's (https://gymnasium.farama.org/api/spaces/). Every space may
carry ``random_state``: the generator that ``space.sample()`` was drawing from when the agent was
saved. It takes part in equality, but is left out of the representation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

import numpy

from ..records import record
from . import checks
from .checks import Array
from .equality import same
from .generators import RandomGenerator
from .opaque import Opaque

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


@record(frozen=True, kw_only=True, eq=False)
class Space:
    """What all spaces have in common: a random state, and equality by content.

    ``random_state`` is None, a :class:`RandomGenerator`, or Opaque where a generator was there and
    was not understood; for Dict, Tuple and the like it is that of the outer space alone.
    """

    random_state: RandomGenerator | Opaque | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        checks.instance(self.random_state, (RandomGenerator, Opaque, type(None)), "a random state")
        self._check()

    def _check(self) -> None:
        """Raise FormatError where the fields do not fit each other."""

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return id(self)


@record(frozen=True, kw_only=True, eq=False)
class Box(Space):
    """A possibly unbounded box in n dimensions: ``low`` and ``high`` are arrays of ``shape``."""

    low: Array
    high: Array
    shape: tuple[int, ...]
    dtype: numpy.dtype[Any]

    def _check(self) -> None:
        checks.shape(self.shape, "the shape")
        checks.element_type(self.dtype, "the dtype")
        checks.array(self.low, "low", shape=self.shape, kinds="biuf")
        checks.array(self.high, "high", shape=self.shape, kinds="biuf")

    def __repr__(self) -> str:
        return f"Box(low={_bound(self.low)}, high={_bound(self.high)}, shape={self.shape}, dtype={self.dtype})"


@record(frozen=True, kw_only=True, eq=False)
class Discrete(Space):
    """The integers ``start`` to ``start + n - 1``."""

    n: int
    start: int = 0
    dtype: numpy.dtype[Any] = field(default=numpy.dtype("int64"), repr=False)

    def _check(self) -> None:
        checks.whole(self.n, "n", 1, 2**63 - 1)
        checks.whole(self.start, "start", -(2**63), 2**63 - 1)
        checks.element_type(self.dtype, "the dtype")


@record(frozen=True, kw_only=True, eq=False)
class MultiDiscrete(Space):
    """Several discrete values at once: ``nvec`` holds how many each takes, ``start`` the first of each."""

    nvec: Array
    start: Array | None = None
    dtype: numpy.dtype[Any] = field(default=numpy.dtype("int64"), repr=False)

    def _check(self) -> None:
        checks.array(self.nvec, "nvec", kinds="iu")
        checks.check(bool((self.nvec > 0).all()), "expected every number in nvec to be above 0")
        if self.start is not None:
            checks.array(self.start, "start", shape=self.nvec.shape, kinds="iu")
        checks.element_type(self.dtype, "the dtype")


@record(frozen=True, kw_only=True, eq=False)
class MultiBinary(Space):
    """Arrays of zeros and ones of ``shape``; ``n`` is the length or the shape as it was given."""

    n: int | tuple[int, ...]
    dtype: numpy.dtype[Any] = field(default=numpy.dtype("int8"), repr=False)

    def _check(self) -> None:
        checks.shape(self.shape, "n")
        checks.element_type(self.dtype, "the dtype")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one element."""
        return self.n if isinstance(self.n, tuple) else (self.n,)


@record(frozen=True, kw_only=True, eq=False)
class Dict(Space):
    """Named spaces, in their order."""

    spaces: Mapping[str, Space]

    def _check(self) -> None:
        checks.instance(self.spaces, dict, "a mapping of spaces")
        for name, space in self.spaces.items():
            checks.text(name, "the name of a space")
            checks.instance(space, Space, "a space")


@record(frozen=True, kw_only=True, eq=False)
class Tuple(Space):
    """Several spaces, in order."""

    spaces: tuple[Space, ...]

    def _check(self) -> None:
        checks.tuple_of(self.spaces, Space, "the spaces")


@record(frozen=True, kw_only=True, eq=False)
class Text(Space):
    """Strings over ``characters`` of a length from ``min_length`` to ``max_length``."""

    min_length: int
    max_length: int
    characters: str

    def _check(self) -> None:
        checks.whole(self.max_length, "the largest length", 0, 2**31)
        checks.whole(self.min_length, "the smallest length", 0, self.max_length)
        checks.text(self.characters, "the characters")


@record(frozen=True, kw_only=True, eq=False)
class Sequence(Space):
    """Sequences of any length of elements of ``feature_space``; ``stack`` puts them into one array."""

    feature_space: Space
    stack: bool = False

    def _check(self) -> None:
        checks.instance(self.feature_space, Space, "a space")
        checks.flag(self.stack, "stack")


@record(frozen=True, kw_only=True, eq=False)
class Graph(Space):
    """Graphs whose nodes and edges are elements of two spaces; ``edge_space`` may be missing."""

    node_space: Space
    edge_space: Space | None

    def _check(self) -> None:
        checks.instance(self.node_space, Space, "a space of nodes")
        checks.instance(self.edge_space, (Space, type(None)), "a space of edges")


@record(frozen=True, kw_only=True, eq=False)
class OneOf(Space):
    """An element of exactly one of several spaces, told by its index."""

    spaces: tuple[Space, ...]

    def _check(self) -> None:
        checks.tuple_of(self.spaces, Space, "the spaces")


def _bound(values: Array) -> str:
    """One number where all are equal, otherwise the smallest and the largest."""
    if values.size == 0:
        return "[]"
    smallest, largest = values.min(), values.max()
    return f"{smallest}" if smallest == largest else f"[{smallest} … {largest}]"
