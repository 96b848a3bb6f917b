"""Which part of a tensor two shapes have in common.

Along most axes that is the beginning of both. The layer that sees an agent's input is another matter: a critic sees
what is observed and then what is done, and an agent with a dictionary sees one key after the other. There the
parts are matched one by one; otherwise the weights of an action would become those of an observation.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.preprocessing import get_action_dim, get_flattened_obs_dim

from ..conversion import Draft, Live
from ..errors import StrongboxError
from .restore import Restorer

__all__ = ["Block", "InputParts", "common_blocks", "fill_blocks", "is_gated"]

Block = tuple[tuple[slice, ...], tuple[slice, ...]]
"""A part of a tensor of the model, and the part of the archive's that goes there."""

Shape = tuple[int, ...]

FIRST = (
    r"mlp_extractor\.(policy_net|value_net)\.0\.weight",
    r"actor(_target)?\.(latent_pi|mu)\.[01]\.weight",
    r"(q_net|quantile_net)(_target)?\.(q_net|quantile_net)\.0\.weight",
    r"lstm_(actor|critic)\.weight_ih_l0",
    r"critic(_target)?\.qf\d+\.[01]\.weight",
)
"""The names of weights whose columns are an agent's input."""

NORM = r"(actor\.latent_pi|critic\.qf\d+)\.0\.(scale|bias|ra_mean|ra_var)"
"""The names of tensors of CrossQ's that have one number for each number of the input."""

GATED = re.compile(r".*\.(weight|bias)_(ih|hh)_l\d+")
"""The names of recurrent layers' tensors, whose rows are those of several gates."""

ACTION = ("action",)
"""The key of what is done, which no key of an observation is."""


def is_gated(name: str, target: Shape, source: Shape) -> bool:
    """Whether a tensor is a recurrent layer's and of another number of units, so that rows are others' rows."""
    return GATED.fullmatch(name) is not None and target[:1] != source[:1]


def fill_blocks(target: torch.Tensor, source: torch.Tensor, blocks: list[Block]) -> None:
    """Overwrite the parts of a live tensor that another one covers."""
    for place, part in blocks:
        target.detach()[place].copy_(source[part])


def common_blocks(
    target: Shape, source: Shape, axis: int = 0, parts: tuple[Mapping[Any, int], Mapping[Any, int]] | None = None
) -> list[Block]:
    """The parts that two shapes of as many axes have in common.

    ``parts`` are the sizes of the parts along an axis, of the target and of the source; one part if not given.
    """
    mine, others = parts or ({None: target[axis]}, {None: source[axis]})
    begin, end = _begins(mine), _begins(others)
    blocks: list[Block] = []
    for key in mine.keys() & others.keys():
        size = min(mine[key], others[key])
        place, part = _shared(target, source), _shared(target, source)
        place[axis] = slice(begin[key], begin[key] + size)
        part[axis] = slice(end[key], end[key] + size)
        blocks.append((tuple(place), tuple(part)))
    return blocks


def _shared(target: Shape, source: Shape) -> list[slice]:
    return [slice(0, min(pair)) for pair in zip(target, source, strict=True)]


def _begins(parts: Mapping[Any, int]) -> dict[Any, int]:
    return dict(zip(parts, itertools.accumulate(parts.values(), initial=0), strict=False))


class InputParts:
    """What the input of an agent consists of, in a model and in the archive."""

    def __init__(self, model: BaseAlgorithm, draft: Draft) -> None:
        self._mine = model.observation_space, model.action_space
        self._others = _live_space(draft, "observation_space"), _live_space(draft, "action_space")

    def of(
        self, name: str, target: Shape, source: Shape, *, normalized: bool
    ) -> tuple[int, tuple[dict[Any, int], dict[Any, int]]] | None:
        """The axis of a tensor that is the input, and the sizes of its parts in the model and in the archive.

        ``normalized`` says that the layer of this tensor normalizes. None where a tensor is no first layer's.
        """
        key = name.removeprefix("policy.")
        axis = 0 if normalized and re.fullmatch(NORM, key) else 1
        if axis == 1 and not any(re.fullmatch(pattern, key) for pattern in FIRST):
            return None
        if None in self._others or axis >= len(target) or len(target) != len(source):
            return None
        critic = key.startswith("critic")
        mine = _sizes(self._mine, target[axis], critic=critic)
        others = _sizes(self._others, source[axis], critic=critic)
        return None if mine is None or others is None else (axis, _alike(mine, others))


def _alike(mine: dict[Any, int], others: dict[Any, int]) -> tuple[dict[Any, int], dict[Any, int]]:
    """Two inputs in parts that can be matched: key by key where both have keys, as one where not."""
    keyed = [any(isinstance(key, str) for key in parts) for parts in (mine, others)]
    return (mine, others) if all(keyed) else (_merged(mine), _merged(others))


def _merged(parts: dict[Any, int]) -> dict[Any, int]:
    observed = sum(size for key, size in parts.items() if key != ACTION)
    return {None: observed, **{key: size for key, size in parts.items() if key == ACTION}}


def _sizes(agent: tuple[Any, Any], width: int, *, critic: bool) -> dict[Any, int] | None:
    """The parts of an input of a width, in order, for the spaces of an agent; None where it cannot be one."""
    observed, action = agent
    done = {ACTION: get_action_dim(action)} if critic else {}
    rest = width - sum(done.values())
    if rest < 0:
        return None
    if isinstance(observed, spaces.Dict):
        keys: dict[Any, int] = {key: get_flattened_obs_dim(space) for key, space in observed.spaces.items()}
        if sum(keys.values()) == rest:
            return {**keys, **done}
    return {None: rest, **done}


def _live_space(draft: Draft, name: str) -> Any:
    value = draft.data.get(name)
    if isinstance(value, Live):
        return value.value
    try:
        return Restorer()(value)
    except StrongboxError:
        return None
