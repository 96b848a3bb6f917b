"""Recipes for action noise.

Source: ``stable_baselines3/common/noise.py``. The dtype came with SB3 1.8; the noises of several
environments were called ``noises`` and ``base_noise`` throughout, behind an underscore each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ...errors import FormatError
from ...pickles import Call, Node
from ..checks import NUMBER_TYPES, Array, check, kind_of
from ..noise import ActionNoise, NormalNoise, OrnsteinUhlenbeckNoise, VectorizedNoise
from ..opaque import Opaque
from ..references import ClassReference
from .numbers import to_float, to_whole
from .recipe import Recipe, Table, attributes

if TYPE_CHECKING:
    from .building import Builder

__all__ = ["RECIPES"]

MODULE = "stable_baselines3.common.noise"
NUMPY_NUMBERS = frozenset(dtype.name for dtype in NUMBER_TYPES)


def amount(builder: Builder, node: Node) -> Array | float:
    """A mean or deviation: an array, or a plain number."""
    value = builder.value(node)
    return value if type(value) is numpy.ndarray else to_float(value, "a mean or deviation")


def optional_amount(builder: Builder, node: Node) -> Array | float | None:
    """An amount that may be missing."""
    return None if node is None else amount(builder, node)


def sample_dtype(builder: Builder, node: Node) -> numpy.dtype[Any] | None:
    """The dtype of the samples, given as a dtype, as numpy's class or by name; None before SB3 1.8."""
    value = builder.value(node)
    if value is None or isinstance(value, numpy.dtype):
        return value
    name = value.name if isinstance(value, ClassReference) and value.module == "numpy" else value
    if type(name) is str and name in NUMPY_NUMBERS:
        return numpy.dtype(name)
    raise FormatError(f"expected the dtype of a noise, found {kind_of(value)}")


def build_normal(builder: Builder, call: Call) -> NormalNoise:
    """A NormalActionNoise."""
    state = attributes(call, ("_mu", "_sigma"), frozenset({"_dtype"}))
    return NormalNoise(
        mean=amount(builder, state["_mu"]),
        sigma=amount(builder, state["_sigma"]),
        dtype=sample_dtype(builder, state.get("_dtype")),
    )


def build_ornstein_uhlenbeck(builder: Builder, call: Call) -> OrnsteinUhlenbeckNoise:
    """An OrnsteinUhlenbeckActionNoise."""
    others = frozenset({"_dtype", "initial_noise", "noise_prev"})
    state = attributes(call, ("_mu", "_sigma", "_theta", "_dt"), others)
    return OrnsteinUhlenbeckNoise(
        mean=amount(builder, state["_mu"]),
        sigma=amount(builder, state["_sigma"]),
        theta=to_float(builder.value(state["_theta"]), "theta"),
        dt=to_float(builder.value(state["_dt"]), "dt"),
        initial=optional_amount(builder, state.get("initial_noise")),
        previous=optional_amount(builder, state.get("noise_prev")),
        dtype=sample_dtype(builder, state.get("_dtype")),
    )


def build_vectorized(builder: Builder, call: Call) -> VectorizedNoise:
    """A VectorizedActionNoise."""
    state = attributes(call, ("n_envs", "_base_noise", "_noises"))
    if type(state["_noises"]) is not list:
        raise FormatError("expected a list of noises")
    noises = tuple([single(builder, node) for node in state["_noises"]])
    count = to_whole(builder.value(state["n_envs"]), "the number of environments")
    check(len(noises) == count, f"expected a noise for each environment, found {len(noises)}")
    return VectorizedNoise(base=single(builder, state["_base_noise"]), noises=noises)


def single(builder: Builder, node: Node) -> ActionNoise:
    """One noise among several."""
    value = builder.value(node)
    if isinstance(value, ActionNoise):
        return value
    raise FormatError(value.reason if isinstance(value, Opaque) else f"expected a noise, found {kind_of(value)}")


def _instance(build: Any) -> Recipe:
    return Recipe(build, (0,), kind="new", uses=("state",))


RECIPES: Table = {
    (MODULE, "NormalActionNoise"): _instance(build_normal),
    (MODULE, "OrnsteinUhlenbeckActionNoise"): _instance(build_ornstein_uhlenbeck),
    (MODULE, "VectorizedActionNoise"): _instance(build_vectorized),
}
