"""A script whose machine is taken away: a signal reaches its whole group of processes, workers included.

    python -m tests.live.runs.taken_away RUN ENVIRONMENTS SIGNAL END

ENVIRONMENTS is how the workers of SubprocVecEnv are started, or ``async`` for gymnasium's AsyncVectorEnv and a loop of
the script's own; END is a function of this module, which says how the script comes to its end.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import gymnasium
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.vec_env import SubprocVecEnv

import strongbox

TOTAL, TAKEN = 64, 20


class Counting:
    """As little of an agent as a loop needs."""

    def __init__(self) -> None:
        self.steps = 0


class TakenAway(BaseCallback):
    """Sends this process, or its whole group, the signal when ``TAKEN`` steps are done; signal zero does nothing."""

    def __init__(self, number: int, *, group: bool = False) -> None:
        super().__init__()
        self._number = number
        self._to = 0 if group else os.getpid()

    def _on_step(self) -> bool:
        if self.num_timesteps == TAKEN:
            os.kill(self._to, self._number)
        return True

    def state_dict(self) -> dict[str, int]:
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """There is nothing to put back."""


def cart() -> gymnasium.Env[Any, Any]:
    return gymnasium.make("CartPole-v1")


def learn(run: strongbox.Run, environment: Any, number: int) -> int:
    """Train a model of SB3; gives its steps."""
    options: Any = {"n_steps": 8, "batch_size": 16, "n_epochs": 1, "seed": 1, "device": "cpu"}
    model = run.resume(lambda: PPO("MlpPolicy", environment, **options))
    evaluation = EvalCallback(SubprocVecEnv([cart]), eval_freq=10 * TOTAL, warn=False)
    model.learn(TOTAL, callback=[run.callback(every=TOTAL, on_signal=True), TakenAway(number, group=True), evaluation])
    return int(model.num_timesteps)


def loop(run: strongbox.Run, environment: Any, number: int) -> int:
    """Train an agent of one's own; gives its steps."""
    agent = run.resume(Counting, envs=environment)
    environment.reset(seed=1)
    while agent.steps < TOTAL and run.step(agent, every=TOTAL, on_signal=True):
        environment.step(environment.action_space.sample())
        agent.steps += 2
        if agent.steps == TAKEN:
            os.kill(0, number)
    return agent.steps


def leave(environment: Any) -> None:
    """Nobody closes the environment: what is left is for the interpreter's end."""


def die(environment: Any) -> None:
    """The process is killed before it can do anything for its workers."""
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


ENDS: dict[str, Callable[[Any], None]] = {"leave": leave, "die": die}


def main(path: str, environments: str, name: str, end: str) -> None:
    torch.set_num_threads(1)
    environment: Any
    if environments == "async":
        train, environment = loop, gymnasium.vector.AsyncVectorEnv([cart] * 2)
    else:
        train, environment = learn, SubprocVecEnv([cart] * 2, start_method=environments)
    run = strongbox.Run(path, durable=False)
    steps = train(run, environment, getattr(signal, name))
    print(run.preempted, steps, [process.is_alive() for process in environment.processes])
    ENDS[end](environment)


if __name__ == "__main__":
    main(*sys.argv[1:])
