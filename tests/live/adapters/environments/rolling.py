"""Steps of a stack, written down; and a continuation in a process of its own.

``python -m tests.live.adapters.environments.rolling STACK FOLDER`` continues from FOLDER/state.json and writes what it
saw into FOLDER/seen.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy
from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv

from strongbox.adapters.environments import capture_environments, restore_environments, watch_environments
from strongbox.values import from_portable, to_portable
from tests.live.adapters.environments.stacks import STACKS

MOMENTS = frozenset(("t", "episode_times", "time_queue", "clocks", "size", "_np_random_seed"))
"""What is told by a clock, and so by no two processes alike, the size of files with such times included; and the seed
that an environment had before its first reset, which is none."""


def begin(stack: str, folder: Path, seed: int = 7) -> VecEnv:
    """A stack that is watched, seeded and reset."""
    env = STACKS[stack](str(folder))
    watch_environments(env)
    env.seed(seed)
    env.action_space.seed(seed)
    env.reset()
    return env


def roll(env: VecEnv, steps: int) -> list[Any]:
    """Random steps, with all that came back, in a portable form."""
    seen = []
    for _ in range(steps):
        actions = numpy.array([env.action_space.sample() for _ in range(env.num_envs)])
        # A worker of SB3 keeps the last reset's information to itself, and sends it again with every step.
        resets = [] if isinstance(env.unwrapped, SubprocVecEnv) else list(env.reset_infos)
        seen.append(without_moments([actions, *env.step(actions), resets]))
    return [to_portable(copied(row)) for row in seen]


def copied(value: Any) -> Any:
    """Arrays of read-only memory and the like, copied into what a portable form holds."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple) or (isinstance(value, numpy.ndarray) and value.dtype == object):
        return [copied(item) for item in value]
    return numpy.array(value) if isinstance(value, numpy.ndarray) else value


def without_moments(value: Any) -> Any:
    """A tree without what clocks told."""
    if isinstance(value, dict):
        return {key: without_moments(item) for key, item in value.items() if key not in MOMENTS}
    if isinstance(value, list | tuple):
        return [without_moments(item) for item in value]
    return value


def through_json(state: Any) -> Any:
    """A state as it comes out of a file."""
    return from_portable(json.loads(json.dumps(to_portable(state))))


def differences(left: Any, right: Any, path: str = "") -> list[str]:
    """Where two trees differ, so that a failure says what did not come out equal."""
    if type(left) is not type(right):
        return [f"{path}: {left!r:.80} and {right!r:.80}"]
    if isinstance(left, dict):
        keys = sorted({*left, *right})
        missing = [f"{path}.{key}: only in one" for key in keys if (key in left) != (key in right)]
        both = [key for key in keys if key in left and key in right]
        return missing + [line for key in both for line in differences(left[key], right[key], f"{path}.{key}")]
    if isinstance(left, list) and len(left) == len(right):
        return [
            line for index in range(len(left)) for line in differences(left[index], right[index], f"{path}.{index}")
        ]
    # NaN is told by its name in a portable form's JSON, and equals itself there.
    return [] if json.dumps(left) == json.dumps(right) else [f"{path}: {left!r:.80} and {right!r:.80}"]


def ending(env: VecEnv) -> Any:
    """The state at the end, in a portable form."""
    return to_portable(without_moments(capture_environments(env).state))


def proceed(stack: str, folder: Path, steps: int, state: Any, logs: dict[str, str], seed: int = 99) -> dict[str, Any]:
    """Continue from a state in environments made anew, which have lived a little on their own before."""
    env = begin(stack, folder, seed)
    roll(env, 5)
    env.reset()
    inexact = restore_environments(env, state, logs=logs)
    seen = {"inexact": inexact, "steps": roll(env, steps), "ending": ending(env)}
    env.close()
    return seen


def main(stack: str, folder: str) -> None:
    """Continue in this process."""
    path = Path(folder)
    given = json.loads((path / "state.json").read_text())
    seen = proceed(stack, path, given["steps"], from_portable(given["state"]), given["logs"])
    (path / "seen.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
