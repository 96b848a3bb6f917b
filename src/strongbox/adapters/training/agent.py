"""The agent's own state at a clean point, besides its parameters: from a live model, and back into it.

Most of it stands in the archive's data anyway: counters, the episodes' statistics, the noise. What is added here is
what the agent last saw, the generators of its spaces, and what SB3 never saves: the matrices of state-dependent
exploration, the states of recurrent networks. All of it is read and checked when a run is resumed, before
anything is changed, and put back as often as SB3's own preparations overwrite it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from numbers import Number
from typing import Any

import numpy
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import ActionNoise, OrnsteinUhlenbeckActionNoise, VectorizedActionNoise

from ...archive import Archive
from ...errors import MismatchError, StrongboxError, locate
from ...values import describe, find_opaque
from ..attributes import refuse_counter
from ..dtypes import TORCH_DTYPES
from ..environments.notes import Notes
from ..environments.plain import copy_plain, revive
from ..environments.spaces import capture_spaces, restore_spaces
from ..restore import Restorer
from .settings import is_state

__all__ = ["AgentState", "capture_agent", "read_agent"]

NOISE = "action_noise"
OBSERVED = ("_last_episode_starts", "_last_obs", "_last_original_obs")
"""What an agent last saw. It changes with every step and may be large, so it is kept as arrays, with no pickle."""
MATRICES = ("exploration_mat", "exploration_matrices")
"""The names that SB3 gives to the weights of state-dependent exploration (gSDE)."""
EPISODES: dict[str, tuple[type, ...]] = {"ep_info_buffer": (dict,), "ep_success_buffer": (int, float, numpy.generic)}
"""Statistics of the last episodes, and what each of them is."""
STATELESS_NOISE = ("NormalActionNoise",)


def capture_agent(model: BaseAlgorithm) -> dict[str, Any]:
    """What an agent holds that is not read from its data: what it last saw, generators, and what SB3 never saves.

    The values of generators are made later.
    """
    state: dict[str, Any] = {
        "observed": {name: copy_plain(vars(model)[name]) for name in OBSERVED if name in vars(model)},
        "spaces": capture_spaces(model),
    }
    for name, distribution in _distributions(model):
        state[name] = {key: _array(getattr(distribution, key)) for key in MATRICES}
    recurrent = getattr(model, "_last_lstm_states", None)
    if recurrent is not None:
        state["lstm"] = [[_array(tensor) for tensor in pair] for pair in recurrent]
    return state


def _array(tensor: torch.Tensor) -> numpy.ndarray[Any, Any]:
    return numpy.array(tensor.detach().cpu().numpy())


def _distributions(model: BaseAlgorithm) -> Iterator[tuple[str, Any]]:
    """The distributions of an agent that explore by matrices, once these are drawn."""
    for name in ("policy", "actor"):
        distribution = getattr(getattr(model, name, None), "action_dist", None)
        if all(isinstance(getattr(distribution, key, None), torch.Tensor) for key in MATRICES):
            yield name, distribution


class AgentState:
    """The state of an agent, read and checked: :meth:`restore` puts it into the model that it was checked with.

    ``inexact`` are the parts of it that a checkpoint does not hold, with the reason.
    """

    def __init__(self, model: BaseAlgorithm) -> None:
        self.inexact: dict[str, str] = {}
        self.attributes: dict[str, Any] = {}
        self.noise: Any = None
        self.extras: Mapping[str, Any] = {}
        self._restorer = Restorer(device=model.device)

    @property
    def steps(self) -> int:
        """SB3's own counter of steps at the checkpoint."""
        return int(self.attributes["num_timesteps"])

    def restore(self, model: BaseAlgorithm) -> dict[str, str]:
        """Put everything back, in fresh copies; gives what does not fit, with the reason."""
        notes = Notes()
        for name, value in self.attributes.items():
            setattr(model, name, self._restorer(value))
        for name, seen in self.extras.get("observed", {}).items():
            setattr(model, name, revive(seen))
        restore_spaces(model, self.extras.get("spaces"), "the model", notes)
        live = getattr(model, NOISE, None)
        if self.noise is not None and live is not None:
            _restore_noise(live, self._restorer(self.noise))
        self._restore_extras(model)
        return notes.inexact

    def _restore_extras(self, model: BaseAlgorithm) -> None:
        for name, distribution in _distributions(model):
            for key, array in self.extras.get(name, {}).items():
                setattr(distribution, key, torch.from_numpy(array.copy()).to(model.device))
        if "lstm" in self.extras:
            live: Any = model._last_lstm_states  # type: ignore[attr-defined]
            pairs = [tuple(torch.from_numpy(part.copy()).to(model.device) for part in p) for p in self.extras["lstm"]]
            model._last_lstm_states = type(live)(*pairs)  # type: ignore[attr-defined]


