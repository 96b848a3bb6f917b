"""A grid of freshly trained tiny agents: algorithm, observation, action, activation and layout in turn.

Each learns for a few steps in an environment of random observations; then every weight is shaken, until it
does not act alike everywhere: near their initialisation networks would hide half of the mistakes.
Observations for comparisons are drawn by numpy, not by the spaces, so that bounds do not matter.
"""

from __future__ import annotations

import functools
import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gymnasium
import numpy
import torch
from gymnasium import spaces
from sb3_contrib import ARS, QRDQN, TQC, TRPO, CrossQ, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import nn

from strongbox.policies import Policy, open_policy

__all__ = ["CASES", "Case", "RandomEnv", "agent_of", "draw", "make_agent", "names", "observations", "rows", "saved"]

ALGORITHMS: Mapping[str, type[BaseAlgorithm]] = {
    "a2c": A2C,
    "ars": ARS,
    "crossq": CrossQ,
    "ddpg": DDPG,
    "dqn": DQN,
    "maskable": MaskablePPO,
    "ppo": PPO,
    "qrdqn": QRDQN,
    "recurrent": RecurrentPPO,
    "sac": SAC,
    "td3": TD3,
    "tqc": TQC,
    "trpo": TRPO,
}
ON_POLICY: dict[str, Any] = {"n_steps": 8, "device": "cpu", "seed": 0}
OFF_POLICY: dict[str, Any] = {"learning_starts": 4, "batch_size": 4, "buffer_size": 64, "device": "cpu", "seed": 0}
OPTIONS: Mapping[str, dict[str, Any]] = {
    "a2c": ON_POLICY,
    "ars": {"n_delta": 1, "device": "cpu", "seed": 0, "zero_policy": False},
    "maskable": {**ON_POLICY, "batch_size": 8, "n_epochs": 1},
    "ppo": {**ON_POLICY, "batch_size": 8, "n_epochs": 1},
    "recurrent": {**ON_POLICY, "batch_size": 8, "n_epochs": 1},
    "trpo": {**ON_POLICY, "batch_size": 8},
}

IMAGE = spaces.Box(0, 255, (36, 40, 3), numpy.uint8)
OBSERVATIONS: Mapping[str, spaces.Space[Any]] = {
    "vector": spaces.Box(-2, 2, (5,), numpy.float32),
    "float64": spaces.Box(-numpy.inf, numpy.inf, (3,), numpy.float64),
    "matrix": spaces.Box(-1, 1, (2, 3), numpy.float32),
    "bytes": spaces.Box(0, 200, (4,), numpy.uint8),
    "image": IMAGE,
    "channels first": spaces.Box(0, 255, (2, 40, 36), numpy.uint8),
    "small image": spaces.Box(0, 255, (6, 5, 3), numpy.uint8),
    "float image": spaces.Box(0, 1, (3, 36, 37), numpy.float32),
    "discrete": spaces.Discrete(7),
    "discrete from 3": spaces.Discrete(4, start=3),
    "multi discrete": spaces.MultiDiscrete([3, 4, 2]),
    "multi binary": spaces.MultiBinary(6),
    "binary matrix": spaces.MultiBinary((2, 3)),
    "dict": spaces.Dict(
        {
            "b": spaces.Box(-1, 1, (2, 2), numpy.float32),
            "a": spaces.Discrete(3),
            "c": spaces.MultiBinary(2),
            "d": spaces.MultiDiscrete([2, 3]),
        }
    ),
    "small dict": spaces.Dict({"x": spaces.Box(-1, 1, (3,), numpy.float32), "y": spaces.MultiBinary(2)}),
    "dict with image": spaces.Dict({"camera": IMAGE, "state": spaces.Box(-1, 1, (4,), numpy.float64)}),
}
ACTIONS: Mapping[str, spaces.Space[Any]] = {
    "discrete": spaces.Discrete(4),
    "multi discrete": spaces.MultiDiscrete([3, 2, 4]),
    "multi binary": spaces.MultiBinary(3),
    "box": spaces.Box(numpy.array([-1, -0.5, 0], numpy.float32), numpy.array([1, 2, 0.25], numpy.float32)),
    "box matrix": spaces.Box(-0.5, 0.5, (2, 2), numpy.float32),
    "box float64": spaces.Box(-3, 5, (2,), numpy.float64),
    "one": spaces.Box(-2, 2, (1,), numpy.float32),
}


