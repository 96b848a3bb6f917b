"""Everything that training has come to, by name, so that two runs can be compared to the last bit.

Wall-clock times are left out: no two runs agree on them.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.utils import ConstantSchedule, FloatSchedule, LinearSchedule
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from strongbox.adapters.training.callbacks import walk_callbacks

__all__ = ["fingerprint"]

TIMES = frozenset(("t", "time/fps", "time/time_elapsed", "start_time", "tensorboard_log", "log_path"))
"""Names of what the clock of the wall decides, and of folders for logs."""

ELSEWHERE = frozenset(
    ("env", "_vec_normalize_env", "_logger", "policy", "rollout_buffer", "replay_buffer", "device", "policy_class")
)
"""Attributes of a model that are compared in another way."""


def fingerprint(model: Any, callbacks: list[BaseCallback], folder: Path) -> dict[str, str]:
    """Names and digests of all that a model, its environment, its callbacks and its logs have come to."""
    found = dict(_digests(model.get_parameters(), "parameters"))
    attributes = {name: value for name, value in vars(model).items() if name not in ELSEWHERE}
    found.update(_digests(attributes, "model"))
    found.update(_digests(_of_buffer(model), "replay"))
    found.update(_digests(_of_statistics(model.get_vec_normalize_env()), "statistics"))
    found.update(_digests([random.getstate(), numpy.random.get_state(), torch.get_rng_state()], "random"))
    found.update(_digests(_of_monitors(model.env), "episodes"))
    for number, callback in enumerate(callbacks):
        for place, part in walk_callbacks(callback):
            found.update(_digests({k: v for k, v in vars(part).items() if _is_plain(v)}, f"callback {number} {place}"))
    found.update(_digests(dict(read_logs(folder)), "logs"))
    found.update(_digests(list(_more_steps(model)), "environment"))
    return found


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float | str | list)


def _of_buffer(model: Any) -> dict[str, Any]:
    buffer = getattr(model, "replay_buffer", None)
    plain = (int, bool, numpy.ndarray, dict)
    return {} if buffer is None else {k: v for k, v in vars(buffer).items() if isinstance(v, plain)}


def _of_statistics(live: Any) -> dict[str, Any]:
    names = ("obs_rms", "ret_rms", "returns", "old_obs", "old_reward")
    return {} if live is None else {name: getattr(live, name) for name in names}


def _of_monitors(env: Any) -> dict[str, Any]:
    """What the Monitor of each environment remembers of its episodes."""
    names = ("episode_returns", "episode_lengths", "total_steps")
    return {name: env.get_attr(name) for name in names if env.has_attr(name)}


def _more_steps(model: Any) -> Iterator[Any]:
    """What the environment goes on with: its state, seen from outside."""
    for _ in range(12):
        actions = numpy.array([model.env.action_space.sample() for _ in range(model.n_envs)])
        observations, rewards, dones, _infos = model.env.step(actions)
        yield [observations, rewards, dones]


def _digests(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key in value:
            if key not in TIMES:
                yield from _digests(value[key], f"{path}.{key}")
    elif isinstance(value, list | tuple | deque):
        yield f"{path}.length", str(len(value))
        for index, item in enumerate(value):
            yield from _digests(item, f"{path}[{index}]")
    elif isinstance(value, torch.Tensor):
        array = value.detach().cpu().numpy()
        yield path, f"{array.dtype} {array.shape} {_hash(array.tobytes())}"
    elif isinstance(value, numpy.ndarray) and not value.dtype.hasobject:
        yield path, f"{value.dtype} {value.shape} {_hash(value.tobytes())}"
    elif isinstance(value, RunningMeanStd):
        yield from _digests(vars(value), path)
    elif isinstance(value, gymnasium.Space):
        # A network for images has drawn once from the observations' space, with a seed of the system's.
        state = value.np_random.bit_generator.state if path.endswith("action_space") else None
        yield path, f"{value} {state}"
    elif isinstance(value, ActionNoise | ConstantSchedule | FloatSchedule | LinearSchedule):
        yield from _digests(vars(value), path)
    elif isinstance(value, int | float | str | bytes | numpy.generic | type(None)):
        yield path, f"{type(value).__name__} {value!r}"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:20]


# -- logs --------------------------------------------------------------------------------------------


def read_logs(folder: Path) -> Iterator[tuple[str, Any]]:
    """Every log of a script by its place, without times."""
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder).as_posix()
        if path.name.endswith("monitor.csv"):
            yield place, [row.rsplit(",", 1)[0] for row in path.read_text().splitlines()[1:]]
        elif path.suffix == ".csv":
            with path.open(newline="") as file:
                yield place, [_sorted(row) for row in csv.DictReader(file)]
        elif path.suffix == ".json":
            yield place, [_sorted(json.loads(line)) for line in path.read_text().splitlines()]
        elif path.suffix == ".txt":
            lines = path.read_text().splitlines()
            yield place, [line.split("|")[1:3] for line in lines if "|" in line and not _is_time(line)]
        elif path.is_dir() and any(path.glob("events.out.tfevents*")):
            yield place, _scalars(path)


def _is_time(line: str) -> bool:
    return line.split("|")[1].strip() in ("fps", "time_elapsed")


def _sorted(row: Mapping[str, Any]) -> list[Any]:
    return sorted((key, str(value)) for key, value in row.items() if key not in TIMES and value not in (None, ""))


def _scalars(folder: Path) -> list[Any]:
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = sorted(set(events.Tags()["scalars"]) - TIMES)
    return [[tag, [(event.step, event.value) for event in events.Scalars(tag)]] for tag in tags]
