"""Make the small archives of ``tests/data/archives``, one per algorithm, with Stable-Baselines3's own ``save``.

They are committed, so that the core's tests read files that Strongbox did not write, on machines that have
neither torch nor Stable-Baselines3. Every network is a few units wide and every run a few steps long: long
enough that optimizers, counters and episode buffers hold something. ``cartpole`` alone was trained to do its
task, since the documentation shows it. To make them again, all or some:

    .venv/bin/python tests/data/make_archives.py [NAME…]

Two things are kept out of the files: the path of this script, which cloudpickle would write into each
function that it pickles by value, and the name of the operating system's kernel in ``system_info.txt``.
"""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from sb3_contrib import ARS, QRDQN, TQC, TRPO, CrossQ, MaskablePPO, RecurrentPPO
from sb3_contrib.common.envs import InvalidActionEnvDiscrete
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3, HerReplayBuffer
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.envs import BitFlippingEnv, SimpleMultiObsEnv
from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise, VectorizedActionNoise
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from torch import nn

ARCHIVES = Path(__file__).parent / "archives"
OFF_POLICY: dict[str, Any] = {"learning_starts": 20, "batch_size": 8, "buffer_size": 200, "seed": 0, "device": "cpu"}
ON_POLICY: dict[str, Any] = {"seed": 0, "device": "cpu"}
OWN_CODE = """
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor


class Extractor(BaseFeaturesExtractor):
    def __init__(self, observation_space, features_dim=3):
        super().__init__(observation_space, features_dim)
        self.linear = torch.nn.Linear(observation_space.shape[0], features_dim)

    def forward(self, observations):
        return self.linear(observations)


def linear(start):
    def schedule(progress_remaining):
        return progress_remaining * start

    return schedule


def cosine(progress_remaining):
    return 0.001 * progress_remaining**2
"""


def own_names() -> dict[str, Any]:
    """What a user defines in a script of their own: cloudpickle keeps it by value."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(OWN_CODE, "train.py", "exec"), names)
    return names


def a2c() -> BaseAlgorithm:
    return A2C("MlpPolicy", "CartPole-v1", n_steps=8, policy_kwargs=small(), **ON_POLICY)


def ars() -> BaseAlgorithm:
    return ARS("LinearPolicy", "Pendulum-v1", n_delta=2, zero_policy=False, **ON_POLICY)


def cartpole() -> BaseAlgorithm:
    rate = LinearSchedule(0.002, 0.0, 1.0)
    options: dict[str, Any] = {"n_steps": 512, "learning_rate": rate, "clip_range": LinearSchedule(0.2, 0.05, 1.0)}
    return PPO("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [32, 32]}, seed=4, device="cpu", **options)


def crossq() -> BaseAlgorithm:
    return CrossQ("MlpPolicy", "Pendulum-v1", policy_kwargs=small(), **OFF_POLICY)


def ddpg() -> BaseAlgorithm:
    noise = OrnsteinUhlenbeckActionNoise(np.zeros(1), 0.1 * np.ones(1))
    return DDPG("MlpPolicy", "Pendulum-v1", action_noise=noise, policy_kwargs=small(), **OFF_POLICY)


def dqn() -> BaseAlgorithm:
    return DQN("MlpPolicy", "CartPole-v1", policy_kwargs=small(), **OFF_POLICY)


def her_sac() -> BaseAlgorithm:
    env = BitFlippingEnv(n_bits=3, continuous=True)
    replay = {"n_sampled_goal": 2, "goal_selection_strategy": "future"}
    options = {**OFF_POLICY, "replay_buffer_class": HerReplayBuffer, "replay_buffer_kwargs": replay}
    return SAC("MultiInputPolicy", env, policy_kwargs=small(), **options)


def maskable_ppo() -> BaseAlgorithm:
    env = InvalidActionEnvDiscrete(dim=6, n_invalid_actions=2)
    return MaskablePPO("MlpPolicy", env, n_steps=16, batch_size=8, n_epochs=1, policy_kwargs=small(), **ON_POLICY)


def ppo() -> BaseAlgorithm:
    rate = LinearSchedule(0.001, 0.0, 1.0)
    return PPO("MlpPolicy", "CartPole-v1", learning_rate=rate, clip_range=0.1, **small_ppo())


def ppo_dict() -> BaseAlgorithm:
    env = SimpleMultiObsEnv(num_col=2, num_row=2, random_start=False, discrete_actions=True)
    options = small_ppo()
    options["policy_kwargs"] = {"net_arch": {"pi": [4], "vf": [8]}, "activation_fn": nn.ReLU, "ortho_init": False}
    return PPO("MultiInputPolicy", Only(env, "vec"), **options)


def ppo_gsde_normalized() -> BaseAlgorithm:
    env = VecNormalize(DummyVecEnv([lambda: gym.make("Pendulum-v1")] * 2))
    return PPO("MlpPolicy", env, use_sde=True, sde_sample_freq=4, **small_ppo())


def ppo_own_code() -> BaseAlgorithm:
    own = own_names()
    options = small_ppo()
    options["policy_kwargs"] = {"net_arch": [4], "features_extractor_class": own["Extractor"]}
    return PPO("MlpPolicy", "CartPole-v1", learning_rate=own["linear"](0.002), clip_range=own["cosine"], **options)


def qrdqn() -> BaseAlgorithm:
    return QRDQN("MlpPolicy", "CartPole-v1", policy_kwargs={"net_arch": [8], "n_quantiles": 4}, **OFF_POLICY)


def recurrent_ppo() -> BaseAlgorithm:
    options = small_ppo()
    options["policy_kwargs"] = {"net_arch": [4], "lstm_hidden_size": 4}
    return RecurrentPPO("MlpLstmPolicy", "CartPole-v1", **options)


def sac() -> BaseAlgorithm:
    return SAC("MlpPolicy", "Pendulum-v1", policy_kwargs=small(), **OFF_POLICY)


def sac_fixed_entropy() -> BaseAlgorithm:
    return SAC("MlpPolicy", "Pendulum-v1", ent_coef=0.1, use_sde=True, policy_kwargs=small(), **OFF_POLICY)


def td3() -> BaseAlgorithm:
    noise = VectorizedActionNoise(NormalActionNoise(np.zeros(1), 0.2 * np.ones(1)), n_envs=2)
    env = DummyVecEnv([lambda: gym.make("Pendulum-v1")] * 2)
    return TD3("MlpPolicy", env, action_noise=noise, policy_kwargs=small(), train_freq=1, **OFF_POLICY)


def tqc() -> BaseAlgorithm:
    return TQC(
        "MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [8], "n_quantiles": 3, "n_critics": 2}, **OFF_POLICY
    )


def trpo() -> BaseAlgorithm:
    return TRPO("MlpPolicy", "Pendulum-v1", n_steps=32, batch_size=16, policy_kwargs=small(), **ON_POLICY)


def small() -> dict[str, Any]:
    """The network's shape, new each time: SB3 writes into the mapping that it is given."""
    return {"net_arch": [8]}