def read_agent(model: BaseAlgorithm, archive: Archive) -> AgentState:
    """Read an agent's state from a checkpoint's archive, and compare it with a model, which stays as it is.

    Raises MismatchError where a part of it cannot be the model's.
    """
    state = AgentState(model)
    with locate(path=archive.path):
        _check_environments(model, archive.data.get("n_envs"))
        for name in archive.data:
            if is_state(name, type(model)):
                _read_attribute(state, model, name, archive.data[name])
        for name, reason in archive.left_out.items():
            if is_state(name, type(model)):
                state.inexact[name] = reason
        state.noise = _read_noise(state, model, archive)
        state.extras = _checked_extras(model, archive.resume.get("agent", {}))
    if "num_timesteps" not in state.attributes:
        raise MismatchError("expected num_timesteps in the checkpoint's data, found none.", path=archive.path)
    return state


def _check_environments(model: BaseAlgorithm, count: Any) -> None:
    if type(count) is int and count != model.n_envs:
        number = "one environment" if count == 1 else f"{count:,} environments"
        raise MismatchError(
            f"expected {number}, as the run was begun with, found {model.n_envs:,}.",
            hint="Make as many environments as the run was begun with.",
        )


def _read_attribute(state: AgentState, model: BaseAlgorithm, name: str, value: Any) -> None:
    if name not in vars(model):
        state.inexact[name] = f"the model of the script has no attribute {name!r}"
        return
    if callable(getattr(type(model), name, None)):
        raise MismatchError(f"expected attributes in data, found {name!r}, which is a method of the algorithm.")
    parts = find_opaque(value, name)
    if parts:
        state.inexact[name] = parts[0][1].reason
        return
    try:
        refused = refuse_counter(name, state._restorer(value))
    except StrongboxError as error:
        state.inexact[name] = error.problem
        return
    refused = refused or _other_kind(name, getattr(model, name), value)
    if refused:
        raise MismatchError(f"{name} in data: {refused}")
    state.attributes[name] = value


def _other_kind(name: str, live: Any, value: Any) -> str | None:
    """Why a value cannot take the place of a live one, or None where it can."""
    if name in EPISODES:
        entries = value if isinstance(value, list | deque) else None if value is None else [None]
        fits = entries is None or all(isinstance(entry, EPISODES[name]) for entry in entries)
        return None if fits else "expected the statistics of episodes, found something else."
    for kind in (Number, str, bytes):
        if isinstance(live, kind) and not isinstance(value, kind):
            return f"expected a {type(live).__name__}, found {describe(value)}."
    return None


def _misshapen(model: BaseAlgorithm, name: str, value: Any) -> str | None:
    """Why a value cannot be what a model last saw, or None where it can."""
    if value is None:
        return None
    if name == "_last_episode_starts":
        return _not_of_shape(value, (model.n_envs,))
    if name not in ("_last_obs", "_last_original_obs"):
        return None
    spaces = getattr(model.observation_space, "spaces", None)
    if not isinstance(spaces, Mapping):
        return _not_of_shape(value, (model.n_envs, *(model.observation_space.shape or ())))
    if not isinstance(value, Mapping) or set(value) != set(spaces):
        return f"expected observations named {', '.join(spaces)}, found others."
    reasons = (_not_of_shape(value[key], (model.n_envs, *(space.shape or ()))) for key, space in spaces.items())
    return next((reason for reason in reasons if reason), None)


