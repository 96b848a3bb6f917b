"""Stacks of environments and wrappers by name, made alike in every process that the tests start.

Importable without pytest, since new processes and the workers of SubprocVecEnv import it.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy
from gymnasium import wrappers
from stable_baselines3.common.atari_wrappers import AtariWrapper
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecCheckNan,
    VecEnv,
    VecExtractDictObs,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
    VecTransposeImage,
)

Env = gymnasium.Env[Any, Any]

SPACE = gymnasium.spaces.Box(-1e6, 1e6, (3,), numpy.float64)


class Hidden(gymnasium.Env[Any, Any]):
    """Keeps its state in an object that is no plain data, draws from several generators, and lives on over resets."""

    observation_space = SPACE

    def __init__(self, level: int = 1) -> None:
        self.action_space = gymnasium.spaces.Box(-1, 1, (2,), numpy.float32)
        self.level = level
        self.episodes = 0
        self.dice = random.Random(5)
        self.old = numpy.random.RandomState(6)
        self.world: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.episodes += 1
        self.world = iter(())  # no plain data, and no part with attributes
        self.trail = _Trail(self.np_random.normal(size=3) + self.episodes * self.level)
        self.step(numpy.zeros(2, numpy.float32))
        return self.trail.where.copy(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        drift = self.dice.random() + self.old.normal() + self.np_random.normal() * self.level
        self.trail.go(action, drift)
        return self.trail.where.copy(), float(drift), self.np_random.random() < 0.05, False, {"steps": self.trail.steps}


class _Trail:
    __slots__ = ("steps", "where")

    def __init__(self, where: Any) -> None:
        self.where, self.steps = where, 0

    def go(self, action: Any, drift: float) -> None:
        self.steps += 1
        self.where = self.where * 0.9 + drift + float(action.sum())


class WithProtocol(Hidden):
    """Says itself what its state is."""

    def get_state(self) -> dict[str, Any]:
        return {
            "where": self.trail.where,
            "steps": self.trail.steps,
            "episodes": self.episodes,
            "dice": self.dice,
            "old": self.old,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        self.trail = _Trail(state["where"])
        self.trail.steps = state["steps"]
        self.episodes = state["episodes"]
        self.old = state["old"]
        # A Random of Python's has the state of numpy's RandomState: the same machine.
        _, key, position, has_gauss, gauss = state["dice"].get_state()
        self.dice.setstate((3, (*key.tolist(), position), gauss if has_gauss else None))


class Nondeterministic(Hidden):
    """Draws from numpy's global generator, which the agent draws from, too."""

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        observation, _, terminated, truncated, info = super().step(action)
        return observation + numpy.random.random(), 0.0, terminated, truncated, info


