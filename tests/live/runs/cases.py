"""Training scripts, small ones of every kind: what a run is resumed in, and what it is held against."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ale_py
import gymnasium
import numpy
from sb3_contrib import ARS, QRDQN, TQC, TRPO, CrossQ, MaskablePPO, RecurrentPPO
from sb3_contrib.common.wrappers import ActionMasker
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3, HerReplayBuffer
from stable_baselines3.common.callbacks import (
    BaseCallback,
    EvalCallback,
    EveryNTimesteps,
    StopTrainingOnMaxEpisodes,
    StopTrainingOnNoModelImprovement,
)
from stable_baselines3.common.env_util import make_atari_env, make_vec_env
from stable_baselines3.common.envs import BitFlippingEnv
from stable_baselines3.common.logger import configure
from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecFrameStack, VecNormalize

__all__ = ["CASES", "Case"]

gymnasium.register_envs(ale_py)

SMALL = {"net_arch": [8]}
ON_POLICY = {"n_steps": 16, "policy_kwargs": SMALL}
PPO_LIKE = {**ON_POLICY, "batch_size": 8, "n_epochs": 2}
OFF_POLICY = {"buffer_size": 150, "learning_starts": 40, "batch_size": 8, "policy_kwargs": SMALL}


class Masked(ActionMasker):
    """FrozenLake in which one action after the other is forbidden."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env, lambda inner: numpy.arange(4) != inner.unwrapped.s % 4)  # type: ignore[attr-defined]


class Counting(BaseCallback):
    """A callback of one's own that tells its state."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def _on_step(self) -> bool:
        self.seen += 1
        return True

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seen = state["seen"]


class Relabelling(BaseCallback):
    """Gives the rewards of the last rows anew, some of which a checkpoint may have, and of all rows now and then."""

    def _on_step(self) -> bool:
        buffer = self.model.replay_buffer  # type: ignore[attr-defined]
        if self.num_timesteps % 30 == 0:
            buffer.rewards[max(0, buffer.pos - 40) : buffer.pos] *= 0.5
        if self.num_timesteps % 110 == 0:
            buffer.rewards += 0.25
        return True


class Bits(BitFlippingEnv):
    """SB3's environment of goals; it draws from a space of its own, and so it tells its state."""

    def get_state(self) -> dict[str, Any]:
        generator = self._obs_space.np_random.bit_generator.state
        return {"bits": self.state.copy(), "steps": self.current_step, "generator": generator}

    def set_state(self, state: dict[str, Any]) -> None:
        self.state, self.current_step = state["bits"], state["steps"]
        self._obs_space.np_random.bit_generator.state = state["generator"]


class Pictures(gymnasium.Env[numpy.ndarray[Any, Any], numpy.int64]):
    """Small pictures with the colours last, as cameras give them; a network takes them first."""

    def __init__(self, colours: int = 3) -> None:
        self.observation_space = gymnasium.spaces.Box(0, 255, (36, 36, colours), numpy.uint8)
        self.action_space = gymnasium.spaces.Discrete(2)
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return self._picture(), {}

    def step(self, action: numpy.int64) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return self._picture(), float(action == self.steps % 2), self.steps >= 9, False, {}

    def _picture(self) -> Any:
        space: Any = self.observation_space
        return self.np_random.integers(0, 256, space.shape, numpy.uint8)


def no_callbacks(folder: Path) -> list[BaseCallback]:
    return []


@dataclass(frozen=True, kw_only=True)
class Case:
    """One script: how its model is made, how long it learns, and after which steps it is killed.

    ``environment`` makes the environment, given a folder for logs; ``lengths`` are the totals of its calls of
    ``learn()``, ``log`` the formats of a logger of its own (``"tensorboard_log"``: SB3's way).
    """

    algorithm: type[Any]
    environment: Callable[[Path], VecEnv]
    policy: str = "MlpPolicy"
    options: dict[str, Any] = field(default_factory=dict)
    lengths: tuple[int, ...] = (200,)
    every: int = 50
    kills: tuple[int, ...] = (60, 120)
    log: tuple[str, ...] = ()
    learn: dict[str, Any] = field(default_factory=dict)
    callbacks: Callable[[Path], list[BaseCallback]] = no_callbacks

    def make_model(self, folder: Path) -> Any:
        """The model of the script, with logs in a folder."""
        options = {"seed": 3, "device": "cpu", **self.options}
        if self.log == ("tensorboard_log",):
            options["tensorboard_log"] = str(folder / "tensorboard")
        model = self.algorithm(self.policy, self.environment(folder), **options)
        if self.log and self.log != ("tensorboard_log",):
            model.set_logger(configure(str(folder / "log"), list(self.log)))
        return model