def _not_of_shape(value: Any, shape: tuple[int, ...]) -> str | None:
    if isinstance(value, numpy.ndarray) and value.shape == shape and value.dtype.kind in "biuf":
        return None
    return f"expected numbers of {shape}, found {getattr(value, 'shape', type(value).__name__)}."


# -- where the noise goes on from -------------------------------------------------------


def _read_noise(state: AgentState, model: BaseAlgorithm, archive: Archive) -> Any:
    """The value of the noise where it has a state that is understood."""
    kept = archive.data.get(NOISE)
    live = getattr(model, NOISE, None)
    if live is None or type(live).__name__ in STATELESS_NOISE:
        return None
    parts = find_opaque(kept, NOISE)
    if kept is None or parts:
        reason = parts[0][1].reason if parts else "the checkpoint has none"
        state.inexact[NOISE] = f"{reason}; it begins anew"
        return None
    return kept


def _restore_noise(live: ActionNoise, kept: ActionNoise) -> None:
    """Let a process of noise go on where another stands; the object stays, since a rollout holds it already."""
    if isinstance(live, VectorizedActionNoise) and isinstance(kept, VectorizedActionNoise):
        for mine, other in zip(live.noises, kept.noises, strict=False):
            _restore_noise(mine, other)
    elif isinstance(live, OrnsteinUhlenbeckActionNoise) and isinstance(kept, OrnsteinUhlenbeckActionNoise):
        live.noise_prev = kept.noise_prev


# -- what SB3 never saves -------------------------------------------------------------------------------


def _checked_extras(model: BaseAlgorithm, extras: Any) -> Mapping[str, Any]:
    if not isinstance(extras, Mapping):
        raise MismatchError("expected a mapping in resume/agent.json, found none.")
    observed = extras.get("observed")
    if not isinstance(observed, Mapping) or not set(observed) <= set(OBSERVED):
        raise MismatchError(f"expected {', '.join(OBSERVED)} in resume/agent.json, found others.")
    for name, value in observed.items():
        if problem := _misshapen(model, name, value):
            raise MismatchError(f"{name} in resume/agent.json: {problem}")
    for name in extras.keys() & {"policy", "actor"}:
        distribution = getattr(getattr(model, name, None), "action_dist", None)
        _check_matrices(distribution, extras[name], name)
    recurrent = getattr(model, "_last_lstm_states", None)
    if ("lstm" in extras) != (recurrent is not None):
        raise MismatchError("expected states of recurrent networks exactly where the model has some.")
    if recurrent is not None:
        _check_recurrent(recurrent, extras["lstm"])
    return extras


def _check_matrices(distribution: Any, arrays: Any, name: str) -> None:
    live = getattr(distribution, MATRICES[0], None)
    if not isinstance(live, torch.Tensor) or not isinstance(arrays, Mapping) or set(arrays) != set(MATRICES):
        raise MismatchError(f"expected matrices of exploration only where the model has some, found them for {name}.")
    shapes = [_shape_of(arrays[key], live) for key in MATRICES]
    if (
        None in shapes
        or shapes[0] != tuple(live.shape)
        or len(shapes[1] or ()) != 3
        or (shapes[1] or ())[1:] != shapes[0]
    ):
        raise MismatchError(f"expected matrices of {tuple(live.shape)} for {name}, found {shapes[0]} and {shapes[1]}.")


def _shape_of(array: Any, like: torch.Tensor) -> tuple[int, ...] | None:
    """The shape of an array of the same type of element as a tensor, or None for anything else."""
    if not isinstance(array, numpy.ndarray) or TORCH_DTYPES.get(array.dtype.name) is not like.dtype:
        return None
    return tuple(array.shape)


def _check_recurrent(live: Any, kept: Any) -> None:
    shapes = [[tuple(tensor.shape) for tensor in pair] for pair in live]
    if not isinstance(kept, list) or not all(isinstance(pair, list) for pair in kept):
        raise MismatchError("expected the states of recurrent networks as lists, found something else.")
    found = [[_shape_of(array, live[0][0]) for array in pair] for pair in kept]
    if found != shapes:
        raise MismatchError(f"expected states of recurrent networks of {shapes}, found {found}.")
