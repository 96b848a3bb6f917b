"""The agents that are measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stable_baselines3 import PPO

__all__ = ["agent_bytes", "fresh", "large_agent", "small_agent"]


def large_agent(width: int) -> Any:
    """A PPO whose policy and value networks have two layers of ``width`` units, never trained."""
    return PPO("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [width, width]}, device="cpu")


def small_agent() -> Any:
    """A PPO of SB3's default size, trained for one rollout, so that its optimizer has a state."""
    return PPO("MlpPolicy", "CartPole-v1", device="cpu", seed=0).learn(2048)


def agent_bytes(model: Any) -> int:
    """Bytes of all tensors of a model: parameters and optimizer states."""
    tensors = list(model.policy.state_dict().values())
    for state in model.policy.optimizer.state_dict()["state"].values():
        tensors += [value for value in state.values() if hasattr(value, "nbytes")]
    return sum(tensor.nbytes for tensor in tensors)


def fresh(folder: Path, name: str) -> Path:
    """A path at which no file stands."""
    path = folder / name
    path.unlink(missing_ok=True)
    return path
