"""Noise on actions: values become live objects of Stable-Baselines3, each by its constructor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy
from stable_baselines3.common import noise

from .. import values

if TYPE_CHECKING:
    from .restore import Restorer

__all__ = ["make_noise"]


def make_noise(restore: Restorer, value: Any) -> noise.ActionNoise:
    """The live noise for a value, a process where it stood."""
    return _BUILDERS[type(value)](restore, value)


def _restore_normal_noise(restore: Restorer, value: values.NormalNoise) -> noise.ActionNoise:
    dtype = numpy.float32 if value.dtype is None else value.dtype.type
    return noise.NormalActionNoise(restore(value.mean), restore(value.sigma), dtype=dtype)


def _restore_ornstein_noise(restore: Restorer, value: values.OrnsteinUhlenbeckNoise) -> noise.ActionNoise:
    made = noise.OrnsteinUhlenbeckActionNoise(
        restore(value.mean),
        restore(value.sigma),
        theta=value.theta,
        dt=value.dt,
        initial_noise=restore(value.initial),
        dtype=numpy.float32 if value.dtype is None else value.dtype.type,
    )
    if value.previous is not None:
        made.noise_prev = restore(value.previous)
    return made


def _restore_vectorized_noise(restore: Restorer, value: values.VectorizedNoise) -> noise.ActionNoise:
    made = noise.VectorizedActionNoise(restore(value.base), len(value.noises))
    made.noises = [restore(single) for single in value.noises]
    for live, single in zip(made.noises, value.noises, strict=True):
        # Setting the noises has reset each of them; where the process stood is put back.
        if isinstance(single, values.OrnsteinUhlenbeckNoise) and single.previous is not None:
            live.noise_prev = restore(single.previous)  # type: ignore[attr-defined]
    return made


_BUILDERS: dict[type, Callable[[Restorer, Any], noise.ActionNoise]] = {
    values.NormalNoise: _restore_normal_noise,
    values.OrnsteinUhlenbeckNoise: _restore_ornstein_noise,
    values.VectorizedNoise: _restore_vectorized_noise,
}
