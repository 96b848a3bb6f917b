"""A tiny environment of any kind, and tiny agents of all fourteen algorithms that have learned on it a little."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy
import torch
from gymnasium import spaces
from sb3_contrib import ARS, QRDQN, TQC, TRPO, CrossQ, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3, HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.envs import BitFlippingEnv
from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize

__all__ = ["AGENTS", "Agent", "OwnExtractor", "TinyEnv", "make_agent"]

OBSERVATIONS: dict[str, Callable[[], spaces.Space[Any]]] = {
    "vector": lambda: spaces.Box(-1.0, 1.0, (3,)),
    "image": lambda: spaces.Box(0, 255, (36, 36, 1), numpy.uint8),
    "dict": lambda: spaces.Dict(
        {"vector": spaces.Box(-1.0, 1.0, (3,)), "more": spaces.Box(-2.0, 2.0, (2,)), "kind": spaces.Discrete(3)}
    ),
}
ACTIONS: dict[str, Callable[[], spaces.Space[Any]]] = {
    "discrete": lambda: spaces.Discrete(3),
    "box": lambda: spaces.Box(-1.0, 1.0, (2,)),
    "multi": lambda: spaces.MultiDiscrete([2, 3]),
    "binary": lambda: spaces.MultiBinary(3),
}


class TinyEnv(gymnasium.Env[Any, Any]):
    """Seven steps to an episode; what is observed is drawn from a generator of its own."""

    def __init__(self, observation: str = "vector", action: str = "discrete") -> None:
        self.observation_space = OBSERVATIONS[observation]()
        self.action_space = ACTIONS[action]()
        self.observation_space.seed(0)
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self.steps = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return self.observation_space.sample(), float(numpy.sum(action)), self.steps == 7, False, {}

    def action_masks(self) -> numpy.ndarray[Any, Any]:
        return numpy.array([True, True, False])


class OwnExtractor(BaseFeaturesExtractor):
    """Somebody's own network in front of a policy."""

    def __init__(self, observation_space: spaces.Box, features_dim: int = 3) -> None:
        super().__init__(observation_space, features_dim)
        self.linear = torch.nn.Linear(observation_space.shape[0], features_dim)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.linear(observations)  # type: ignore[no-any-return]


ON_POLICY = {"n_steps": 8, "device": "cpu"}
PPO_LIKE = {**ON_POLICY, "batch_size": 4, "n_epochs": 2}
OFF_POLICY = {"buffer_size": 60, "learning_starts": 8, "batch_size": 4, "device": "cpu"}
CNN = {"features_extractor_kwargs": {"features_dim": 4}, "normalize_images": True}
SMALL = {"net_arch": [4]}
LSTM = {"lstm_hidden_size": 4, **SMALL}


@dataclass(frozen=True, kw_only=True)
class Agent:
    """How one tiny agent is made."""

    algorithm: type[BaseAlgorithm]
    policy: str
    observation: str = "vector"
    action: str = "discrete"
    options: dict[str, Any] = field(default_factory=dict)
    policy_options: dict[str, Any] = field(default_factory=lambda: dict(SMALL))
    steps: int = 24
    envs: int = 1
    normalize: bool = False

    def make_env(self) -> VecEnv:
        if self.observation == "goal":
            return DummyVecEnv([lambda: BitFlippingEnv(n_bits=3, max_steps=5, continuous=self.action == "box")])
        env: VecEnv = DummyVecEnv([lambda: TinyEnv(self.observation, self.action) for _ in range(self.envs)])
        return VecNormalize(env) if self.normalize else env

    def make(self) -> Any:
        algorithm: Any = self.algorithm
        options = {**copy.deepcopy(self.options), "policy_kwargs": copy.deepcopy(self.policy_options)}
        model = algorithm(self.policy, self.make_env(), seed=3, **options)
        return model.learn(self.steps)


def _noise(kind: type) -> Any:
    return kind(numpy.zeros(2), 0.1 * numpy.ones(2))


