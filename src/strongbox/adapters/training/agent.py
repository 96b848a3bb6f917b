"""The agent's own state at a clean point, besides its parameters: from a live model, and back into it.

Most of it stands in the archive's data anyway: counters, the episodes' statistics, the noise. What is added here is
what the agent last saw, the generators of its spaces, and what SB3 never saves: the matrices of state-dependent
exploration, the states of recurrent networks. All of it is read and checked when a run is resumed, before
anything is changed, and put back as often as SB3's own preparations overwrite it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import ActionNoise, OrnsteinUhlenbeckActionNoise, VectorizedActionNoise

from ...archive import Archive, Contents, Typed
from ...errors import CheckpointError, MismatchError, StrongboxError, locate
from ...values import find_opaque
from ..environments.axes import arrange, arrange_like, axes_by_name
from ..environments.notes import Notes
from ..environments.plain import copy_plain, revive
from ..environments.spaces import capture_spaces, restore_spaces
from ..into import check_spaces
from ..restore import Restorer
from .expected import MATRICES, OBSERVED, Expected, distributions
from .settings import is_state

__all__ = ["AgentState", "capture_agent", "leave_out_misfits", "read_agent"]

NOISE = "action_noise"
STATELESS_NOISE = ("NormalActionNoise",)


def capture_agent(model: BaseAlgorithm) -> dict[str, Any]:
    """What an agent holds that is not read from its data: what it last saw, generators, and what SB3 never saves.

    The values of generators are made later.
    """
    observed = {name: copy_plain(vars(model)[name]) for name in OBSERVED if name in vars(model)}
    state: dict[str, Any] = {
        "observed": observed,
        "axes": axes_by_name(observed),
        "spaces": capture_spaces(model),
    }
    for name, distribution in distributions(model):
        state[name] = {key: _array(getattr(distribution, key)) for key in MATRICES}
    recurrent = getattr(model, "_last_lstm_states", None)
    if recurrent is not None:
        state["lstm"] = [[_array(tensor) for tensor in pair] for pair in recurrent]
    return state


def _array(tensor: torch.Tensor) -> numpy.ndarray[Any, Any]:
    return numpy.array(tensor.detach().cpu().numpy())


def leave_out_misfits(expected: Expected, contents: Contents) -> Contents:
    """What was captured, without what a run that goes on from it would refuse; that is left out, with the reason.

    Raises CheckpointError where no run could go on from what is left.
    """
    agent, values = contents.resume["agent"], {name: entry.value for name, entry in contents.data.items()}
    misfits = {**_unfit_attributes(expected, contents), **_unfit_observed(expected, agent["observed"])}
    try:
        _check_environments(expected, values.get("n_envs"))
        if "num_timesteps" in misfits or "num_timesteps" not in values:
            raise MismatchError("expected num_timesteps, a whole number, found none.")
        check_spaces(expected, values)
        expected.check_networks(agent)
    except MismatchError as error:
        raise CheckpointError(
            f"expected a checkpoint that a run can go on from, found one that it would refuse: {error}",
            hint="Nothing was written. Leave this part of the model as make_model has made it, or train without a run.",
        ) from error
    if not misfits:
        return contents
    observed = {name: value for name, value in agent["observed"].items() if name not in misfits}
    return replace(
        contents,
        data={name: entry for name, entry in contents.data.items() if name not in misfits},
        left_out={**contents.left_out, **misfits},
        resume={**contents.resume, "agent": {**agent, "observed": observed}},
    )


def _unfit_attributes(expected: Expected, contents: Contents) -> dict[str, str]:
    misfits = {}
    for name, entry in contents.data.items():
        known = is_state(name, expected.algorithm) and name in expected.kinds
        if known and not (isinstance(entry, Typed) and entry.opaque):
            problem = expected.refuse_attribute(name, entry.value)
            misfits.update({} if problem is None else {name: problem})
    return misfits


def _unfit_observed(expected: Expected, observed: Mapping[str, Any]) -> dict[str, str]:
    problems = {name: expected.refuse_observed(name, value) for name, value in observed.items()}
    return {name: problem for name, problem in problems.items() if problem is not None}


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
            # Checkpoints of old do not say how it lay, and what the script's reset gave mostly lies as a step's.
            told = "axes" in self.extras
            setattr(model, name, revive(seen if told else arrange_like(seen, getattr(model, name, None))))
        restore_spaces(model, self.extras.get("spaces"), "the model", notes)
        live = getattr(model, NOISE, None)
        if self.noise is not None and live is not None:
            _restore_noise(live, self._restorer(self.noise))
        self._restore_extras(model)
        return notes.inexact

    def _restore_extras(self, model: BaseAlgorithm) -> None:
        for name, distribution in distributions(model):
            for key, array in self.extras.get(name, {}).items():
                setattr(distribution, key, torch.from_numpy(array.copy()).to(model.device))
        if "lstm" in self.extras:
            live: Any = model._last_lstm_states  # type: ignore[attr-defined]
            pairs = [tuple(torch.from_numpy(part.copy()).to(model.device) for part in p) for p in self.extras["lstm"]]
            model._last_lstm_states = type(live)(*pairs)  # type: ignore[attr-defined]


def read_agent(model: BaseAlgorithm, expected: Expected, archive: Archive) -> AgentState:
    """Read an agent's state from a checkpoint's archive, and compare it with a model, which stays as it is.

    Raises MismatchError where a part of it cannot be the model's, and CheckpointError where an order of axes is none.
    """
    state = AgentState(model)
    with locate(path=archive.path):
        _check_environments(expected, archive.data.get("n_envs"))
        for name in archive.data:
            if is_state(name, type(model)):
                _read_attribute(state, expected, name, archive.data[name])
        for name, reason in archive.left_out.items():
            if is_state(name, type(model)):
                state.inexact[name] = reason
        state.noise = _read_noise(state, model, archive)
        state.extras = _checked_extras(expected, archive.resume.get("agent", {}))
    if "num_timesteps" not in state.attributes:
        raise MismatchError("expected num_timesteps in the checkpoint's data, found none.", path=archive.path)
    return state


def _check_environments(expected: Expected, count: Any) -> None:
    if type(count) is int and count != expected.environments:
        number = "one environment" if count == 1 else f"{count:,} environments"
        raise MismatchError(
            f"expected {number}, as the run was begun with, found {expected.environments:,}.",
            hint="Make as many environments as the run was begun with.",
        )


def _read_attribute(state: AgentState, expected: Expected, name: str, value: Any) -> None:
    if name not in expected.kinds:
        state.inexact[name] = f"the model of the script has no attribute {name!r}"
        return
    parts = find_opaque(value, name)
    if parts:
        state.inexact[name] = parts[0][1].reason
        return
    try:
        state._restorer(value)
    except StrongboxError as error:
        state.inexact[name] = error.problem
        return
    refused = expected.refuse_attribute(name, value)
    if refused:
        raise MismatchError(f"{name} in data: {refused}")
    state.attributes[name] = value


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


def _checked_extras(expected: Expected, extras: Any) -> dict[str, Any]:
    """The extras of a checkpoint, held against a model, with what it last saw as it lay in memory."""
    if not isinstance(extras, Mapping):
        raise MismatchError("expected a mapping in resume/agent.json, found none.")
    observed, axes = extras.get("observed"), extras.get("axes", {})
    if not isinstance(observed, Mapping) or not set(observed) <= set(OBSERVED):
        raise MismatchError(f"expected {', '.join(OBSERVED)} in resume/agent.json, found others.")
    for name, value in observed.items():
        if problem := expected.refuse_observed(name, value):
            raise MismatchError(f"{name} in resume/agent.json: {problem}")
    expected.check_networks(extras)
    return {**extras, "observed": arrange(dict(observed), axes)}
