"""VecNormalize, live: its statistics taken for an archive, and put back onto an environment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecEnv, VecNormalize, unwrap_vec_normalize

from ..errors import MismatchError
from ..values import Normalization, RunningStatistics

__all__ = [
    "capture_normalization",
    "fit_normalization",
    "normalize_environment",
    "undo_normalization",
    "wrap_environment",
]

WHOLE = ""
"""The key of an observation's statistics where it is no dictionary."""


def capture_normalization(live: VecNormalize) -> Normalization:
    """The statistics and settings of a live VecNormalize."""
    found: Any = live.obs_rms if live.norm_obs else {}
    by_key = found if isinstance(found, dict) else {WHOLE: found}
    return Normalization(
        observations={key: _capture(statistics) for key, statistics in by_key.items()},
        rewards=_capture(live.ret_rms),
        clip_obs=float(live.clip_obs),
        clip_reward=float(live.clip_reward),
        gamma=float(live.gamma),
        epsilon=float(live.epsilon),
        training=bool(live.training),
        norm_obs=bool(live.norm_obs),
        norm_reward=bool(live.norm_reward),
        norm_obs_keys=None if live.norm_obs_keys is None else tuple(live.norm_obs_keys),
        returns=numpy.array(live.returns, numpy.float64),
    )


def _capture(live: RunningMeanStd) -> RunningStatistics:
    mean, var = numpy.array(live.mean, numpy.float64), numpy.array(live.var, numpy.float64)
    return RunningStatistics(mean=mean, var=var, count=float(live.count))


def normalize_environment(env: VecEnv, normalization: Normalization) -> VecEnv:
    """An environment with an agent's statistics: on the VecNormalize that it has, or wrapped in a new one.

    A VecNormalize that is there keeps its own ``training`` and ``norm_reward``, which the caller chose
    for this run; all that changes what the agent sees is the agent's. Raises MismatchError where the
    statistics are of other observations.
    """
    live = unwrap_vec_normalize(env)
    if live is None:
        return wrap_environment(env, normalization)
    _put(live, normalization)
    return env


def wrap_environment(env: VecEnv, normalization: Normalization) -> VecNormalize:
    """An environment in a VecNormalize of its own; raises MismatchError where the statistics are of others."""
    live = _wrap(env, normalization)
    _put(live, normalization)
    return live


def _put(live: VecNormalize, normalization: Normalization) -> None:
    live.norm_obs = normalization.norm_obs
    live.clip_obs, live.clip_reward = normalization.clip_obs, normalization.clip_reward
    live.gamma, live.epsilon = normalization.gamma, normalization.epsilon
    live.ret_rms = _restore(normalization.rewards)
    if normalization.norm_obs:
        live.obs_rms = _restore_observations(live, normalization)
    if normalization.norm_obs_keys is not None:
        live.norm_obs_keys = list(normalization.norm_obs_keys)
    if normalization.returns is not None and normalization.returns.shape == (live.num_envs,):
        live.returns = normalization.returns.copy()


@contextmanager
def undo_normalization(env: Any) -> Iterator[None]:
    """Where an error passes, give the VecNormalize of an environment back as it was."""
    live = unwrap_vec_normalize(env) if isinstance(env, VecEnv) else None
    before = {} if live is None else dict(vars(live))
    try:
        yield
    except BaseException:
        if live is not None:
            vars(live).update(before)
        raise


def fit_normalization(
    normalization: Normalization, space: Any, on_mismatch: str
) -> tuple[Normalization | None, list[str]]:
    """Statistics for another space of observations, and what was done to them, in words.

    ``"overlap"`` keeps the block that both have in common, and begins the rest with mean 0 and variance 1; where
    nothing can be kept, all of them stay behind.
    """
    fitted: dict[str, RunningStatistics] = {}
    told: list[str] = []
    for key, kept in normalization.observations.items():
        part = space if key == WHOLE else getattr(space, "spaces", {}).get(key)
        shape = getattr(part, "shape", None)
        if shape == kept.mean.shape:
            fitted[key] = kept
        elif on_mismatch == "overlap" and shape is not None and len(shape) == kept.mean.ndim:
            fitted[key] = _cut(kept, shape)
            told.append(f"normalization: statistics of {kept.mean.shape} were cut to, or begun anew for, {shape}")
        else:
            return None, [f"normalization: left behind, its statistics are of {kept.mean.shape}, not {shape}"]
    return replace(normalization, observations=fitted), told


def _cut(kept: RunningStatistics, shape: tuple[int, ...]) -> RunningStatistics:
    block = tuple(slice(0, min(pair)) for pair in zip(kept.mean.shape, shape, strict=True))
    mean, var = numpy.zeros(shape), numpy.ones(shape)
    mean[block], var[block] = kept.mean[block], kept.var[block]
    return RunningStatistics(mean=mean, var=var, count=kept.count)


def _wrap(env: VecEnv, normalization: Normalization) -> VecNormalize:
    keys = normalization.norm_obs_keys
    try:
        return VecNormalize(
            env,
            training=normalization.training,
            norm_obs=normalization.norm_obs,
            norm_reward=normalization.norm_reward,
            clip_obs=normalization.clip_obs,  # of images, it bounds the space, too
            norm_obs_keys=None if keys is None else list(keys),
        )
    except (ValueError, KeyError) as error:
        raise MismatchError(
            f"expected observations that the agent's normalization is for, found others: {error}."
        ) from error


def _restore_observations(live: VecNormalize, normalization: Normalization) -> Any:
    space: Any = live.observation_space
    statistics = {key: _restore(kept) for key, kept in normalization.observations.items()}
    for key, kept in statistics.items():
        part = space if key == WHOLE else getattr(space, "spaces", {}).get(key)
        if part is None or part.shape != kept.mean.shape:
            where = f" under {key!r}" if key else ""
            raise MismatchError(
                f"expected observations of {kept.mean.shape}{where}, as the agent's normalization is for, "
                f"found {space}."
            )
    return statistics.get(WHOLE, statistics)


def _restore(kept: RunningStatistics) -> RunningMeanStd:
    live = RunningMeanStd(shape=kept.mean.shape)
    live.mean, live.var, live.count = kept.mean.copy(), kept.var.copy(), kept.count
    return live
