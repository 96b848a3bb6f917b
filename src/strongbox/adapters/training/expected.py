"""What a model can take of a checkpoint: noted when its script has just made it, before it learns.

A checkpoint is held against it twice, by the same rules: when it is made, so that there is none that nothing can go
on from, and when a run is resumed. What is kept for that (spaces, shapes, types) stays as it is while the model
learns, so that another thread may ask.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Number
from typing import Any, TypeAlias

import numpy
import torch
from gymnasium import Space
from stable_baselines3.common.base_class import BaseAlgorithm

from ...errors import MismatchError
from ...values import TorchTensor, describe
from ..attributes import refuse_counter
from ..dtypes import TORCH_DTYPES

__all__ = ["MATRICES", "OBSERVED", "Expected", "distributions", "expect"]

OBSERVED = ("_last_episode_starts", "_last_obs", "_last_original_obs")
"""What an agent last saw. It changes with every step and may be large, so it is kept as arrays, with no pickle."""
MATRICES = ("exploration_mat", "exploration_matrices")
"""The names that SB3 gives to the weights of state-dependent exploration (gSDE)."""

Shape: TypeAlias = tuple[int, ...]
Shapes: TypeAlias = Shape | dict[str, Shape]
Row: TypeAlias = tuple[Shape, torch.dtype]
"""The shape and the type of element of one tensor."""


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a model can take.

    ``kinds`` are the types of its attributes by name, ``observed`` the shapes of what it last saw: for observations
    that are dictionaries, by key. ``matrices`` describe those of its policy and its actor, ``recurrent`` the
    states of its recurrent networks.
    """

    algorithm: type[BaseAlgorithm]
    observation_space: Space[Any]
    action_space: Space[Any]
    environments: int
    kinds: Mapping[str, type]
    observed: Mapping[str, Shapes]
    matrices: Mapping[str, Row]
    recurrent: list[list[Row]] | None

    def refuse_attribute(self, name: str, value: Any) -> str | None:
        """Why a value, of which every part is understood, cannot be an attribute of the model; None where it can."""
        if callable(getattr(self.algorithm, name, None)):
            return "expected an attribute, found a name that is a method of the algorithm."
        if name in EPISODES:
            return _refuse_episodes(name, value)
        kind = self.kinds[name]
        for known in (Number, str, bytes):
            if issubclass(kind, known) and not isinstance(value, known):
                return f"expected a {kind.__name__}, found {describe(value)}."
        return refuse_counter(name, value)

    def refuse_observed(self, name: str, value: Any) -> str | None:
        """Why a value cannot be what the model last saw; None where it can."""
        shapes = self.observed[name]
        if value is None:
            return None
        if not isinstance(shapes, dict):
            return _not_of_shape(value, shapes)
        if not isinstance(value, Mapping) or set(value) != set(shapes):
            return f"expected observations named {', '.join(shapes)}, found others."
        reasons = (_not_of_shape(value[key], shape) for key, shape in shapes.items())
        return next((reason for reason in reasons if reason), None)

    def check_networks(self, extras: Mapping[str, Any]) -> None:
        """Raise MismatchError where matrices of exploration, or states of recurrent networks, are not the model's."""
        for name in extras.keys() & {"policy", "actor"}:
            _check_matrices(self.matrices.get(name), extras[name], name)
        if ("lstm" in extras) != (self.recurrent is not None):
            raise MismatchError("expected states of recurrent networks exactly where the model has some.")
        if self.recurrent is not None:
            _check_recurrent(self.recurrent, extras["lstm"])