def vectorized(
    name: str,
    count: int = 1,
    *,
    normalize: bool = False,
    monitor: bool = False,
    **options: Any,
) -> Callable[[Path], VecEnv]:
    """Environments of gymnasium's, as SB3 makes them."""

    def make(folder: Path) -> VecEnv:
        place = str(folder / "monitor") if monitor else None
        env: VecEnv = make_vec_env(name, n_envs=count, monitor_dir=place, **options)
        return VecNormalize(env) if normalize else env

    return make


def atari(folder: Path) -> VecEnv:
    return VecFrameStack(make_atari_env("ALE/Breakout-v5", n_envs=1, env_kwargs={"frameskip": 1}), 2)


def masked(folder: Path) -> VecEnv:
    return make_vec_env("FrozenLake-v1", n_envs=2, wrapper_class=Masked)


def pictures(folder: Path) -> VecEnv:
    """SB3 itself puts a VecTransposeImage around it, which looks at the same memory along other axes."""
    return DummyVecEnv([Pictures, Pictures])


def goals(folder: Path) -> VecEnv:
    return DummyVecEnv([functools.partial(Bits, n_bits=4, max_steps=6, continuous=True)])


def evaluation(
    name: str, *, normalize: bool = False, processes: Mapping[str, Any] = {}, **options: Any
) -> EvalCallback:
    env: VecEnv = make_vec_env(name, n_envs=1, seed=11, **processes)
    env = VecNormalize(env, training=False) if normalize else env
    return EvalCallback(env, eval_freq=30, n_eval_episodes=2, verbose=0, **options)


def ppo_callbacks(folder: Path) -> list[BaseCallback]:
    after = StopTrainingOnNoModelImprovement(max_no_improvement_evals=50, min_evals=1)
    return [evaluation("CartPole-v1", callback_after_eval=after), EveryNTimesteps(40, Counting())]


def noise(kind: type[Any], size: int) -> Any:
    return kind(numpy.zeros(size), 0.3 * numpy.ones(size))


FORKED: dict[str, Any] = {"vec_env_cls": SubprocVecEnv, "vec_env_kwargs": {"start_method": "fork"}}
"""Worker processes that are there at once."""

