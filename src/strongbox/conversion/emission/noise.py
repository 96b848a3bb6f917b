"""Action noise, with the attributes that SB3 has had since 1.8."""

from __future__ import annotations

from typing import Any

import numpy

from ...pickles import Global, Node
from ...values import NormalNoise, OrnsteinUhlenbeckNoise, VectorizedNoise
from .arrays import dtype_node
from .emitters import Emit, Emitters
from .instances import instance_node

__all__ = ["EMITTERS"]

MODULE = "stable_baselines3.common.noise"


def sample_dtype(dtype: numpy.dtype[Any] | None) -> dict[str, Node]:
    """The dtype of the samples: numpy's class where it is one of floats, as SB3 keeps it."""
    if dtype is None:
        return {}
    return {"_dtype": Global("numpy", dtype.name) if dtype.kind == "f" else dtype_node(dtype)}


def emit_normal(emit: Emit, value: NormalNoise) -> Node:
    """A NormalActionNoise."""
    state = {"_mu": emit(value.mean), "_sigma": emit(value.sigma), **sample_dtype(value.dtype)}
    return instance_node(MODULE, "NormalActionNoise", state)


def emit_ornstein_uhlenbeck(emit: Emit, value: OrnsteinUhlenbeckNoise) -> Node:
    """An OrnsteinUhlenbeckActionNoise."""
    state = {
        "_theta": value.theta,
        "_mu": emit(value.mean),
        "_sigma": emit(value.sigma),
        "_dt": value.dt,
        **sample_dtype(value.dtype),
        "initial_noise": emit(value.initial),
        "noise_prev": emit(value.previous),
    }
    return instance_node(MODULE, "OrnsteinUhlenbeckActionNoise", state)


def emit_vectorized(emit: Emit, value: VectorizedNoise) -> Node:
    """A VectorizedActionNoise."""
    state = {
        "n_envs": len(value.noises),
        "_base_noise": emit(value.base),
        "_noises": [emit(noise) for noise in value.noises],
    }
    return instance_node(MODULE, "VectorizedActionNoise", state)


EMITTERS: Emitters = {
    NormalNoise: emit_normal,
    OrnsteinUhlenbeckNoise: emit_ornstein_uhlenbeck,
    VectorizedNoise: emit_vectorized,
}
