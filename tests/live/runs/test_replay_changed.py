"""A script that changes rows of its replay buffer: what its checkpoints hold, and what they say."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy
import pytest
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback

import strongbox
from strongbox.errors import CheckpointError
from strongbox.runs import NotExact

REASON = "row 3 was changed after it was kept; the next checkpoint has it"


class Wide(gymnasium.Env[Any, Any]):
    """Observations of 4,000 bytes, so that a short training fills a ring that is looked at in the background."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1000,))
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self._observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self._observe(), float(action), self.np_random.random() < 0.1, False, {}

    def _observe(self) -> Any:
        return self.np_random.random(1000, dtype=numpy.float32)


def make_dqn() -> Any:
    options: dict[str, Any] = {"policy_kwargs": {"net_arch": [2]}, "learning_starts": 10**6, "seed": 1}
    return DQN("MlpPolicy", Wide(), buffer_size=1000, device="cpu", **options)


class At(BaseCallback):
    """Does something once, at a step, when nothing of the last checkpoint is looked at any more."""

    def __init__(self, run: strongbox.Run, step: int, act: Callable[[Any], None]) -> None:
        super().__init__()
        self._run = run
        self._step = step
        self._act = act

    def _on_step(self) -> bool:
        if self.num_timesteps == self._step:
            self._run.wait()
            self._act(self.model)
        return True


def change(model: Any) -> None:
    model.replay_buffer.rewards[3] = 0.125


def train(path: Path, total: int, step: int = 0, act: Callable[[Any], None] = change) -> Any:
    with strongbox.Run(path, durable=False) as run:
        model = run.resume(make_dqn)
        model.learn(total, callback=[At(run, step, act), run.callback(every=100)])
    return model


def inexact(path: Path) -> dict[int, dict[str, str]]:
    """What each checkpoint says of itself, the archive no less than the commit."""
    said = {}
    for folder in sorted((path / "checkpoints").iterdir()):
        said[int(folder.name)] = json.loads((folder / "commit.json").read_text())["inexact"]
        with strongbox.open(folder / "agent.zip") as archive:
            assert archive.resume["inexact"] == said[int(folder.name)]
    return said


def rewards_at(path: Path, step: int, tmp_path: Path) -> Any:
    """The rewards that a continuation from a checkpoint begins with."""
    packed = tmp_path / "packed.zip"
    checkpoint = next(c for c in strongbox.checkpoints.RunFolder(path).checkpoints() if c.step == step)
    strongbox.checkpoints.pack(checkpoint, packed, replay=True)
    return strongbox.load(packed, env=Wide()).replay_buffer.rewards


def test_a_row_that_was_changed_is_named_and_the_next_checkpoint_has_it(tmp_path: Path) -> None:
    path = tmp_path / "run"
    model = train(path, 400, 150, change)
    assert inexact(path) == {100: {}, 200: {"replay_buffer": REASON}, 300: {}, 400: {}}
    assert rewards_at(path, 200, tmp_path)[3] != 0.125
    for step in (300, 400):
        assert rewards_at(path, step, tmp_path)[:step].tobytes() == model.replay_buffer.rewards[:step].tobytes()