CASES: dict[str, Case] = {
    "a2c": Case(
        algorithm=A2C,
        environment=vectorized("CartPole-v1", 2, monitor=True),
        options={"n_steps": 5, "policy_kwargs": SMALL, "learning_rate": LinearSchedule(0.01, 0.001, 1.0)},
        learn={"log_interval": 3},
        log=("csv", "json", "log"),
    ),
    "a2c-workers": Case(
        algorithm=A2C,
        environment=vectorized("CartPole-v1", 2, monitor=True, **FORKED),
        options={"n_steps": 5, "policy_kwargs": SMALL},
        callbacks=lambda folder: [evaluation("CartPole-v1", processes=FORKED, log_path=str(folder / "kept"))],
        every=20,
        lengths=(300,),
        kills=(90, 180),
        learn={"log_interval": 2},
    ),
    "ppo": Case(
        algorithm=PPO,
        environment=vectorized("CartPole-v1", monitor=True),
        options=PPO_LIKE,
        callbacks=ppo_callbacks,
        log=("csv", "tensorboard"),
    ),
    "ppo-processes": Case(
        algorithm=PPO,
        environment=vectorized("LunarLander-v3", 2, normalize=True, vec_env_cls=SubprocVecEnv),
        options={**PPO_LIKE, "clip_range": LinearSchedule(0.3, 0.1, 1.0), "target_kl": 0.05},
        kills=(60,),
    ),
    "ppo-sde": Case(
        algorithm=PPO,
        environment=vectorized("Pendulum-v1", 2, normalize=True),
        options={**PPO_LIKE, "use_sde": True, "sde_sample_freq": 3},
        log=("tensorboard_log",),
        lengths=(100, 150),
        kills=(60, 120, 180),
    ),
    "ppo-pictures": Case(
        algorithm=PPO,
        environment=pictures,
        policy="CnnPolicy",
        options={**PPO_LIKE, "policy_kwargs": {"features_extractor_kwargs": {"features_dim": 8}}},
        lengths=(128,),
        every=32,
        kills=(32, 64),
    ),
    "trpo": Case(
        algorithm=TRPO,
        environment=vectorized("Pendulum-v1", normalize=True),
        options={"n_steps": 16, "batch_size": 8, "policy_kwargs": SMALL, "n_critic_updates": 2},
        callbacks=lambda _: [evaluation("Pendulum-v1", normalize=True)],
    ),
    "recurrent": Case(
        algorithm=RecurrentPPO,
        environment=vectorized("CartPole-v1", 2),
        policy="MlpLstmPolicy",
        options={**PPO_LIKE, "policy_kwargs": {"lstm_hidden_size": 4, **SMALL}},
    ),
    "maskable": Case(algorithm=MaskablePPO, environment=masked, options=PPO_LIKE),
    "ars": Case(
        algorithm=ARS,
        environment=vectorized("CartPole-v1", normalize=True),
        options={"n_delta": 2, "policy_kwargs": SMALL, "delta_std": LinearSchedule(0.1, 0.01, 1.0)},
        lengths=(400,),
        log=("csv",),
    ),
    "dqn": Case(
        algorithm=DQN,
        environment=vectorized("FrozenLake-v1", monitor=True),
        options={**OFF_POLICY, "target_update_interval": 30, "exploration_fraction": 0.8},
        lengths=(120, 130),
        kills=(60, 150, 200),
        learn={"reset_num_timesteps": False},
        log=("tensorboard_log",),
        callbacks=lambda _: [StopTrainingOnMaxEpisodes(1000)],
    ),
    "dqn-often": Case(  # so many checkpoints that small segments are made one
        algorithm=DQN,
        environment=vectorized("CartPole-v1"),
        options={**OFF_POLICY, "buffer_size": 800},
        lengths=(620,),
        every=8,
        kills=(530, 570),
    ),
    "dqn-relabelled": Case(
        algorithm=DQN,
        environment=vectorized("CartPole-v1"),
        options=OFF_POLICY,
        callbacks=lambda folder: [Relabelling()],
    ),
    "dqn-atari": Case(
        algorithm=DQN,
        environment=atari,
        policy="CnnPolicy",
        options={
            **OFF_POLICY,
            "buffer_size": 60,
            "policy_kwargs": {"features_extractor_kwargs": {"features_dim": 8}},
            "optimize_memory_usage": True,
            "replay_buffer_kwargs": {"handle_timeout_termination": False},
        },
        lengths=(120,),
        every=25,
        kills=(50, 80),
    ),
    "qrdqn": Case(algorithm=QRDQN, environment=vectorized("CartPole-v1", 2), options=OFF_POLICY),
    "sac": Case(
        algorithm=SAC,
        environment=vectorized("HalfCheetah-v5"),
        options={**OFF_POLICY, "n_steps": 3, "train_freq": 4, "gradient_steps": 2},
    ),
    "sac-sde": Case(
        algorithm=SAC,
        environment=vectorized("Pendulum-v1", 2, normalize=True),
        options={**OFF_POLICY, "use_sde": True, "sde_sample_freq": 2, "train_freq": 4, "use_sde_at_warmup": True},
    ),
    "her": Case(
        algorithm=SAC,
        environment=goals,
        policy="MultiInputPolicy",
        options={**OFF_POLICY, "replay_buffer_class": HerReplayBuffer, "learning_starts": 60},
    ),
    "td3": Case(
        algorithm=TD3,
        environment=vectorized("MountainCarContinuous-v0", env_kwargs={"max_episode_steps": 21}),
        options={
            **OFF_POLICY,
            "train_freq": (1, "episode"),
            "action_noise": noise(OrnsteinUhlenbeckActionNoise, 1),
        },
    ),
    "ddpg": Case(
        algorithm=DDPG,
        environment=vectorized("Pendulum-v1", 3),
        options={**OFF_POLICY, "action_noise": noise(OrnsteinUhlenbeckActionNoise, 1), "gradient_steps": -1},
        log=("csv",),
    ),
    "tqc": Case(
        algorithm=TQC,
        environment=vectorized("LunarLander-v3", env_kwargs={"continuous": True}),
        options={**OFF_POLICY, "action_noise": noise(NormalActionNoise, 2), "ent_coef": "auto_0.1"},
    ),
    "crossq": Case(algorithm=CrossQ, environment=vectorized("Pendulum-v1"), options=OFF_POLICY),
}
