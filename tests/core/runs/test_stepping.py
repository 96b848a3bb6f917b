"""A loop of one's own in a run, with numpy alone: what step and save promise where there is no framework at all."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest

import strongbox
from strongbox.checkpoints import RunFolder
from strongbox.errors import CheckpointError, MismatchError


class Walker:
    """Learns where it comes to on a line, and draws from every generator there is."""

    def __init__(self, seed: int = 0) -> None:
        self.values = numpy.zeros(16)
        self.rng = numpy.random.default_rng(seed)
        self.place = 0
        self.trail: list[int] = []
        self.steps = 0

    def move(self) -> None:
        self.place = (self.place + int(self.rng.integers(-3, 4)) + random.randrange(2)) % 16
        self.values[self.place] += numpy.random.random() - self.values[self.place] / 8
        self.trail = [*self.trail, self.place][-5:]
        self.steps += 1


def state(agent: Walker) -> list[Any]:
    return [agent.values.tolist(), agent.rng.bit_generator.state, agent.place, agent.trail, agent.steps]


def train(path: Path, total: int, *, every: int | None = 10, stop: int | None = None, **options: Any) -> Walker:
    """The whole of a script; broken off after ``stop`` steps, if that is given."""
    random.seed(1)
    numpy.random.seed(1)
    with strongbox.Run(path, durable=False) as run:
        agent = run.resume(Walker, envs=None)
        agent.place = 5  # a preparation of the script
        while agent.steps < total:
            if not run.step(agent, every=every, **options):
                break
            agent.move()
            if agent.steps == stop:
                raise KeyboardInterrupt
        run.save(agent)
    return agent


def steps_of(path: Path) -> list[int]:
    return [checkpoint.step for checkpoint in RunFolder(str(path)).checkpoints()]


def test_a_loop_that_is_broken_off_goes_on_to_the_last_bit(tmp_path: Path) -> None:
    whole, after = train(tmp_path / "whole", 50, every=None), [random.random(), numpy.random.random()]
    for stop in (17, 38):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "broken", 50, stop=stop)
    assert state(train(tmp_path / "broken", 50)) == state(whole)
    assert [random.random(), numpy.random.random()] == after
    assert steps_of(tmp_path / "broken") == [10, 20, 30, 40, 50]


def test_a_finished_script_that_is_started_again_trains_no_step_more(tmp_path: Path) -> None:
    first, after = train(tmp_path, 20), random.random()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.zip")}
    assert state(train(tmp_path, 20)) == state(first)
    assert random.random() == after
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.zip")} == before


def test_a_larger_total_goes_on_as_if_it_had_been_asked_for_at_once(tmp_path: Path) -> None:
    whole = train(tmp_path / "once", 40)
    train(tmp_path / "twice", 25)
    assert state(train(tmp_path / "twice", 40)) == state(whole)


def test_a_counter_may_be_said(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path, durable=False) as run:
        agent = run.resume(Walker, envs=None)
        for step in range(run.steps_done, 12):
            run.step(agent, step=100 * step, every=500)
        run.save(agent, step=1_200)
        assert run.steps_done == 1_200
    assert steps_of(tmp_path) == [500, 1_000, 1_200]
    with strongbox.Run(tmp_path) as run:
        run.resume(Walker, envs=None)
        assert run.steps_done == 1_200


def test_retention_goes_by_the_metrics_of_the_loop(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path, durable=False) as run:
        agent = run.resume(Walker, envs=None)
        keep = strongbox.Keep(last=1, best=1, metric="return")
        for score in (1.0, 7.0, 3.0, 2.0):
            agent.steps += 10
            run.step(agent, every=10, keep=keep, metrics={"return": score})
    assert [dict(checkpoint.metrics) for checkpoint in RunFolder(str(tmp_path)).checkpoints()] == [
        {"return": 7.0},
        {"return": 2.0},
    ]


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="Windows has no such signal")
def test_a_signal_makes_a_checkpoint_and_ends_the_loop(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path, durable=False) as run:
        agent = run.resume(Walker, envs=None)
        assert run.step(agent, every=None, on_signal=True)
        agent.move()
        os.kill(os.getpid(), signal.SIGUSR1)
        assert not run.step(agent, every=None, on_signal=True)
        assert run.preempted == "SIGUSR1"
        agent.move()
        assert not run.step(agent, every=None, on_signal=True)
        run.save(agent)  # the end of a script that was told to stop
    assert steps_of(tmp_path) == [1]
    with strongbox.Run(tmp_path) as run:
        assert run.resume(Walker, envs=None).steps == 1


def test_what_the_agent_lacks_for_a_run_is_said(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path / "1") as run, pytest.raises(MismatchError, match="envs=None where"):
        run.resume(Walker)
    with strongbox.Run(tmp_path / "2") as run:
        agent = run.resume(Walker, envs=None)
        with pytest.raises(CheckpointError, match="found another"):
            run.step(Walker())
        with pytest.raises(CheckpointError, match="expected the environments that run"):
            run.step(agent, envs=object())
        with pytest.raises(CheckpointError, match="a number of steps, 1 or more, for every, found 0"):
            run.step(agent, every=0)
        agent.steps = None  # type: ignore[assignment]
        with pytest.raises(CheckpointError, match=r"run.step\(agent, step=...\)"):
            run.step(agent)
    with strongbox.Run(tmp_path / "3") as run, pytest.raises(CheckpointError, match="found one without"):
        run.step(Walker())
    with strongbox.Run(tmp_path / "4") as run, pytest.raises(MismatchError, match="expected an agent, an object"):
        run.resume(lambda: 3, envs=None)


def test_a_counter_that_begins_anew_is_refused(tmp_path: Path) -> None:
    train(tmp_path, 20)
    with strongbox.Run(tmp_path) as run:
        agent = run.resume(Walker, envs=None)
        run.step(agent)
        with pytest.raises(CheckpointError, match="expected 20 steps or more, as at the last checkpoint, found 3"):
            run.step(agent, step=3)


def test_training_on_before_everything_is_put_back_is_refused(tmp_path: Path) -> None:
    train(tmp_path, 10)
    with strongbox.Run(tmp_path) as run:
        agent = run.resume(Walker, envs=None)
        agent.move()
        with pytest.raises(CheckpointError, match="found it 1 steps further than the checkpoint"):
            run.save(agent)
        assert agent.steps == 11


def test_a_step_at_the_end_of_an_iteration_puts_back_what_was_done_before_it(tmp_path: Path) -> None:
    train(tmp_path, 10)
    with strongbox.Run(tmp_path) as run:
        agent = run.resume(Walker, envs=None)
        agent.move()
        assert run.step(agent)
        assert agent.steps == 10


def test_a_checkpoint_of_somebody_elses_making_is_refused(tmp_path: Path) -> None:
    saved = tmp_path / "saved.zip"
    strongbox.save(Walker(), saved)
    train(tmp_path / "run", 10)
    (checkpoint,) = RunFolder(str(tmp_path / "run")).checkpoints()
    Path(checkpoint.agent_path).write_bytes(saved.read_bytes())
    commit = Path(checkpoint.path, "commit.json")
    size = json.loads(commit.read_text())["files"]["agent.zip"]["size"]
    commit.write_text(commit.read_text().replace(str(size), str(saved.stat().st_size)))
    with strongbox.Run(tmp_path / "run") as run, pytest.raises(CheckpointError, match="with environments, random, run"):
        run.resume(Walker, envs=None)


class Wider(Walker):
    def __init__(self) -> None:
        super().__init__()
        self.values = numpy.zeros(17)


def test_an_agent_that_the_checkpoint_does_not_fit_is_refused(tmp_path: Path) -> None:
    train(tmp_path, 20)
    with strongbox.Run(tmp_path) as run, pytest.raises(MismatchError, match="expected a run of"):
        run.resume(Wider, envs=None)
    Wider.__qualname__, before = Walker.__qualname__, Wider.__qualname__
    with strongbox.Run(tmp_path) as run, pytest.raises(CheckpointError, match=r"expected float64 of \(17,\)"):
        run.resume(Wider, envs=None)
    Wider.__qualname__ = before


class Unknown:
    """What no walk looks into."""

    __slots__ = ()
    __module__ = "numpy.somewhere"


def test_state_that_is_not_kept_is_named(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path, durable=False) as run:
        agent: Any = run.resume(Walker, envs=None)
        agent.secret, agent.function = Unknown(), len
        agent.steps = 10
        run.step(agent, every=10)
    (checkpoint,) = RunFolder(str(tmp_path)).checkpoints()
    assert list(checkpoint.commit.inexact) == ["secret"]
    with checkpoint.open() as archive:
        assert set(archive.left_out) == {"secret", "function"}


def test_a_script_shows_what_it_calls_alone(tmp_path: Path) -> None:
    shown = {name for name in dir(strongbox.Run(tmp_path)) if not name.startswith("_")}
    assert shown == {
        *("callback", "close", "path", "preempted", "replay_changed", "report", "resume", "save", "step", "steps_done"),
        "wait",
    }


SCRIPT = """
import sys
import strongbox

class Agent:
    def __init__(self):
        self.steps = 0

with strongbox.Run(sys.argv[1], durable=False) as run:
    agent = run.resume(Agent, envs=None)
    for _ in range(4):
        run.step(agent, every=2)
        agent.steps += 1
    run.save(agent)
    print(agent.steps)
print(sorted({"torch", "gymnasium", "stable_baselines3", "cloudpickle"} & sys.modules.keys()))
"""


def test_a_run_of_numpy_alone_loads_no_framework(tmp_path: Path) -> None:
    """And the class of a script has the same name wherever the script stands."""
    for steps in (4, 8):
        done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == [str(steps), "[]"]