AGENTS: dict[str, Agent] = {
    "a2c": Agent(algorithm=A2C, policy="MlpPolicy", options={**ON_POLICY, "n_steps": 5}),
    "a2c-multi": Agent(algorithm=A2C, policy="MlpPolicy", action="multi", options={**ON_POLICY, "n_steps": 5}),
    "a2c-image": Agent(algorithm=A2C, policy="CnnPolicy", observation="image", options=ON_POLICY, policy_options=CNN),
    "a2c-dict": Agent(algorithm=A2C, policy="MultiInputPolicy", observation="dict", options=ON_POLICY),
    "ppo": Agent(algorithm=PPO, policy="MlpPolicy", options=PPO_LIKE, envs=2),
    "ppo-box-sde": Agent(
        algorithm=PPO,
        policy="MlpPolicy",
        action="box",
        options={**PPO_LIKE, "use_sde": True, "learning_rate": LinearSchedule(1e-3, 1e-4, 0.5), "clip_range_vf": 0.3},
        policy_options={"net_arch": {"pi": [4], "vf": [5]}, "activation_fn": torch.nn.ELU, "log_std_init": -1.0},
        normalize=True,
    ),
    "ppo-binary": Agent(algorithm=PPO, policy="MlpPolicy", action="binary", options=PPO_LIKE),
    "ppo-image": Agent(algorithm=PPO, policy="CnnPolicy", observation="image", options=PPO_LIKE, policy_options=CNN),
    "ppo-dict": Agent(algorithm=PPO, policy="MultiInputPolicy", observation="dict", action="box", options=PPO_LIKE),
    "trpo": Agent(algorithm=TRPO, policy="MlpPolicy", options={**ON_POLICY, "batch_size": 4}),
    "trpo-image": Agent(
        algorithm=TRPO,
        policy="CnnPolicy",
        observation="image",
        options={**ON_POLICY, "batch_size": 4},
        policy_options=CNN,
        steps=8,
    ),
    "trpo-dict": Agent(
        algorithm=TRPO, policy="MultiInputPolicy", observation="dict", options={**ON_POLICY, "batch_size": 4}
    ),
    "maskable-ppo": Agent(algorithm=MaskablePPO, policy="MlpPolicy", options=PPO_LIKE),
    "maskable-ppo-image": Agent(
        algorithm=MaskablePPO, policy="CnnPolicy", observation="image", options=PPO_LIKE, policy_options=CNN
    ),
    "maskable-ppo-dict": Agent(algorithm=MaskablePPO, policy="MultiInputPolicy", observation="dict", options=PPO_LIKE),
    "recurrent-ppo": Agent(
        algorithm=RecurrentPPO, policy="MlpLstmPolicy", action="box", options=PPO_LIKE, policy_options=LSTM
    ),
    "recurrent-ppo-image": Agent(
        algorithm=RecurrentPPO,
        policy="CnnLstmPolicy",
        observation="image",
        options=PPO_LIKE,
        policy_options={**CNN, "lstm_hidden_size": 4},
    ),
    "recurrent-ppo-dict": Agent(
        algorithm=RecurrentPPO, policy="MultiInputLstmPolicy", observation="dict", options=PPO_LIKE, policy_options=LSTM
    ),
    "dqn": Agent(algorithm=DQN, policy="MlpPolicy", options=OFF_POLICY, envs=2),
    "dqn-image": Agent(algorithm=DQN, policy="CnnPolicy", observation="image", options=OFF_POLICY, policy_options=CNN),
    "dqn-dict": Agent(algorithm=DQN, policy="MultiInputPolicy", observation="dict", options=OFF_POLICY),
    "qrdqn": Agent(algorithm=QRDQN, policy="MlpPolicy", options=OFF_POLICY, policy_options={**SMALL, "n_quantiles": 3}),
    "qrdqn-image": Agent(
        algorithm=QRDQN, policy="CnnPolicy", observation="image", options=OFF_POLICY, policy_options=CNN
    ),
    "qrdqn-dict": Agent(algorithm=QRDQN, policy="MultiInputPolicy", observation="dict", options=OFF_POLICY),
    "sac": Agent(algorithm=SAC, policy="MlpPolicy", action="box", options=OFF_POLICY),
    "sac-sde-fixed": Agent(
        algorithm=SAC, policy="MlpPolicy", action="box", options={**OFF_POLICY, "use_sde": True, "ent_coef": 0.1}
    ),
    "sac-image": Agent(
        algorithm=SAC,
        policy="CnnPolicy",
        observation="image",
        action="box",
        options=OFF_POLICY,
        policy_options={**CNN, **SMALL},
        steps=12,
    ),
    "sac-dict": Agent(algorithm=SAC, policy="MultiInputPolicy", observation="dict", action="box", options=OFF_POLICY),
    "tqc": Agent(
        algorithm=TQC,
        policy="MlpPolicy",
        action="box",
        options={**OFF_POLICY, "top_quantiles_to_drop_per_net": 1},
        policy_options={**SMALL, "n_quantiles": 4},
    ),
    "tqc-dict": Agent(algorithm=TQC, policy="MultiInputPolicy", observation="dict", action="box", options=OFF_POLICY),
    "td3": Agent(
        algorithm=TD3,
        policy="MlpPolicy",
        action="box",
        options={**OFF_POLICY, "action_noise": _noise(OrnsteinUhlenbeckActionNoise)},
        envs=2,
    ),
    "td3-dict": Agent(algorithm=TD3, policy="MultiInputPolicy", observation="dict", action="box", options=OFF_POLICY),
    "ddpg": Agent(
        algorithm=DDPG,
        policy="MlpPolicy",
        action="box",
        options={**OFF_POLICY, "action_noise": _noise(NormalActionNoise), "train_freq": (1, "episode")},
    ),
    "ddpg-image": Agent(
        algorithm=DDPG,
        policy="CnnPolicy",
        observation="image",
        action="box",
        options=OFF_POLICY,
        policy_options={**CNN, **SMALL},
        steps=12,
    ),
    "crossq": Agent(algorithm=CrossQ, policy="MlpPolicy", action="box", options=OFF_POLICY),
    "ars": Agent(
        algorithm=ARS, policy="MlpPolicy", action="box", options={"n_delta": 2, "device": "cpu", "zero_policy": False}
    ),
    "ars-linear": Agent(
        algorithm=ARS, policy="LinearPolicy", options={"n_delta": 2, "device": "cpu"}, policy_options={}
    ),
    "her-sac": Agent(
        algorithm=SAC,
        policy="MultiInputPolicy",
        observation="goal",
        action="box",
        options={**OFF_POLICY, "replay_buffer_class": HerReplayBuffer, "replay_buffer_kwargs": {"n_sampled_goal": 2}},
    ),
    "her-dqn": Agent(
        algorithm=DQN,
        policy="MultiInputPolicy",
        observation="goal",
        options={**OFF_POLICY, "replay_buffer_class": HerReplayBuffer},
    ),
}


@functools.cache
def make_agent(name: str) -> Any:
    """One of the tiny agents; made once, so no test may change it."""
    torch.set_num_threads(1)
    return AGENTS[name].make()
