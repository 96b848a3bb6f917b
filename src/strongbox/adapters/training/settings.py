"""What of an agent is a setting, and what is state.

What a constructor takes is a setting: the script that makes the model is the truth about it. What is
neither that, nor a class or a schedule, nor made anew by SB3 is state, and the checkpoint is the truth about
it. Where a checkpoint was made with other settings than the script has now, that is told, both in words.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import replace

from stable_baselines3.common.base_class import BaseAlgorithm

from ...archive import Archive, Contents
from ...values import SCHEDULE_NAMES, OrnsteinUhlenbeckNoise, VectorizedNoise, describe, find_opaque, same
from ..attributes import OF_THE_RUN, reserved_names

__all__ = ["compare_settings", "is_state", "setting_names"]

UNTOLD = OF_THE_RUN | {"verbose", "_init_setup_model", "policy", "support_multi_env"}
"""Arguments of constructors that do not change what is learned, or are compared under another name."""

MADE_ANEW = frozenset(
    (
        *("policy_class", "observation_space", "action_space", "n_envs", "n_params", "pop_size"),
        *("_stats_window_size", "_total_timesteps", "_num_timesteps_at_start", "start_time"),
    )
)
"""What SB3 makes of settings, and what ``learn()`` sets before anything is restored."""

ALIASES = "batch_norm_stats"
"""Part of the names of lists whose tensors are the networks' own, which are restored there."""


@functools.lru_cache(maxsize=64)
def setting_names(algorithm: type[BaseAlgorithm]) -> frozenset[str]:
    """The arguments that the constructors of a class and its bases take, and all schedules."""
    taken = {name for cls in algorithm.__mro__ if "__init__" in vars(cls) for name in inspect.signature(cls).parameters}
    return frozenset(taken | SCHEDULE_NAMES)


@functools.lru_cache(maxsize=4096)
def is_state(name: str, algorithm: type[BaseAlgorithm]) -> bool:
    """Whether an attribute of that name is state, which a checkpoint restores."""
    if name in MADE_ANEW or ALIASES in name or name in setting_names(algorithm):
        return False
    return name not in reserved_names(algorithm)


def compare_settings(model: BaseAlgorithm, contents: Contents, archive: Archive) -> dict[str, str]:
    """The settings in which a model and a checkpoint differ, by name, each with both values in words.

    ``contents`` is what was captured of the model. A setting that one of them holds as code cannot be
    compared, and is the script's.
    """
    names = (setting_names(type(model)) - UNTOLD) | {"policy_class", "_stats_window_size"}
    told: dict[str, str] = {}
    for name in sorted(names & set(archive.data) & set(contents.data)):
        entry = contents.data[name]
        kept, live = _without_state(archive.data[name]), _without_state(entry.value)
        told.update(_differences(name, kept, live))
    return told


def _differences(name: str, kept: object, live: object) -> dict[str, str]:
    """How two values of a setting differ; of two dictionaries, key by key, one of which may hold code."""
    if not (any(find_opaque(kept)) or any(find_opaque(live))):
        same_value = same(kept, live)
        return {} if same_value else {name: f"{describe(live)} in the script, {describe(kept)} in the checkpoint"}
    if not (isinstance(kept, dict) and isinstance(live, dict)):
        return {}
    told: dict[str, str] = {}
    for key in {**kept, **live}:
        if key in kept and key in live:
            told.update(_differences(f"{name}.{key}", kept[key], live[key]))
        else:
            told[f"{name}.{key}"] = "in the script only" if key in live else "in the checkpoint only"
    return told


def _without_state(value: object) -> object:
    """A setting without what changes while it is used: where a process of noise stands."""
    if isinstance(value, VectorizedNoise):
        value = value.base
    return replace(value, previous=None) if isinstance(value, OrnsteinUhlenbeckNoise) else value