def expect(model: BaseAlgorithm) -> Expected:
    """What a model can take that its script has just made."""
    normalized = model.get_vec_normalize_env()
    seen = _shapes(model.observation_space, model.n_envs)
    # VecNormalize gives what it was given, of the space below it, whatever is around it.
    below = seen if normalized is None else _shapes(normalized.venv.observation_space, model.n_envs)
    states = getattr(model, "_last_lstm_states", None)
    return Expected(
        algorithm=type(model),
        observation_space=model.observation_space,
        action_space=model.action_space,
        environments=model.n_envs,
        kinds={name: type(value) for name, value in vars(model).items()},
        observed=dict(zip(OBSERVED, ((model.n_envs,), seen, below), strict=True)),
        matrices={name: _row(getattr(distribution, MATRICES[0])) for name, distribution in distributions(model)},
        recurrent=None if states is None else [[_row(tensor) for tensor in pair] for pair in states],
    )


def distributions(model: BaseAlgorithm) -> Iterator[tuple[str, Any]]:
    """The distributions of an agent that explore by matrices, once these are drawn."""
    for name in ("policy", "actor"):
        distribution = getattr(getattr(model, name, None), "action_dist", None)
        if all(isinstance(getattr(distribution, key, None), torch.Tensor) for key in MATRICES):
            yield name, distribution


def _shapes(space: Any, count: int) -> Shapes:
    """The shapes of the observations of several environments."""
    spaces = getattr(space, "spaces", None)
    if isinstance(spaces, Mapping):
        return {key: (count, *(part.shape or ())) for key, part in spaces.items()}
    return (count, *(space.shape or ()))


def _row(tensor: torch.Tensor) -> Row:
    return tuple(tensor.shape), tensor.dtype


# -- the rules ----------------------------------------------------------------------------------------


def _is_episode(entry: Any) -> bool:
    return isinstance(entry, dict)


def _is_success(entry: Any) -> bool:
    """Whether an entry is what environments say of success: SB3 takes the mean of whatever they give."""
    array = entry.array if isinstance(entry, TorchTensor) else entry
    if isinstance(array, numpy.ndarray | numpy.generic):
        return array.dtype.kind in "biuf" and array.size == 1
    return isinstance(array, int | float)


EPISODES = {"ep_info_buffer": _is_episode, "ep_success_buffer": _is_success}
"""Statistics of the last episodes, and what each of them is."""


def _refuse_episodes(name: str, value: Any) -> str | None:
    fits = value is None or (isinstance(value, list | deque) and all(map(EPISODES[name], value)))
    return None if fits else "expected the statistics of episodes, found something else."


def _not_of_shape(value: Any, shape: Shape) -> str | None:
    if isinstance(value, numpy.ndarray) and value.shape == shape and value.dtype.kind in "biuf":
        return None
    return f"expected numbers of {shape}, found {getattr(value, 'shape', type(value).__name__)}."


def _check_matrices(live: Row | None, arrays: Any, name: str) -> None:
    if live is None or not isinstance(arrays, Mapping) or set(arrays) != set(MATRICES):
        raise MismatchError(f"expected matrices of exploration only where the model has some, found them for {name}.")
    shape, dtype = live
    one, many = (_shape_of(arrays[key], dtype) for key in MATRICES)
    if one != shape or many is None or len(many) != 3 or many[1:] != shape:
        raise MismatchError(f"expected matrices of {shape} for {name}, found {one} and {many}.")


def _shape_of(array: Any, dtype: torch.dtype) -> Shape | None:
    """The shape of an array of a type of element, or None for anything else."""
    if not isinstance(array, numpy.ndarray) or TORCH_DTYPES.get(array.dtype.name) is not dtype:
        return None
    return tuple(array.shape)


def _check_recurrent(live: list[list[Row]], kept: Any) -> None:
    shapes = [[shape for shape, _ in pair] for pair in live]
    if not isinstance(kept, list) or not all(isinstance(pair, list) for pair in kept):
        raise MismatchError("expected the states of recurrent networks as lists, found something else.")
    found = [[_shape_of(array, live[0][0][1]) for array in pair] for pair in kept]
    if found != shapes:
        raise MismatchError(f"expected states of recurrent networks of {shapes}, found {found}.")