class Pictures(gymnasium.Env[Any, Any]):
    """Pictures and a row of numbers by name."""

    def __init__(self) -> None:
        self.observation_space = gymnasium.spaces.Dict(
            {
                "picture": gymnasium.spaces.Box(0, 255, (8, 8, 3), numpy.uint8),
                "row": gymnasium.spaces.Box(-1e3, 1e3, (2,), numpy.float32),
            }
        )
        self.action_space = gymnasium.spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self._observation(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self._observation(), float(action), bool(self.np_random.random() < 0.1), False, {}

    def _observation(self) -> dict[str, Any]:
        return {
            "picture": self.np_random.integers(0, 256, (8, 8, 3), dtype=numpy.uint8),
            "row": self.np_random.normal(size=2).astype(numpy.float32),
        }


class Habits(gymnasium.Wrapper[Any, Any, Any, Any]):
    """One's own wrapper: attributes that come late, are shared, or lie in an object of one's own."""

    def __init__(self, env: Env, strength: float = 0.5) -> None:
        super().__init__(env)
        self.strength = strength
        self.rewards: deque[float] = deque(maxlen=5)
        self.recent = self.rewards
        self.counts: dict[Any, int] = {}
        self.rngs = [numpy.random.default_rng(1), numpy.random.default_rng(2)]
        self.memory = Memory()

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.rewards.append(float(reward))
        self.late = float(reward) + self.rngs[0].random()
        self.counts[int(terminated)] = self.counts.get(int(terminated), 0) + 1
        self.memory.total += self.late + sum(self.recent) * self.strength
        return observation, float(reward) + self.memory.total, terminated, truncated, info


class Memory:
    """What a wrapper of one's own may keep."""

    def __init__(self) -> None:
        self.total = 0.0


def make(name: str, **options: Any) -> Callable[[], Env]:
    """A function that makes an environment with Monitor around it."""
    return lambda: Monitor(gymnasium.make(name, **options))


def with_file(path: str) -> Callable[[], Env]:
    """A function that makes an environment whose Monitor writes into a file."""
    return lambda: Monitor(gymnasium.make("CartPole-v1"), path)


def many(env: Env) -> Env:
    """Gymnasium's wrappers that keep something, one around the other."""
    env = wrappers.StickyAction(env, 0.3)
    env = wrappers.RecordEpisodeStatistics(env, buffer_length=4)
    env = wrappers.DelayObservation(env, 2)
    env = wrappers.TimeAwareObservation(env)
    env = wrappers.NormalizeObservation(env)
    env = wrappers.NormalizeReward(env)
    env = wrappers.FrameStackObservation(env, 3, padding_type="reset")
    return wrappers.FlattenObservation(env)


def _atari(**options: Any) -> Callable[[], Env]:
    def build() -> Env:
        import ale_py

        gymnasium.register_envs(ale_py)
        return AtariWrapper(
            Monitor(gymnasium.make("BreakoutNoFrameskip-v4", **options)), action_repeat_probability=0.25
        )

    return build


def _atari_sticky() -> Env:
    import ale_py

    gymnasium.register_envs(ale_py)
    env = gymnasium.make("ALE/Pong-v5", frameskip=(1, 4), repeat_action_probability=0.25)
    return Monitor(wrappers.AtariPreprocessing(env, frame_skip=1, noop_max=5, screen_size=42))


def _dummy(build: Callable[[], Env], count: int = 1) -> VecEnv:
    return DummyVecEnv([build] * count)


def _workers(build: Callable[[], Env], count: int = 2, method: str | None = None) -> VecEnv:
    return SubprocVecEnv([build] * count, start_method=method)


STACKS: dict[str, Callable[[str], VecEnv]] = {
    "CartPole": lambda _: _dummy(make("CartPole-v1"), 2),
    "CartPole-workers": lambda _: _workers(make("CartPole-v1"), 2, "fork"),
    "Pendulum-normalized": lambda _: VecNormalize(_dummy(make("Pendulum-v1"), 3)),
    "MountainCarContinuous": lambda _: _dummy(make("MountainCarContinuous-v0")),
    "MountainCar": lambda _: _dummy(make("MountainCar-v0")),
    "Acrobot": lambda _: _dummy(make("Acrobot-v1")),
    "FrozenLake": lambda _: _dummy(make("FrozenLake-v1")),
    "Taxi": lambda _: _dummy(make("Taxi-v4" if "Taxi-v4" in gymnasium.registry else "Taxi-v3")),
    "CliffWalking": lambda _: _dummy(make("CliffWalking-v1")),
    "Blackjack": lambda _: VecMonitor(_dummy(lambda: FlatBlackjack(gymnasium.make("Blackjack-v1")))),
    "LunarLander": lambda _: _dummy(make("LunarLander-v3", enable_wind=True)),
    "BipedalWalker": lambda _: _dummy(make("BipedalWalker-v3")),
    "HalfCheetah": lambda _: VecNormalize(_dummy(make("HalfCheetah-v5"))),
    "Humanoid": lambda _: _dummy(make("Humanoid-v5")),
    "Ant-workers": lambda _: _workers(make("Ant-v5"), 2, "fork"),
    "Hopper-wrapped": lambda _: VecCheckNan(_dummy(lambda: Habits(many(gymnasium.make("Hopper-v5"))))),
    "Breakout": lambda _: VecTransposeImage(VecFrameStack(_dummy(_atari()), 4)),
    "Pong-sticky": lambda _: VecFrameStack(_dummy(_atari_sticky), 2),
    "Hidden": lambda _: _dummy(lambda: Monitor(Habits(Hidden())), 2),
    "Hidden-workers": lambda _: VecNormalize(_workers(lambda: Hidden(), 2, "fork")),
    "WithProtocol": lambda _: _dummy(lambda: Monitor(WithProtocol())),
    "Pictures": lambda _: VecFrameStack(_dummy(Pictures, 2), 3),
    "Pictures-rows": lambda _: VecNormalize(VecExtractDictObs(_dummy(Pictures, 2), "row")),
    "Files": lambda folder: DummyVecEnv([with_file(f"{folder}/{index}") for index in range(2)]),
    "Files-of-workers": lambda folder: SubprocVecEnv([with_file(f"{folder}/{index}") for index in range(2)], "fork"),
    "Files-of-all": lambda folder: VecMonitor(_dummy(lambda: gymnasium.make("CartPole-v1"), 2), f"{folder}/all"),
}
"""How each stack is made; the argument is a folder for its files."""


class FlatBlackjack(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Blackjack, whose observation is a tuple of numbers, as an array."""

    def __init__(self, env: Env) -> None:
        super().__init__(env)
        self.observation_space = gymnasium.spaces.Box(0, 40, (3,), numpy.int64)

    def observation(self, observation: Any) -> Any:
        return numpy.array(observation, numpy.int64)