def small_ppo() -> dict[str, Any]:
    return {"n_steps": 16, "batch_size": 8, "n_epochs": 1, "policy_kwargs": small(), **ON_POLICY}


class Only(gym.ObservationWrapper[Any, Any, Any]):
    """The same environment with one key of its observation alone."""

    def __init__(self, env: gym.Env[Any, Any], key: str) -> None:
        super().__init__(env)
        assert isinstance(env.observation_space, spaces.Dict)
        self.key = key
        self.observation_space = spaces.Dict({key: env.observation_space[key]})

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        return {self.key: observation[self.key]}


AGENTS: tuple[Callable[[], BaseAlgorithm], ...] = (
    *(a2c, ars, cartpole, crossq, ddpg, dqn, her_sac, maskable_ppo, ppo, ppo_dict, ppo_gsde_normalized, ppo_own_code),
    *(qrdqn, recurrent_ppo, sac, sac_fixed_entropy, td3, tqc, trpo),
)


STEPS = {"cartpole": 12_288}
"""How long to train; all others 64 steps."""


def make_archive(make: Callable[[], BaseAlgorithm], folder: Path) -> None:
    """Train one agent for a moment, save it with SB3, and its VecNormalize statistics beside it."""
    model = make()
    model.learn(total_timesteps=STEPS.get(make.__name__, 64))
    target = folder / f"{file_name(make)}.zip"
    model.save(target)
    normalization = model.get_vec_normalize_env()
    if normalization is not None:
        normalization.save(str(target.with_suffix(".vecnormalize.pkl")))


def file_name(make: Callable[[], BaseAlgorithm]) -> str:
    return make.__name__.replace("_", "-")


def main() -> None:
    platform.platform = lambda *_, **__: "Linux-6.0-x86_64-with-glibc2.35"
    platform.version = lambda: "#1 SMP"
    ARCHIVES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for make in AGENTS:
            if not sys.argv[1:] or file_name(make) in sys.argv[1:]:
                make_archive(make, Path(folder))
        for made in sorted(Path(folder).iterdir()):
            (ARCHIVES / made.name).write_bytes(made.read_bytes())
            print(f"{made.name:32} {made.stat().st_size / 1000:6.1f} kB")


if __name__ == "__main__":
    main()
