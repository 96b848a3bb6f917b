"""The columns of a live replay buffer of Stable-Baselines3: its own arrays, by the names that the store keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer

from ..values.checks import Array

__all__ = [
    "INFOS",
    "KNOWN_ATTRIBUTES",
    "filled_rows",
    "followed",
    "late_columns",
    "late_rows",
    "live_columns",
    "live_infos",
    "rows_ahead",
]

INFOS = "infos"
"""The column of HER's info dictionaries."""

KNOWN_ATTRIBUTES = frozenset(
    (
        *("buffer_size", "observation_space", "action_space", "obs_shape", "action_dim", "pos", "full", "device"),
        *("n_envs", "optimize_memory_usage", "handle_timeout_termination", "observations", "next_observations"),
        *("actions", "rewards", "dones", "timeouts", "n_steps", "gamma", "env", "copy_info_dict", "infos"),
        *("goal_selection_strategy", "n_sampled_goal", "her_ratio", "_current_ep_start"),
    )
)
"""What SB3's own replay buffers have: settings that the script gives, and state that is kept or has its own rule."""


def live_columns(buffer: ReplayBuffer) -> dict[str, Array]:
    """The buffer's own arrays (capacity, environments, …) whose rows are written once, by name."""
    names = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
    return {name: array for of in names if hasattr(buffer, of) for name, array in named_arrays(of, getattr(buffer, of))}


def named_arrays(name: str, arrays: Any) -> Iterator[tuple[str, Array]]:
    """An array, or one for each key of a dictionary of them, with their names as columns."""
    if isinstance(arrays, Mapping):
        yield from ((f"{name}/{key}", array) for key, array in arrays.items())
    else:
        yield name, arrays


def late_columns(buffer: ReplayBuffer) -> dict[str, Array]:
    """The buffer's own arrays whose earlier rows may change: HER's, and any that a derived class has for each row."""
    if type(buffer) in (ReplayBuffer, NStepReplayBuffer):
        return {}
    leading = (buffer.buffer_size, buffer.n_envs)
    return {
        name: value
        for name, value in vars(buffer).items()
        if name not in KNOWN_ATTRIBUTES and isinstance(value, numpy.ndarray)
        if value.shape[:2] == leading and value.dtype.kind in "biufc"
    }


def late_rows(buffer: ReplayBuffer) -> int:
    """Rows of late columns that may hold something: a derived class may write where HER does not."""
    return buffer.size() if type(buffer) is HerReplayBuffer else buffer.buffer_size


def live_infos(buffer: ReplayBuffer) -> dict[str, Array]:
    """HER's own array of infos, where it keeps any."""
    return {INFOS: buffer.infos} if isinstance(buffer, HerReplayBuffer) and buffer.copy_info_dict else {}


def followed(columns: Mapping[str, Array]) -> dict[str, str]:
    """Columns that repeat another one's next row."""
    return {name: name.removeprefix("next_") for name in columns if name.startswith("next_observations")}


def rows_ahead(buffer: ReplayBuffer) -> int:
    """Rows written ahead of the position: with ``optimize_memory_usage`` the newest next observation is one."""
    return 1 if buffer.optimize_memory_usage else 0


def filled_rows(buffer: ReplayBuffer) -> int:
    """Rows from the ring's first place on that hold something; none in an empty buffer."""
    return min(buffer.size() + rows_ahead(buffer), buffer.buffer_size) if buffer.size() else 0
