"""An agent of the first HER as one of today: a flat observation becomes a dictionary.

Until SB3 1.1, HER laid the observation and the desired goal of a dictionary in a row, and the agent's
networks saw that row. Today's HerReplayBuffer needs the dictionary, whose network also sees the
achieved goal. So each first layer gets columns of zeros for the achieved goal, and its other columns
in the dictionary's order: the same function, with a few weights more to learn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy

from ..tensors import Tensor
from ..values import Box, ClassReference, Dict
from .draft import Draft, Tree

__all__ = ["GOAL_KEYS", "remember_goals", "sees_row_of_goals", "widen_goals"]

ROW = ("observation", "desired_goal")
"""What the row was made of, in order."""
GOAL_KEYS = frozenset((*ROW, "achieved_goal"))

_FIRST_LAYER = re.compile(r"(actor|critic|q_net|quantile_net)(_target)?\.\w+\.0\.weight")
_OPTIMIZERS = {
    "actor.optimizer": "actor.",
    "critic.optimizer": "critic.",
    "policy.optimizer": ("q_net.", "quantile_net."),
}


def sees_row_of_goals(draft: Draft, widths: Mapping[str, int]) -> bool:
    """Whether a draft is an agent of HER that sees observation and desired goal, of these widths, in a row."""
    buffer, policy = draft.data.get("replay_buffer_class"), draft.data.get("policy_class")
    flat = draft.data.get("observation_space")
    return (
        isinstance(buffer, ClassReference)
        and buffer.name == "HerReplayBuffer"
        and isinstance(policy, ClassReference)
        and isinstance(flat, Box)
        and flat.shape == (sum(widths[key] for key in ROW),)
    )


def widen_goals(draft: Draft, widths: Mapping[str, int], space: Any) -> None:
    """Let the networks see a dictionary of these widths, in its order; ``space`` is the space of it."""
    _widen_networks(draft, widths)
    draft.data["observation_space"] = space
    draft.data["policy_class"] = ClassReference(draft.data["policy_class"].module, "MultiInputPolicy")
    draft.migrated.append("goals: the networks, which saw observation and goal in a row, see the dictionary")


def remember_goals(draft: Draft) -> None:
    """Do so by the last observation, which HER kept as the dictionary; where there is none, nothing is done."""
    last = draft.data.get("_last_obs")
    if not isinstance(last, dict) or set(last) != GOAL_KEYS:
        return
    arrays = {key: last[key] for key in sorted(last)}
    if not all(isinstance(array, numpy.ndarray) and array.ndim == 2 for array in arrays.values()):
        return
    widths = {key: array.shape[1] for key, array in arrays.items()}
    if sees_row_of_goals(draft, widths):
        widen_goals(draft, widths, _split_space(draft.data["observation_space"], widths))


def _split_space(row: Box, widths: Mapping[str, int]) -> Dict:
    """The space of a dictionary whose parts lay in a row; an achieved goal is bounded as a desired one."""
    cut = widths[ROW[0]]
    parts = {ROW[0]: slice(0, cut), ROW[1]: slice(cut, None), "achieved_goal": slice(cut, None)}
    return Dict(
        spaces={
            key: Box(low=row.low[parts[key]], high=row.high[parts[key]], shape=(widths[key],), dtype=row.dtype)
            for key in widths
        }
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
