"""Small models, quickly made, and what is compared of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stable_baselines3 import DQN, PPO

__all__ = ["SMALL", "make_dqn", "make_ppo", "weights"]

SMALL = {"net_arch": [8]}


def make_ppo(**changes: Any) -> Callable[[], Any]:
    """What makes a PPO; ``changes`` are options of its own, and ``environment``."""
    options = {"n_steps": 16, "batch_size": 8, "n_epochs": 1, "seed": 1, "device": "cpu", "policy_kwargs": SMALL}
    environment = changes.pop("environment", "CartPole-v1")
    return lambda: PPO("MlpPolicy", environment, **{**options, **changes})


def make_dqn() -> Any:
    """A DQN."""
    options: dict[str, Any] = {"buffer_size": 100, "learning_starts": 20, "batch_size": 4, "seed": 1, "device": "cpu"}
    return DQN("MlpPolicy", "CartPole-v1", policy_kwargs=SMALL, **options)


def weights(model: Any) -> bytes:
    """The numbers of a policy."""
    return b"".join(tensor.numpy().tobytes() for tensor in model.policy.state_dict().values())
