"""Which algorithm wrote an archive: told by strongbox.json, or inferred from what only it keeps.

SB3 writes no algorithm name. Its algorithms keep different attributes, though, and each kind of
policy lives in a module of its own: the two together tell the fourteen apart, and those of sbx from them.
The names are those of the classes in SB3 and sb3-contrib 2.9, and in sbx 0.28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..records import record
from ..values import ClassReference

__all__ = ["Algorithm", "infer_algorithm"]


@record(frozen=True)
class Algorithm:
    """The full name of an algorithm's class, and how it is known."""

    name: str
    evidence: str


@record(frozen=True)
class _Rule:
    """One algorithm's marks: attributes that it keeps, and a part of its policies' module."""

    name: str
    keeps: tuple[str, ...] = ()
    policy: str = ""


_PPO_KEEPS = ("clip_range", "n_epochs", "gae_lambda")

_RULES = (
    _Rule("sb3_contrib.ars.ars.ARS", ("n_delta", "delta_std_schedule")),
    _Rule("sb3_contrib.trpo.trpo.TRPO", ("cg_max_steps", "line_search_max_iter")),
    _Rule("sb3_contrib.tqc.tqc.TQC", ("top_quantiles_to_drop_per_net", "target_entropy")),
    _Rule("sb3_contrib.qrdqn.qrdqn.QRDQN", ("exploration_fraction", "n_quantiles")),
    _Rule("stable_baselines3.dqn.dqn.DQN", ("exploration_fraction", "target_update_interval")),
    _Rule("sb3_contrib.crossq.crossq.CrossQ", ("policy_delay", "target_entropy")),
    _Rule("stable_baselines3.td3.td3.TD3", ("policy_delay", "target_policy_noise")),
    _Rule("stable_baselines3.sac.sac.SAC", ("target_entropy", "target_update_interval")),
    _Rule("sb3_contrib.ppo_mask.ppo_mask.MaskablePPO", _PPO_KEEPS, ".maskable."),
    _Rule("sb3_contrib.ppo_recurrent.ppo_recurrent.RecurrentPPO", _PPO_KEEPS, ".recurrent."),
    _Rule("stable_baselines3.ppo.ppo.PPO", _PPO_KEEPS),
    _Rule("stable_baselines3.a2c.a2c.A2C", ("gae_lambda", "vf_coef")),
)

_SBX = {
    f"sbx.{name.lower()}.policies": f"sbx.{name.lower()}.{name.lower()}.{name}"
    for name in ("CrossQ", "DQN", "PPO", "SAC", "TD3", "TQC")
}
"""The algorithms of sbx by the module of their policies: it keeps what SB3 keeps, but with networks of JAX."""

_DDPG = "stable_baselines3.ddpg.ddpg.DDPG"
_DDPG_MARKS = {"policy_delay": 1, "target_noise_clip": 0.0}
"""DDPG is TD3 with these settings, which its constructor fixes (stable_baselines3/ddpg/ddpg.py, sbx/ddpg/ddpg.py)."""
_SBX_DDPG = "sbx.ddpg.ddpg.DDPG"


def infer_algorithm(data: Mapping[str, Any]) -> Algorithm | None:
    """The algorithm that keeps these attributes, or None where no rule fits."""
    policy = data.get("policy_class")
    module = f"{policy.module}." if isinstance(policy, ClassReference) else ""
    wrapped = data.get("model_class")
    if isinstance(wrapped, ClassReference):
        return Algorithm(wrapped.path, "data['model_class'], as HER of SB3 1.0 keeps it")
    if module[:-1] in _SBX:
        return _infer_sbx(data, module[:-1])
    for rule in _RULES:
        if all(name in data for name in rule.keeps) and rule.policy in module:
            marks = [f"data keeps {', '.join(rule.keeps)}"]
            if rule.policy:
                marks.append(f"the policy is of {module[:-1]}")
            if rule.name.endswith(".TD3") and _has_marks_of_ddpg(data):
                return Algorithm(_DDPG, f"{marks[0]}; {_marks_of_ddpg()}")
            return Algorithm(rule.name, "; ".join(marks))
    return None


def _infer_sbx(data: Mapping[str, Any], module: str) -> Algorithm:
    name, evidence = _SBX[module], f"the policy is of {module}"
    if name.endswith(".TD3") and _has_marks_of_ddpg(data):
        return Algorithm(_SBX_DDPG, f"{evidence}; {_marks_of_ddpg()}")
    return Algorithm(name, evidence)


def _marks_of_ddpg() -> str:
    return ", ".join(f"{name}={value}" for name, value in _DDPG_MARKS.items())


def _has_marks_of_ddpg(data: Mapping[str, Any]) -> bool:
    found = ((data.get(name), value) for name, value in _DDPG_MARKS.items())
    # A damaged file may have an array there, which has no truth when it is compared.
    return all(isinstance(setting, int | float) and setting == value for setting, value in found)