@dataclass(frozen=True)
class Case:
    """One agent of the grid; ``settings`` are the policy_kwargs, ``options`` the algorithm's."""

    algorithm: str
    policy: str
    observation: str
    action: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    def __str__(self) -> str:
        parts = (self.algorithm, self.policy.removesuffix("Policy"), self.observation, self.action, self.note)
        return "-".join(part.replace(" ", "_") for part in parts if part)


def case(text: str, note: str = "", **options: Any) -> Case:
    """A case from "algorithm policy, observation, action", with policy_kwargs under ``settings``."""
    kind, observation, action = text.split(", ")
    algorithm, policy = kind.split()
    settings = {"net_arch": [8], **options.pop("settings", {})}
    return Case(algorithm, policy, observation, action, settings, options, note)


SHARED: dict[str, Any] = {"share_features_extractor": True}
SEPARATE: dict[str, Any] = {"share_features_extractor": False}
SMALL_CNN: dict[str, Any] = {"features_extractor_kwargs": {"features_dim": 12}}
SMALL_DICT: dict[str, Any] = {"features_extractor_kwargs": {"cnn_output_dim": 6}}
LSTM: dict[str, Any] = {"lstm_hidden_size": 6}

ON_POLICY_CASES = (
    case("ppo MlpPolicy, vector, discrete"),
    case("ppo MlpPolicy, vector, box"),
    case("ppo MlpPolicy, vector, multi discrete"),
    case("ppo MlpPolicy, vector, multi binary"),
    case("ppo MlpPolicy, small image, box matrix"),
    case("ppo MlpPolicy, vector, discrete", "no hidden layers", settings={"net_arch": []}),
    case("ppo MlpPolicy, vector, box", "deep", settings={"net_arch": {"pi": [20, 5, 17], "vf": []}}),
    case("ppo MlpPolicy, vector, discrete", "default"),
    case("a2c MlpPolicy, float64, box float64"),
    case("a2c MlpPolicy, matrix, discrete"),
    case("a2c MlpPolicy, bytes, multi binary"),
    case("a2c MlpPolicy, discrete, one"),
    case("a2c MlpPolicy, discrete from 3, discrete"),
    case("a2c MlpPolicy, multi discrete, multi discrete"),
    case("a2c MlpPolicy, multi binary, discrete"),
    case("a2c MlpPolicy, binary matrix, box", settings=SEPARATE),
    case("a2c MultiInputPolicy, dict, multi binary"),
    case("trpo MlpPolicy, vector, box"),
    case("trpo MlpPolicy, multi discrete, discrete"),
    case("ppo CnnPolicy, image, discrete", settings={**SMALL_CNN, "net_arch": []}),
    case("ppo CnnPolicy, image, box", "separate", settings={**SMALL_CNN, **SEPARATE}),
    case("a2c CnnPolicy, channels first, discrete", settings=SMALL_CNN),
    case("ppo CnnPolicy, float image, box", "not scaled", settings={**SMALL_CNN, "normalize_images": False}),
    case("ppo MultiInputPolicy, dict with image, discrete", settings=SMALL_DICT),
    case("ppo MultiInputPolicy, dict with image, box", "separate", settings={**SMALL_DICT, **SEPARATE}),
    case("ppo MlpPolicy, vector, box", "gsde", use_sde=True),
    case("ppo MlpPolicy, vector, box matrix", "gsde squashed", use_sde=True, settings={"squash_output": True}),
    case("a2c MlpPolicy, vector, box", "gsde expln", use_sde=True, settings={"use_expln": True}),
    case("a2c MlpPolicy, vector, box", "gsde one deviation", use_sde=True, settings={"full_std": False}),
    case("maskable MlpPolicy, vector, discrete"),
    case("maskable MlpPolicy, discrete, multi discrete"),
    case("maskable MlpPolicy, vector, multi binary", settings=SEPARATE),
    case("maskable MultiInputPolicy, dict, discrete"),
    case("recurrent MlpLstmPolicy, vector, discrete", settings=LSTM),
    case("recurrent MlpLstmPolicy, vector, box", "two layers", settings={**LSTM, "n_lstm_layers": 2}),
    case(
        "recurrent MlpLstmPolicy, vector, multi discrete",
        "shared",
        settings={**LSTM, "shared_lstm": True, "enable_critic_lstm": False},
    ),
    case("recurrent MlpLstmPolicy, matrix, discrete", "no critic", settings={**LSTM, "enable_critic_lstm": False}),
    case("recurrent MultiInputLstmPolicy, small dict, discrete", settings=LSTM),
    case("recurrent CnnLstmPolicy, image, box", settings={**LSTM, **SMALL_CNN}),
    case("recurrent MlpLstmPolicy, vector, box", "separate gsde", use_sde=True, settings={**LSTM, **SEPARATE}),
    case("recurrent MlpLstmPolicy, vector, one", "no bias", settings={**LSTM, "lstm_kwargs": {"bias": False}}),
)
OFF_POLICY_CASES = (
    case("dqn MlpPolicy, vector, discrete"),
    case("dqn MlpPolicy, discrete, discrete"),
    case("dqn CnnPolicy, image, discrete", settings=SMALL_CNN),
    case("dqn MultiInputPolicy, dict, discrete"),
    case("qrdqn MlpPolicy, vector, discrete", settings={"n_quantiles": 5}),
    case("qrdqn CnnPolicy, image, discrete", settings={**SMALL_CNN, "n_quantiles": 3}),
    case("sac MlpPolicy, vector, box"),
    case("sac MlpPolicy, vector, box matrix", settings={"net_arch": {"pi": [9], "qf": [7, 5]}}),
    case("sac MlpPolicy, float64, box float64", settings={"net_arch": []}),
    case("sac CnnPolicy, image, box", "shared", settings={**SMALL_CNN, **SHARED}),
    case("sac MultiInputPolicy, dict, one"),
    case("sac MlpPolicy, vector, box", "gsde", use_sde=True),
    case("sac MlpPolicy, vector, box", "gsde expln", use_sde=True, settings={"use_expln": True, "clip_mean": 0.0}),
    case("tqc MlpPolicy, vector, box", settings={"n_quantiles": 4}),
    case("tqc MlpPolicy, vector, one", "gsde", use_sde=True, settings={"n_quantiles": 4, "clip_mean": 0.3}),
    case("crossq MlpPolicy, vector, box"),
    case("crossq MlpPolicy, vector, box", "deep", settings={"net_arch": [9, 6], "batch_norm_eps": 0.1}),
    case("crossq MlpPolicy, vector, box", "no renorm", settings={"batch_norm": False}),
    case("td3 MlpPolicy, vector, box"),
    case("td3 CnnPolicy, image, one", "shared", settings={**SMALL_CNN, **SHARED}),
    case("td3 MultiInputPolicy, dict with image, box", settings=SMALL_DICT),
    case("ddpg MlpPolicy, vector, box matrix", settings={"net_arch": []}),
    case("ars LinearPolicy, vector, box", settings={"net_arch": None}),
    case("ars LinearPolicy, vector, discrete", settings={"net_arch": None, "with_bias": True}),
    case("ars MlpPolicy, vector, box"),
    case("ars MlpPolicy, matrix, box matrix", settings={"squash_output": False}),
)
ACTIVATIONS: Mapping[str, Any] = {
    "CELU": nn.CELU,
    "Dropout": nn.Dropout,
    "ELU": nn.ELU,
    "GELU": nn.GELU,
    "GELU tanh": partial(nn.GELU, approximate="tanh"),
    "Hardshrink": nn.Hardshrink,
    "Hardsigmoid": nn.Hardsigmoid,
    "Hardswish": nn.Hardswish,
    "Hardtanh": nn.Hardtanh,
    "Identity": nn.Identity,
    "LeakyReLU": nn.LeakyReLU,
    "LeakyReLU 0.3": partial(nn.LeakyReLU, negative_slope=0.3),
    "LogSigmoid": nn.LogSigmoid,
    "LogSoftmax": partial(nn.LogSoftmax, dim=-1),
    "Mish": nn.Mish,
    "PReLU": nn.PReLU,
    "RReLU": nn.RReLU,
    "ReLU": nn.ReLU,
    "ReLU6": nn.ReLU6,
    "SELU": nn.SELU,
    "SiLU": nn.SiLU,
    "Sigmoid": nn.Sigmoid,
    "Softmax": partial(nn.Softmax, dim=-1),
    "Softmin": partial(nn.Softmin, dim=1),
    "Softplus": nn.Softplus,
    "Softplus 2": partial(nn.Softplus, beta=2, threshold=3),
    "Softshrink": nn.Softshrink,
    "Softsign": nn.Softsign,
    "Tanh": nn.Tanh,
    "Tanhshrink": nn.Tanhshrink,
    "Threshold": partial(nn.Threshold, 0.1, 0.2),
}
ACTIVATION_CASES = tuple(
    case("a2c MlpPolicy, vector, box", name, settings={"activation_fn": activation, "net_arch": [8, 8]})
    for name, activation in ACTIVATIONS.items()
)
CASES = (*ON_POLICY_CASES, *OFF_POLICY_CASES, *ACTIVATION_CASES)


