"""The statistics of VecNormalize: what observations and rewards were divided by while the agent learnt.

Source: ``stable_baselines3/common/vec_env/vec_normalize.py`` and ``running_mean_std.py``. An observation
is normalized to ``clip((observation - mean) / sqrt(var + epsilon), -clip_obs, clip_obs)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from ..records import record
from . import checks
from .checks import Array
from .equality import same
from .spaces import Space

__all__ = ["Normalization", "RunningStatistics"]


@record(frozen=True, kw_only=True, eq=False)
class RunningStatistics:
    """Mean and variance of ``count`` samples: float arrays of the shape of one sample."""

    mean: Array = field(repr=False)
    var: Array = field(repr=False)
    count: float

    def __post_init__(self) -> None:
        checks.array(self.mean, "the mean", kinds="f")
        checks.array(self.var, "the variance", shape=self.mean.shape, kinds="f")
        checks.number(self.count, "the count")

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return hash(self.count)


@record(frozen=True, kw_only=True, eq=False)
class Normalization:
    """The statistics and settings of one VecNormalize.

    ``observations`` holds the statistics of a dictionary observation by key, those of any other
    under the key ``""``; it is empty where observations were not normalized. ``rewards`` are the
    statistics of the discounted returns, ``returns`` the returns so far, one for each environment.
    SB3's own pickle leaves these out. ``norm_obs_keys`` are the keys that are normalized, None for
    all. The spaces are missing where the file did not have them or they were not understood.
    """

    observations: Mapping[str, RunningStatistics]
    rewards: RunningStatistics
    clip_obs: float
    clip_reward: float
    gamma: float
    epsilon: float
    training: bool = True
    norm_obs: bool = True
    norm_reward: bool = True
    norm_obs_keys: tuple[str, ...] | None = None
    observation_space: Space | None = None
    action_space: Space | None = None
    returns: Array | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        checks.instance(self.observations, dict, "a mapping of statistics")
        for key, statistics in self.observations.items():
            checks.text(key, "the key of an observation")
            checks.instance(statistics, RunningStatistics, "statistics")
        checks.instance(self.rewards, RunningStatistics, "statistics of rewards")
        for name in ("clip_obs", "clip_reward", "gamma", "epsilon"):
            checks.number(getattr(self, name), name)
        for name in ("training", "norm_obs", "norm_reward"):
            checks.flag(getattr(self, name), name)
        if self.norm_obs_keys is not None:
            checks.tuple_of(self.norm_obs_keys, str, "norm_obs_keys")
        for name in ("observation_space", "action_space"):
            checks.instance(getattr(self, name), (Space, type(None)), "a space")
        if self.returns is not None:
            checks.array(self.returns, "the returns", kinds="f")

    def __eq__(self, other: object) -> bool:
        return same(self, other)

    def __hash__(self) -> int:
        return hash((self.gamma, self.epsilon))
