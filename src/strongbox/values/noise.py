"""Action noise, as ``stable_baselines3.common.noise`` defines it.

Equality is by content. Means and deviations are float arrays of the action's shape; SB3 takes plain
numbers as well, and then they are kept as numbers.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy

from ..records import record
from . import checks
from .checks import Array
from .equality import same

__all__ = ["ActionNoise", "NormalNoise", "OrnsteinUhlenbeckNoise", "VectorizedNoise"]

Amount: TypeAlias = Array | float


@record(frozen=True, kw_only=True, eq=False)
class ActionNoise:
    """What all noises have in common: equality by content."""

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return id(self)


@record(frozen=True, kw_only=True, eq=False)
class NormalNoise(ActionNoise):
    """Gaussian noise (SB3's NormalActionNoise); ``dtype`` is that of the samples, None before SB3 1.8."""

    mean: Amount
    sigma: Amount
    dtype: numpy.dtype[Any] | None = None

    def __post_init__(self) -> None:
        _check_amount(self.mean, "the mean")
        _check_amount(self.sigma, "sigma")
        _check_dtype(self.dtype)


@record(frozen=True, kw_only=True, eq=False)
class OrnsteinUhlenbeckNoise(ActionNoise):
    """Ornstein-Uhlenbeck noise; ``previous`` is the process's state, ``initial`` what a reset returns to."""

    mean: Amount
    sigma: Amount
    theta: float
    dt: float
    initial: Amount | None = None
    previous: Amount | None = None
    dtype: numpy.dtype[Any] | None = None

    def __post_init__(self) -> None:
        for name in ("mean", "sigma", "initial", "previous"):
            amount = getattr(self, name)
            if amount is not None or name in ("mean", "sigma"):
                _check_amount(amount, name)
        checks.number(self.theta, "theta")
        checks.number(self.dt, "dt")
        _check_dtype(self.dtype)


@record(frozen=True, kw_only=True, eq=False)
class VectorizedNoise(ActionNoise):
    """One noise for each of several environments, all made from ``base``."""

    base: ActionNoise
    noises: tuple[ActionNoise, ...]

    def __post_init__(self) -> None:
        checks.instance(self.base, ActionNoise, "an action noise")
        checks.tuple_of(self.noises, ActionNoise, "the noises")
        checks.check(len(self.noises) > 0, "expected at least one noise")


def _check_amount(value: Any, what: str) -> None:
    if type(value) is not float:
        checks.array(value, what, kinds="iuf")


def _check_dtype(value: Any) -> None:
    if value is not None:
        checks.element_type(value, "the dtype of the noise")
