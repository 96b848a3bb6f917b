"""Signals: the checkpoint that a run makes before its machine is gone, whatever else the signal reaches."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stable_baselines3 import DQN, PPO

import strongbox
from strongbox.checkpoints import RunFolder
from tests.live.runs.small import weights
from tests.live.runs.taken_away import Counting, TakenAway

OPTIONS: dict[str, Any] = {"seed": 1, "device": "cpu", "policy_kwargs": {"net_arch": [8]}}


@pytest.mark.parametrize(
    ("environments", "name", "end", "steps"),
    [
        ("fork", "SIGTERM", "leave", 34),
        ("forkserver", "SIGUSR1", "die", 34),
        ("async", "SIGUSR1", "leave", 20),
    ],
)
def test_a_signal_to_every_process_ends_in_a_checkpoint_and_leaves_none_behind(
    environments: str, name: str, end: str, steps: int, tmp_path: Path
) -> None:
    with begin(tmp_path, environments, name, end) as process:
        # It returns when every process has ended that could still write: none is left behind.
        output, errors = process.communicate(timeout=100)
    found, _, alive = output.strip().partition(" [")
    assert found == f"{name} {steps}", errors
    # Of its children, multiprocessing knows no more where the process is gone that has forked them.
    assert alive == "True, True]" or environments == "forkserver"
    newest = RunFolder(str(tmp_path)).newest()
    assert newest is not None
    assert newest.step == (steps if environments == "async" else 32)


def test_workers_that_their_parents_death_leaves_behind_hear_the_next_signal(tmp_path: Path) -> None:
    """Workers that were forked hold each other's pipes open, and learn of it from no end of theirs."""
    with begin(tmp_path, "fork", "SIGUSR1", "die") as process:
        process.wait(100)
        os.killpg(process.pid, signal.SIGTERM)
        assert process.communicate(timeout=100)[0].startswith("SIGUSR1")


def begin(path: Path, *arguments: str) -> subprocess.Popen[str]:
    """The script, with all its processes in a session of their own."""
    command = [sys.executable, "-m", "tests.live.runs.taken_away", str(path), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def make_ppo() -> Any:
    return PPO("MlpPolicy", "CartPole-v1", n_steps=16, batch_size=8, n_epochs=1, **OPTIONS)


def make_dqn() -> Any:
    return DQN("MlpPolicy", "CartPole-v1", buffer_size=100, learning_starts=10, **OPTIONS)


@pytest.mark.parametrize(("make", "first"), [(make_ppo, 32), (make_dqn, 20)])
def test_a_signal_in_the_last_rollout_of_a_phase_stops_the_script(
    make: Callable[[], Any], first: int, tmp_path: Path
) -> None:
    def learn(folder: str, number: int) -> tuple[Any, strongbox.Run]:
        with strongbox.Run(tmp_path / folder, durable=False) as run:
            model = run.resume(make)
            model.learn(first, callback=[run.callback(every=16, on_signal=True), TakenAway(number)])
            model.learn(64, callback=run.callback(every=16, on_signal=True))
        return model, run

    whole, _ = learn("whole", 0)
    _, cut = learn("cut", signal.SIGUSR1)
    assert cut.preempted == "SIGUSR1"
    assert cut.steps_done == first
    model, run = learn("cut", 0)
    assert run.preempted is None
    assert weights(model) == weights(whole)


def test_a_signal_between_the_last_step_of_a_loop_and_its_save_is_told(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path, durable=False) as run:
        agent = run.resume(Counting, envs=None)
        assert run.step(agent, on_signal=True)
        agent.steps = 10
        os.kill(os.getpid(), signal.SIGTERM)
        run.save(agent)
        assert run.preempted == "SIGTERM"
        assert run.steps_done == 10
        assert not run.step(agent, on_signal=True)
