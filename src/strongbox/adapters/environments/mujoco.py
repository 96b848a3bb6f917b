"""The state of MuJoCo simulations: all that the next step depends on, and what observations read of the last one.

MuJoCo's integration state (``mjSTATE_INTEGRATION``, warm start included) is enough to go on bit for bit. But a step
computes positions of bodies, forces and velocities before it moves the joints, and environments read these: Humanoid's
next reward begins with them. So they are captured, too, and put back without computing anything.

https://mujoco.readthedocs.io/en/stable/computation/index.html#the-state
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy

from ...errors import CheckpointError
from ...values import same
from ..later import Later
from .notes import Notes

__all__ = ["NOT_ATTRIBUTES", "capture_simulation", "is_simulation", "restore_simulation"]

NOT_ATTRIBUTES = frozenset(("model", "data", "mujoco_renderer", "_mujoco_bindings"))
"""Attributes of MujocoEnv that are the simulation itself or show it."""

DERIVED = (
    *(
        "xpos",
        "xquat",
        "xmat",
        "xipos",
        "ximat",
        "xanchor",
        "xaxis",
        "geom_xpos",
        "geom_xmat",
        "site_xpos",
        "site_xmat",
    ),
    *("cam_xpos", "cam_xmat", "light_xpos", "light_xdir", "subtree_com", "subtree_linvel", "subtree_angmom"),
    *("cdof", "cdof_dot", "cinert", "crb", "cvel", "cacc", "cfrc_int", "cfrc_ext", "qacc", "qacc_smooth", "act_dot"),
    *("ten_length", "ten_velocity", "actuator_length", "actuator_velocity", "actuator_force", "sensordata", "energy"),
    *("qfrc_bias", "qfrc_passive", "qfrc_spring", "qfrc_damper", "qfrc_gravcomp", "qfrc_fluid", "qfrc_actuator"),
    *("qfrc_smooth", "qfrc_constraint", "qfrc_inverse"),
)
"""Arrays of mjData that a step computes and whose size is the model's; older versions of MuJoCo lack some."""


def is_simulation(env: Any) -> bool:
    """Whether an environment is one of gymnasium's over the MuJoCo bindings that DeepMind publishes."""
    kind = type(env)
    return (
        kind.__module__.startswith("gymnasium.envs.mujoco.") and type(getattr(env, "data", None)).__name__ == "MjData"
    )


def capture_simulation(env: Any) -> dict[str, Any]:
    """The integration state as one float64 array, the derived arrays by name, and, later, a digest of the model."""
    import mujoco  # type: ignore[import-untyped]

    spec = int(mujoco.mjtState.mjSTATE_INTEGRATION)
    state = numpy.zeros(mujoco.mj_stateSize(env.model, spec))
    mujoco.mj_getState(env.model, env.data, state, spec)
    data = env.data
    derived = {name: array.copy() for name in DERIVED if (array := getattr(data, name, None)) is not None}
    return {"integration": state, "derived": derived, "model": Later(_digest, _content(env.model))}


def restore_simulation(env: Any, state: Any, place: str, notes: Notes) -> None:
    """Put a simulation's state back; raises CheckpointError, before anything is set, where it is another model's."""
    import mujoco

    spec = int(mujoco.mjtState.mjSTATE_INTEGRATION)
    if type(state) is not dict or set(state) != {"integration", "derived", "model"}:
        raise CheckpointError("expected the state of a MuJoCo simulation, found another.")
    integration, derived = state["integration"], state["derived"]
    _expect(integration, (mujoco.mj_stateSize(env.model, spec),), "the integration state")
    live = {name: getattr(env.data, name) for name in DERIVED if hasattr(env.data, name)}
    if type(derived) is not dict:
        raise CheckpointError(f"expected derived arrays by name, found {type(derived).__name__}.")
    for name, array in live.items():
        if name in derived:
            _expect(derived[name], array.shape, name)
    if not same(state["model"], _digest(_content(env.model))):
        notes.add(f"{place}.model", "the physical model is another one than in the checkpoint, or another MuJoCo's")
    mujoco.mj_setState(env.model, env.data, integration, spec)
    for name, array in live.items():
        if name in derived:
            array[...] = derived[name]
        else:
            notes.add(f"{place}.data.{name}", "the checkpoint does not have it")


def _expect(found: Any, shape: tuple[int, ...], what: str) -> None:
    if type(found) is not numpy.ndarray or found.dtype != numpy.float64 or found.shape != shape:
        shown = f"{found.dtype} of {found.shape}" if isinstance(found, numpy.ndarray) else type(found).__name__
        raise CheckpointError(f"expected {what} to be float64 of {shape}, found {shown}.")


def _content(model: Any) -> Any:
    """The bytes of a model, copied."""
    import mujoco

    content = numpy.empty(mujoco.mj_sizeModel(model), numpy.uint8)
    mujoco.mj_saveModel(model, None, content)
    return content


def _digest(content: Any) -> str:
    return hashlib.sha256(content.data).hexdigest()