class RandomEnv(gymnasium.Env[Any, Any]):
    """An environment whose observations mean nothing; every action is masked but the first of each kind."""

    def __init__(self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> None:
        self.observation_space = observation_space
        self.action_space = action_space
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self.observation_space.seed(seed)
        return self._observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return self._observe(), 0.1 * self.steps, self.steps % 5 == 0, False, {}

    def action_masks(self) -> Any:
        sizes = {"Discrete": [4], "MultiDiscrete": [3, 2, 4], "MultiBinary": [2, 2, 2]}
        return numpy.ones(sum(sizes[type(self.action_space).__name__]), dtype=bool)

    def _observe(self) -> Any:
        return draw(self.observation_space, 1, numpy.random.default_rng(self.steps), single=True)


def draw(space: spaces.Space[Any], count: int, generator: numpy.random.Generator, *, single: bool = False) -> Any:
    """Observations of a space, within the bounds that matter to a network, in a batch or one."""
    if isinstance(space, spaces.Dict):
        return {key: draw(part, count, generator, single=single) for key, part in space.spaces.items()}
    drawn: Any
    if isinstance(space, spaces.Discrete):
        drawn = generator.integers(space.n, size=count)
    elif isinstance(space, spaces.MultiDiscrete):
        drawn = generator.integers(space.nvec, size=(count, len(space.nvec)))
    elif isinstance(space, spaces.MultiBinary):
        drawn = generator.integers(2, size=(count, *space.shape)).astype(numpy.int8)
    else:
        assert isinstance(space, spaces.Box)
        drawn = generator.standard_normal((count, *space.shape))
        if space.dtype == numpy.uint8:
            drawn = generator.integers(200, size=drawn.shape) * generator.random((count, *[1] * len(space.shape)))
        drawn = drawn.astype(space.dtype)
    return drawn[0] if single else drawn


@functools.cache
def agent_of(name: str) -> tuple[BaseAlgorithm, Policy]:
    """The agent of a case by its name, and the policy that Strongbox makes of its archive; made once."""
    agent = make_agent(next(case for case in CASES if str(case) == name))
    return agent, open_policy(saved(agent))


def make_agent(case: Case) -> BaseAlgorithm:
    """Train one agent for a moment, then shake its weights."""
    env = DummyVecEnv([lambda: RandomEnv(OBSERVATIONS[case.observation], ACTIONS[case.action])])
    settings = {name: value for name, value in case.settings.items() if value is not None}
    if case.note == "default":
        settings = {}
    options = {**OPTIONS.get(case.algorithm, OFF_POLICY), **case.options}
    agent = ALGORITHMS[case.algorithm](case.policy, env, policy_kwargs=settings, **options)
    agent.learn(8)
    for seed in range(zlib.crc32(str(case).encode()), 1 << 33):
        shake(agent.policy, seed=seed)
        actions, _ = agent.predict(observations(agent, 16), deterministic=True)
        if (actions != actions[0]).any():
            break
    if case.options.get("use_sde"):
        agent.policy.reset_noise()  # type: ignore[operator]
    return agent


def shake(policy: nn.Module, *, seed: int) -> None:
    """Move every weight and every running statistic by a random amount, less where many are added up."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, part in [*policy.named_parameters(), *policy.named_buffers()]:
            if part.is_floating_point():
                scale = 1.5 / max(part[0].numel(), 1) ** 0.5 if part.ndim > 1 else 0.1
                part.add_(scale * torch.randn(part.shape, generator=generator))
            if name.endswith("ra_var"):
                part.abs_().add_(0.1)


def observations(agent: BaseAlgorithm, count: int, *, seed: int = 1) -> Any:
    """A batch of raw observations for an agent, channels first where SB3 has them so."""
    return draw(agent.observation_space, count, numpy.random.default_rng(seed))


def rows(batch: Any) -> list[Any]:
    """The observations of a batch one by one."""
    if isinstance(batch, dict):
        return [dict(zip(batch, parts, strict=True)) for parts in zip(*batch.values(), strict=True)]
    return list(batch)


def names(*algorithms: str) -> list[str]:
    """The names of the cases of these algorithms, or of all."""
    return [str(case) for case in CASES if not algorithms or case.algorithm in algorithms]


def saved(agent: BaseAlgorithm) -> bytes:
    """The archive that SB3 itself writes of an agent."""
    file = io.BytesIO()
    agent.save(file)
    return file.getvalue()
