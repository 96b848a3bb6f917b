"""Action noise, as ``stable_baselines3.common.noise`` defines it.

Equality is by content; arrays are float arrays of the action's shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy

from .equality import same

__all__ = ["ActionNoise", "NormalNoise", "OrnsteinUhlenbeckNoise", "VectorizedNoise"]

Array: TypeAlias = numpy.ndarray[Any, numpy.dtype[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class ActionNoise:
    """What all noises have in common: equality by content."""

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return id(self)


@dataclass(frozen=True, kw_only=True, eq=False)
class NormalNoise(ActionNoise):
    """Gaussian noise (SB3's NormalActionNoise); ``dtype`` is that of the samples."""

    mean: Array
    sigma: Array
    dtype: numpy.dtype[Any] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class OrnsteinUhlenbeckNoise(ActionNoise):
    """Ornstein-Uhlenbeck noise; ``previous`` is the process's state, ``initial`` what a reset returns to."""

    mean: Array
    sigma: Array
    theta: float
    dt: float
    initial: Array | None = None
    previous: Array | None = None
    dtype: numpy.dtype[Any] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class VectorizedNoise(ActionNoise):
    """One noise for each of several environments, all made from ``base``."""

    base: ActionNoise
    noises: tuple[ActionNoise, ...]
