"""An agent of the first HER on an environment of today: a flat observation becomes a dictionary.

Until SB3 1.1, HER laid the observation and the desired goal of a dictionary in a row, and the agent's
networks saw that row. Today's HerReplayBuffer needs the dictionary, whose network also sees the
achieved goal. So each first layer gets columns of zeros for the achieved goal, and its other columns
in the dictionary's order: the same function, with a few weights more to learn. Without an environment
an agent stays as it was, and acts on rows.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy
from gymnasium import spaces
from stable_baselines3.common.preprocessing import get_flattened_obs_dim

from ..conversion import Draft, Live, Tree
from ..tensors import Tensor
from ..values import Box, ClassReference

__all__ = ["adopt_goals"]

ROW = ("observation", "desired_goal")
"""What the row was made of, in order."""
GOAL_KEYS = frozenset((*ROW, "achieved_goal"))

_FIRST_LAYER = re.compile(r"(actor|critic|q_net|quantile_net)(_target)?\.\w+\.0\.weight")
_OPTIMIZERS = {
    "actor.optimizer": "actor.",
    "critic.optimizer": "critic.",
    "policy.optimizer": ("q_net.", "quantile_net."),
}


def adopt_goals(draft: Draft, env: Any) -> None:
    """Let an agent that saw rows see the dictionaries of an environment, where that is what they are."""
    space = getattr(env, "observation_space", None)
    if not (_is_of_her(draft) and isinstance(space, spaces.Dict) and set(space.spaces) == GOAL_KEYS):
        return
    widths = {key: get_flattened_obs_dim(part) for key, part in space.spaces.items()}
    flat = draft.data.get("observation_space")
    if not isinstance(flat, Box) or flat.shape != (sum(widths[key] for key in ROW),):
        return
    _widen_networks(draft, widths)
    draft.data["observation_space"] = Live(copy.deepcopy(space))
    draft.data["policy_class"] = ClassReference(draft.data["policy_class"].module, "MultiInputPolicy")
    draft.migrated.append("goals: the networks, which saw observation and goal in a row, see the dictionary")


def _is_of_her(draft: Draft) -> bool:
    buffer, policy = draft.data.get("replay_buffer_class"), draft.data.get("policy_class")
    return (
        isinstance(buffer, ClassReference) and buffer.name == "HerReplayBuffer" and isinstance(policy, ClassReference)
    )


def _widen_networks(draft: Draft, widths: Mapping[str, int]) -> None:
    policy = draft.parameters.get("policy", {})
    for name, prefix in _OPTIMIZERS.items():
        if name in draft.parameters:
            names = [key for key in policy if key.startswith(prefix)]
            first = {index for index, key in enumerate(names) if _FIRST_LAYER.fullmatch(key)}
            draft.parameters[name] = _widen_optimizer(draft.parameters[name], first, widths)
    if "policy" in draft.parameters:
        draft.parameters["policy"] = {
            key: _widen(tensor, widths) if _FIRST_LAYER.fullmatch(key) else tensor for key, tensor in policy.items()
        }


def _widen_optimizer(optimizer: Tree, first: set[int], widths: Mapping[str, int]) -> Tree:
    state = {
        index: {key: _widen(item, widths) for key, item in moments.items()} if index in first else moments
        for index, moments in optimizer["state"].items()
    }
    return {**optimizer, "state": state}


def _widen(tensor: Any, widths: Mapping[str, int]) -> Any:
    """The columns of a weight, or of what an optimizer keeps about one, for the dictionary."""
    if not isinstance(tensor, Tensor) or len(tensor.shape) != 2:
        return tensor
    return numpy.concatenate(list(_columns(tensor.numpy(), widths)), axis=1)


def _columns(old: numpy.ndarray[Any, Any], widths: Mapping[str, int]) -> Iterator[numpy.ndarray[Any, Any]]:
    starts = {ROW[0]: 0, ROW[1]: widths[ROW[0]]}
    for key, width in widths.items():
        if key in starts:
            yield old[:, starts[key] : starts[key] + width]
        else:
            yield numpy.zeros((len(old), width), old.dtype)
    yield old[:, sum(widths[key] for key in ROW) :]
