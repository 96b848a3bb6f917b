"""An agent of the first HER on an environment of today, whose dictionary it sees instead of a row.

Without an environment an agent stays as it was, and acts on rows.
"""

from __future__ import annotations

import copy
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.preprocessing import get_flattened_obs_dim

from ..conversion import GOAL_KEYS, Draft, Live, sees_row_of_goals, widen_goals

__all__ = ["adopt_goals"]


def adopt_goals(draft: Draft, env: Any) -> None:
    """Let an agent that saw rows see the dictionaries of an environment, where that is what they are."""
    space = getattr(env, "observation_space", None)
    if not (isinstance(space, spaces.Dict) and set(space.spaces) == GOAL_KEYS):
        return
    widths = {key: get_flattened_obs_dim(part) for key, part in space.spaces.items()}
    if sees_row_of_goals(draft, widths):
        widen_goals(draft, widths, Live(copy.deepcopy(space)))
