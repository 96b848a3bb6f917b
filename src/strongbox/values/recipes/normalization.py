"""VecNormalize pickles: the statistics in them, in the layouts of every release since 0.6.

Dictionary observations came with 1.0 (``obs_keys``), ``norm_obs_keys`` with 1.2; until then ``returns``
was ``ret``. Neither is in SB3's own pickle, which leaves the returns out. Attributes that say nothing
about the statistics (``old_obs``, ``render_mode``) are left aside.
"""

from __future__ import annotations

from typing import Any

import numpy

from ...errors import FormatError
from ...limits import DEFAULT_LIMITS, Limits
from ...pickles import Budget, Call, Decoded, Node
from ..checks import Array, kind_of
from ..normalization import Normalization, RunningStatistics
from ..opaque import find_opaque
from ..spaces import Space
from .building import Builder
from .code import called
from .naming import type_of
from .numbers import to_float

__all__ = ["read_normalization"]

VEC_NORMALIZE = ("stable_baselines3.common.vec_env.vec_normalize", "VecNormalize")
STATISTICS = ("stable_baselines3.common.running_mean_std", "RunningMeanStd")


def read_normalization(
    decoded: Decoded, *, limits: Limits = DEFAULT_LIMITS, budget: Budget | None = None
) -> Normalization:
    """The statistics in a decoded VecNormalize pickle; raises FormatError where it is none, or LimitError."""
    builder = Builder(decoded, limits, budget or Budget(limits))
    state = instance_state(decoded.root, VEC_NORMALIZE, "a VecNormalize")
    numbers = {
        name: to_float(builder.value(needed(state, name)), name)
        for name in ("clip_obs", "clip_reward", "gamma", "epsilon")
    }
    flags = {
        name: to_flag(builder.value(state.get(name, True)), name) for name in ("training", "norm_obs", "norm_reward")
    }
    returns = builder.value(state.get("returns", state.get("ret")))
    return Normalization(
        observations=observations(builder, state.get("obs_rms")),
        rewards=statistics(builder, needed(state, "ret_rms")),
        norm_obs_keys=keys(builder, state.get("norm_obs_keys")),
        observation_space=space(builder, state.get("observation_space")),
        action_space=space(builder, state.get("action_space")),
        returns=None if returns is None else to_array(returns, "the returns"),
        **numbers,  # type: ignore[arg-type]
        **flags,
    )


def instance_state(node: Node, name: tuple[str, str], what: str) -> dict[Any, Node]:
    """The attributes of an instance of one class."""
    if called(node) != name or node.kind != "new" or node.arguments:
        raise FormatError(f"expected {what}, found {type_of(node)}")
    if type(node.state) is not dict:
        raise FormatError(f"expected {what} with attributes, found {kind_of(node.state)}")
    return node.state


def needed(state: dict[Any, Node], name: str) -> Node:
    """An attribute that must be there."""
    if name not in state:
        raise FormatError(f"expected the attribute {name} of a VecNormalize, found none")
    return state[name]


def to_flag(value: Any, name: str) -> bool:
    """A flag, which may be a boolean of numpy."""
    if type(value) is bool or isinstance(value, numpy.bool_):
        return bool(value)
    raise FormatError(f"expected {name} to be true or false, found {kind_of(value)}")


def observations(builder: Builder, node: Node) -> dict[str, RunningStatistics]:
    """The statistics of observations by key."""
    if node is None:
        return {}
    if type(node) is not dict and not (type(node) is Call and called(node) == ("collections", "OrderedDict")):
        return {"": statistics(builder, node)}
    items: Any = node.items() if type(node) is dict else node.items
    result: dict[str, RunningStatistics] = {}
    for key, item in items:
        if type(key) is not str:
            raise FormatError(f"expected keys of observations to be text, found {kind_of(key)}")
        result[key] = statistics(builder, item)
    return result


def statistics(builder: Builder, node: Node) -> RunningStatistics:
    """One RunningMeanStd."""
    state = instance_state(node, STATISTICS, "a RunningMeanStd")
    return RunningStatistics(
        mean=to_array(builder.value(needed(state, "mean")), "the mean"),
        var=to_array(builder.value(needed(state, "var")), "the variance"),
        count=to_float(builder.value(needed(state, "count")), "the count"),
    )


def to_array(value: Any, what: str) -> Array:
    """An array, also where numpy made a scalar of one without dimensions."""
    if isinstance(value, numpy.floating | float):
        scalar = numpy.asarray(value)
        scalar.flags.writeable = False
        return scalar
    if type(value) is numpy.ndarray:
        return value
    raise FormatError(f"expected {what} to be an array, found {kind_of(value)}")


def keys(builder: Builder, node: Node) -> tuple[str, ...] | None:
    """The keys of observations that are normalized."""
    value = builder.value(node)
    if value is None:
        return None
    if type(value) not in (list, tuple) or not all(type(key) is str for key in value):
        raise FormatError(f"expected norm_obs_keys to be a list of text, found {kind_of(value)}")
    return tuple(value)


def space(builder: Builder, node: Node) -> Space | None:
    """A space, or None where there is none or it is not understood."""
    value = builder.value(node)
    return value if isinstance(value, Space) and not any(find_opaque(value)) else None