def test_who_goes_on_from_a_checkpoint_without_the_change_is_told(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with strongbox.Run(path, durable=False) as run:
        model = run.resume(make_dqn)
        with pytest.raises(KeyboardInterrupt):
            model.learn(400, callback=[At(run, 150, change), At(run, 250, stop), run.callback(every=100)])
    with strongbox.Run(path, durable=False) as run, pytest.warns(strongbox.runs.NotExact, match="row 3 was changed"):
        run.resume(make_dqn)
    assert run.report.step == 200


def stop(model: Any) -> None:
    raise KeyboardInterrupt


def test_a_change_that_is_told_is_in_the_next_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with strongbox.Run(path, durable=False) as run:
        model = run.resume(make_dqn)

        def change_and_tell(model: Any) -> None:
            change(model)
            run.replay_changed()

        model.learn(300, callback=[At(run, 150, change_and_tell), run.callback(every=100)])
    assert inexact(path) == {100: {}, 200: {}, 300: {}}
    assert rewards_at(path, 200, tmp_path)[3] == 0.125


def test_newest_rows_and_all_rows_may_be_changed_without_a_word(tmp_path: Path) -> None:
    def change_newest(model: Any) -> None:
        model.replay_buffer.rewards[90:120] = 0.5  # some of which the checkpoint of step 100 has

    def change_all(model: Any) -> None:
        model.replay_buffer.rewards *= 0.5

    for name, act in (("newest", change_newest), ("all", change_all)):
        path = tmp_path / name
        model = train(path, 200, 150, act)
        assert inexact(path) == {100: {}, 200: {}}
        assert rewards_at(path, 200, tmp_path)[:200].tobytes() == model.replay_buffer.rewards[:200].tobytes()


def test_the_last_checkpoint_holds_a_change_whenever_it_was_made(tmp_path: Path) -> None:
    path = tmp_path / "run"
    train(path, 200, 199, change)
    assert inexact(path) == {100: {}, 200: {}}
    assert rewards_at(path, 200, tmp_path)[3] == 0.125


def test_a_change_after_the_run_was_resumed_is_found(tmp_path: Path) -> None:
    path = tmp_path / "run"
    train(path, 100)
    with pytest.warns(NotExact, match="total_timesteps"):
        train(path, 300, 150, change)
    assert inexact(path) == {100: {}, 200: {"replay_buffer": REASON}, 300: {}}


def test_a_change_between_checkpoints_without_the_buffer_is_found(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with strongbox.Run(path, durable=False) as run:
        model = run.resume(make_dqn)
        model.learn(100, callback=run.callback(every=100))
        model.learn(150, callback=[At(run, 50, change), run.callback(every=50, replay=False)])
        model.learn(300, callback=run.callback(every=50))
    left_out = {"replay_buffer": "it was left out, as replay=False asks"}
    said = list(inexact(path).values())
    assert said[:4] == [{}, left_out, left_out, left_out]
    assert said[4] == {"replay_buffer": REASON}
    assert said[5:]
    assert not any(said[5:])


def test_another_buffer_in_the_place_of_the_first_is_the_one_that_is_kept(tmp_path: Path) -> None:
    def exchange(model: Any) -> None:
        before: ReplayBuffer = model.replay_buffer
        model.replay_buffer = make_dqn().replay_buffer
        for name in ("observations", "next_observations", "actions", "rewards", "dones", "timeouts"):
            getattr(model.replay_buffer, name)[...] = getattr(before, name)
        model.replay_buffer.rewards[:150] = 0.75
        model.replay_buffer.pos = before.pos

    path = tmp_path / "run"
    model = train(path, 200, 150, exchange)
    assert inexact(path) == {100: {}, 200: {}}
    assert rewards_at(path, 200, tmp_path)[:200].tobytes() == model.replay_buffer.rewards[:200].tobytes()


def test_an_agent_without_a_replay_buffer_has_nothing_to_tell(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path) as run:
        with pytest.raises(CheckpointError, match="expected a run with an agent"):
            run.replay_changed()
        run.resume(lambda: PPO("MlpPolicy", "CartPole-v1", n_steps=16, batch_size=8, device="cpu"))
        with pytest.raises(CheckpointError, match="expected an agent with a replay buffer, found one without"):
            run.replay_changed()


class Collector:
    """An agent of one's own that only collects."""

    def __init__(self) -> None:
        self.replay_buffer = ReplayBuffer(1000, Wide.observation_space, Wide.action_space, device="cpu")
        self.steps = 0
        self.random = numpy.random.default_rng(0)

    def collect(self) -> None:
        row = self.random.random((1, 1000), dtype=numpy.float32)
        nothing = numpy.zeros(1)
        self.replay_buffer.add(row, row, nothing, nothing, nothing, [{}])
        self.steps += 1


@pytest.mark.parametrize("told", [False, True])
def test_an_agent_of_ones_own(told: bool, tmp_path: Path) -> None:
    with strongbox.Run(tmp_path, durable=False) as run, warnings.catch_warnings():
        warnings.simplefilter("error")
        agent = run.resume(Collector, envs=None)
        while agent.steps < 350:
            run.step(agent, every=100)
            agent.collect()
            if agent.steps in (150, 340):
                run.wait()  # until nothing of the last checkpoint is looked at any more
                agent.replay_buffer.rewards[3] += 0.125
                if told:
                    run.replay_changed()
        run.save(agent)
    said = {} if told else {"replay_buffer": REASON}
    assert inexact(tmp_path) == {100: {}, 200: said, 300: {}, 350: {}}
