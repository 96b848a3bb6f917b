"""A run in one process: what resume, callback, wait and close promise besides exactness."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy
import pytest
import torch
from sb3_contrib import ARS
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback, EveryNTimesteps
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import configure
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.utils import LinearSchedule

import strongbox
from strongbox.errors import CheckpointError, StrongboxError, StrongboxWarning
from strongbox.runs import NotExact
from tests.core.checkpoints.runs import BREAKS
from tests.live.runs.small import SMALL, make_dqn, make_ppo, weights


def train(path: Path, make: Callable[[], Any], *lengths: int, every: int = 32, **options: Any) -> Any:
    """The whole of a script; gives the model."""
    with strongbox.Run(path, durable=False) as run:
        model = run.resume(make)
        for length in lengths:
            model.learn(length, callback=run.callback(every=every, **options))
    return model


def steps_of(path: Path) -> list[int]:
    return [int(folder.name) for folder in sorted((path / "checkpoints").iterdir())]


class Stop(BaseCallback):
    """Ends the training as a person does who presses Control-C."""

    def __init__(self, at: int | None) -> None:
        super().__init__()
        self._at = at

    def _on_step(self) -> bool:
        if self._at is not None and self.num_timesteps >= self._at:
            raise KeyboardInterrupt
        return True


class Forgetful(BaseCallback):
    """Somebody's callback that counts and tells nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def _on_step(self) -> bool:
        self.seen += 1
        return True


def test_a_finished_script_that_is_started_again_trains_no_step_more(tmp_path: Path) -> None:
    first = train(tmp_path, make_ppo(), 64, 32)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.zip")}
    again = train(tmp_path, make_ppo(), 64, 32)
    assert weights(again) == weights(first)
    assert again.num_timesteps == first.num_timesteps == 32
    assert again._last_obs.tobytes() == first._last_obs.tobytes()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.zip")} == before


def test_a_larger_total_goes_on_as_if_it_had_been_asked_for_at_once(tmp_path: Path) -> None:
    at_once = train(tmp_path / "once", make_ppo(), 96)
    train(tmp_path / "twice", make_ppo(), 48)
    assert weights(train(tmp_path / "twice", make_ppo(), 96)) == weights(at_once)


def test_an_interrupted_phase_goes_on_to_its_own_end(tmp_path: Path) -> None:
    whole = make_ppo()()
    for _ in range(2):
        whole.learn(64, reset_num_timesteps=False)
    with strongbox.Run(tmp_path, durable=False) as run:
        model = run.resume(make_ppo())
        model.learn(64, callback=run.callback(every=16), reset_num_timesteps=False)
        with pytest.raises(KeyboardInterrupt):
            model.learn(64, callback=[run.callback(every=16), Stop(100)], reset_num_timesteps=False)
    with strongbox.Run(tmp_path, durable=False) as run:
        model = run.resume(make_ppo())
        assert run.report.step == 96
        for _ in range(2):
            model.learn(64, callback=[run.callback(every=16), Stop(None)], reset_num_timesteps=False)
    assert model.num_timesteps == whole.num_timesteps == 128
    assert weights(model) == weights(whole)


def test_parameters_are_there_before_learn_is_called(tmp_path: Path) -> None:
    trained = train(tmp_path, make_ppo(), 32)
    with strongbox.Run(tmp_path) as run:
        assert weights(run.resume(make_ppo())) == weights(trained)


def test_retention_keeps_what_it_was_asked_to(tmp_path: Path) -> None:
    train(tmp_path, make_ppo(), 160, every=16, keep=strongbox.Keep(last=2, every=64))
    assert steps_of(tmp_path) == [64, 128, 144, 160]


def test_metrics_of_the_episodes_stand_in_the_commit(tmp_path: Path) -> None:
    train(tmp_path, make_ppo(), 160, every=16)
    commit = json.loads((tmp_path / "checkpoints" / "000000000160" / "commit.json").read_text())
    assert commit["metrics"].keys() == {"rollout/ep_rew_mean"}
    assert commit["point"] == "training_end"
    assert commit["inexact"] == {}


# -- the script is the truth about settings ------------------------------------------------------------


def test_settings_that_differ_are_told_and_are_the_scripts(tmp_path: Path) -> None:
    train(tmp_path, make_ppo(), 32)
    run = strongbox.Run(tmp_path)
    with run, pytest.warns(NotExact, match=r"gamma \(0.9 in the script, 0.99 in the checkpoint\)") as caught:
        model = run.resume(make_ppo(gamma=0.9, learning_rate=LinearSchedule(0.1, 0.0, 1.0)))
    assert model.gamma == 0.9
    assert set(run.report.differences) == {"gamma", "learning_rate", "lr_schedule"}
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: A2C("MlpPolicy", "CartPole-v1", device="cpu"), "expected a run of"),
        (make_ppo(environment="Acrobot-v1"), "expected observation_space to be"),
        (make_ppo(policy_kwargs={"net_arch": [9]}), "expected a tensor of"),
        (make_ppo(policy_kwargs={"net_arch": [8, 8]}), "expected the parameters of this agent's networks"),
    ],
)
def test_a_model_that_the_checkpoint_does_not_fit_stays_as_it_is(
    make: Callable[[], Any], found: str, tmp_path: Path
) -> None:
    train(tmp_path, make_ppo(), 32)
    made: list[Any] = []

    def make_model() -> Any:
        made.append(make())
        made.append(weights(made[0]))
        return made[0]

    run = strongbox.Run(tmp_path)
    with pytest.raises(strongbox.StrongboxError, match=found):
        run.resume(make_model)
    assert weights(made[0]) == made[1]
    assert steps_of(tmp_path) == [32]
    train(tmp_path, make_ppo(), 32)


def test_what_is_no_model_is_taken_for_an_agent_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(StrongboxError, match="for an agent of your own"):
        strongbox.Run(tmp_path).resume(lambda: 3)
    with pytest.raises(StrongboxError, match="expected an agent, an object of a class of yours, found int"):
        strongbox.Run(tmp_path).resume(lambda: 3, envs=None)


def test_a_model_and_an_agent_of_ones_own_are_not_taken_for_each_other(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path / "model") as run:
        model = run.resume(make_ppo())
        with pytest.raises(CheckpointError, match="expected an agent of your own"):
            run.step(model)
    with strongbox.Run(tmp_path / "given") as run, pytest.raises(StrongboxError, match="expected no envs for a model"):
        run.resume(make_ppo(), envs=None)
    with strongbox.Run(tmp_path / "agent") as run:
        run.resume(Counter, envs=None)
        with pytest.raises(CheckpointError, match="expected the model that run"):
            make_ppo()().learn(32, callback=run.callback())


class Counter:
    """As little as an agent may be."""

    steps = 0


# -- what cannot be exact is named -----------------------------------------------------------------------


def test_a_callback_that_may_remember_something_is_named(tmp_path: Path) -> None:
    for _ in range(2):
        with strongbox.Run(tmp_path, durable=False) as run, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = run.resume(make_ppo())
            model.learn(64, callback=[Forgetful(), run.callback(every=32)])
    assert [type(warning.message) for warning in caught] == [NotExact]
    assert "seen may be state and begins anew" in run.report.inexact["callback Forgetful"]


@pytest.mark.parametrize("damage", [os.remove, lambda path: os.truncate(path, 10)])
def test_a_replay_segment_that_is_lost_is_told_before_anything_is_changed(
    damage: Callable[[Any], None], tmp_path: Path
) -> None:
    train(tmp_path, make_dqn, 40)
    (segment,) = list((tmp_path / "replay").iterdir())[-1:]
    damage(segment)
    made: list[Any] = []

    def make_model() -> Any:
        made.append(make_dqn())
        made.append(weights(made[0]))
        return made[0]

    with strongbox.Run(tmp_path) as run, pytest.raises(CheckpointError, match="replay segment of") as refused:
        run.resume(make_model)
    assert segment.name in str(refused.value)
    assert weights(made[0]) == made[1]


def test_a_replay_buffer_that_was_left_out_is_named(tmp_path: Path) -> None:
    train(tmp_path, make_dqn, 40, replay=False)
    run = strongbox.Run(tmp_path)
    with run, pytest.warns(NotExact, match="replay=False"):
        run.resume(make_dqn)
    assert not list((tmp_path / "replay").iterdir()) if (tmp_path / "replay").exists() else True


def test_a_run_whose_logs_lead_elsewhere_is_refused_and_nothing_is_deleted(tmp_path: Path) -> None:
    train(tmp_path / "run", make_ppo(), 32)
    mine = tmp_path / "mine" / "000000000001"
    mine.mkdir(parents=True)
    (tmp_path / "run" / "logs").symlink_to(tmp_path / "mine")
    with pytest.raises(CheckpointError, match="found a link"):
        train(tmp_path / "run", make_ppo(), 64)
    assert mine.is_dir()


# -- one process at a time, and no error lost ---------------------------------------------------------------


def test_a_run_that_another_process_has_is_refused_and_says_who(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path) as run:
        run.resume(make_ppo())
        program = f"import strongbox; strongbox.Run({str(tmp_path)!r}).resume(lambda: None)"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert "CheckpointError" in done.stderr
        assert f"process {os.getpid()}" in done.stderr


def test_an_error_of_the_writer_is_raised_at_the_next_call(tmp_path: Path) -> None:
    run = strongbox.Run(tmp_path, durable=False)
    model = run.resume(make_ppo())
    (tmp_path / "checkpoints").write_text("in the way")
    with pytest.raises(CheckpointError, match="checkpoints"):
        model.learn(200, callback=run.callback(every=16))
    assert model.num_timesteps < 200
    run.close()


def test_a_callback_of_another_model_is_refused(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path) as run:
        run.resume(make_ppo())
        with pytest.raises(CheckpointError, match="expected the model that run"):
            make_ppo()().learn(32, callback=run.callback())


def test_a_callback_without_a_model_says_what_to_call_first(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"run\.resume\(make_model\)"):
        make_ppo()().learn(32, callback=strongbox.Run(tmp_path).callback())


def test_a_callback_inside_of_one_of_events_is_refused(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path) as run:
        model = run.resume(make_ppo())
        with pytest.raises(CheckpointError, match="Put it at the top"):
            model.learn(32, callback=EveryNTimesteps(1, run.callback()))


@pytest.mark.parametrize("every", [0, -1, 1.5, True, "10"])
def test_steps_that_mean_nothing_are_refused(every: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="expected a number of steps"):
        strongbox.Run(tmp_path).callback(every=every)


# -- signals ---------------------------------------------------------------------------------------------------


class SendSignal(BaseCallback):
    """Sends this process a signal at a step, as a machine does that is taken away."""

    def __init__(self, number: int, at: int) -> None:
        super().__init__()
        self._number = number
        self._at = at

    def _on_step(self) -> bool:
        if self.num_timesteps == self._at:
            os.kill(os.getpid(), self._number)
        return True

    def state_dict(self) -> dict[str, int]:
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """There is nothing to put back."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_makes_a_checkpoint_at_the_next_rollout_and_stops(number: int, tmp_path: Path) -> None:
    whole = make_ppo()().learn(96)
    before = signal.getsignal(number)
    with strongbox.Run(tmp_path, durable=False) as run:
        model = run.resume(make_ppo())
        model.learn(96, callback=[SendSignal(number, 40), run.callback(every=10_000, on_signal=True)])
        assert run.preempted == signal.Signals(number).name
        assert signal.getsignal(number) == before
        assert steps_of(tmp_path) == [48]
        assert model.num_timesteps < 96
    with strongbox.Run(tmp_path, durable=False) as run:
        model = run.resume(make_ppo())
        model.learn(96, callback=[SendSignal(number, -1), run.callback(every=10_000, on_signal=True)])
        assert run.preempted is None
    assert weights(model) == weights(whole)


def make_ars() -> Any:
    return ARS("LinearPolicy", "CartPole-v1", n_delta=1, seed=1, device="cpu")


def test_ars_which_asks_no_callback_stops_after_its_iteration(tmp_path: Path) -> None:
    whole = make_ars().learn(1500)
    with strongbox.Run(tmp_path, durable=False) as run:
        model = run.resume(make_ars)
        model.learn(1500, callback=[SendSignal(signal.SIGUSR1, 50), run.callback(on_signal=True)])
        assert run.preempted == "SIGUSR1"
        (step,) = steps_of(tmp_path)
        assert 50 <= step < 1500
    with strongbox.Run(tmp_path, durable=False) as run:
        model = run.resume(make_ars)
        model.learn(1500, callback=[SendSignal(signal.SIGUSR1, -1), run.callback(on_signal=True)])
        assert run.report.exact
    assert weights(model) == weights(whole)
    assert model.num_timesteps == whole.num_timesteps


def test_signals_are_given_back_where_learn_is_broken_off(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with strongbox.Run(tmp_path, durable=False) as run:
        model = run.resume(make_ppo())
        with pytest.raises(KeyboardInterrupt):
            model.learn(64, callback=[run.callback(on_signal=True), Stop(20)])
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_that_was_not_asked_for_is_not_heard(tmp_path: Path) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))
    try:
        with strongbox.Run(tmp_path, durable=False) as run:
            model = run.resume(make_ppo())
            model.learn(64, callback=[SendSignal(signal.SIGUSR1, 40), run.callback(every=32)])
            assert model.num_timesteps == 64
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [signal.SIGUSR1]


# -- nothing is disturbed ---------------------------------------------------------------------------------------


def test_checkpoints_change_nothing_of_the_training(tmp_path: Path) -> None:
    plain = make_dqn().learn(80)
    expected = torch.rand(1), numpy.random.random(), random.random(), plain.action_space.sample()
    watched = train(tmp_path, make_dqn, 80, every=5)
    assert weights(watched) == weights(plain)
    assert (torch.rand(1), numpy.random.random(), random.random(), watched.action_space.sample()) == expected


def test_an_archive_of_a_checkpoint_is_an_ordinary_one(tmp_path: Path) -> None:
    trained = train(tmp_path, make_dqn, 40)
    path = tmp_path / "checkpoints" / "000000000040" / "agent.zip"
    assert weights(strongbox.load(path, device="cpu")) == weights(trained)
    assert weights(DQN.load(path, device="cpu")) == weights(trained)
    observation = gymnasium.make("CartPole-v1").reset(seed=1)[0]
    assert strongbox.policy(path).predict(observation)[0] == trained.predict(observation, deterministic=True)[0]


# -- what people do -----------------------------------------------------------------------------------------


def test_learning_on_after_an_exception_is_refused_and_the_run_stays_whole(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path, durable=False) as run:
        model = run.resume(make_ppo())
        with pytest.raises(KeyboardInterrupt):
            model.learn(128, callback=[run.callback(every=32), Stop(70)])
        with pytest.raises(CheckpointError, match="broken off"):
            model.learn(128, callback=run.callback(every=32))
    assert weights(train(tmp_path, make_ppo(), 128)) == weights(make_ppo()().learn(128))


def test_a_script_that_was_told_to_stop_does_nothing_more_and_goes_on_later(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", make_ppo(), 128, 96)
    with strongbox.Run(tmp_path / "cut", durable=False) as run:
        model = run.resume(make_ppo())
        model.learn(128, callback=[run.callback(every=16, on_signal=True), TakenAway(40)])
        model.learn(96, callback=run.callback(every=16, on_signal=True))
        assert run.preempted == "SIGTERM"
    assert steps_of(tmp_path / "cut")[-1] == 48
    assert weights(train(tmp_path / "cut", make_ppo(), 128, 96)) == weights(whole)


class TakenAway(BaseCallback):
    """Stands for the machine that sends the signal."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def _on_step(self) -> bool:
        if self.num_timesteps == self._at:
            os.kill(os.getpid(), signal.SIGTERM)
        return True


def test_two_callbacks_of_a_run_are_refused(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path, durable=False) as run:
        model = run.resume(make_ppo())
        with pytest.raises(StrongboxError, match="expected one callback of a run"):
            model.learn(32, callback=[run.callback(every=16), run.callback(every=32)])


def test_a_script_may_change_its_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with strongbox.Run("run", durable=False) as run:
        model = run.resume(make_ppo())
        monkeypatch.chdir(tmp_path / "other")
        model.learn(32, callback=run.callback(every=16))
    assert steps_of(tmp_path / "run") == [16, 32]
    assert not list((tmp_path / "other").iterdir())


def test_a_project_that_was_moved_goes_on_in_its_own_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        environment = make_vec_env("CartPole-v1", monitor_dir="episodes")
        return make_ppo(environment=environment, tensorboard_log="curves")()

    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    train(Path("run"), make, 64).get_env().close()
    before = Path("episodes", "0.monitor.csv").read_text()
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    monkeypatch.chdir(tmp_path / "there")
    with strongbox.Run("run", durable=False) as run:
        model = run.resume(make)
        model.learn(192, callback=run.callback(every=32))
        assert run.report.exact, run.report.inexact
    model.get_env().close()
    assert os.listdir("curves") == ["PPO_1"]
    assert Path("episodes", "0.monitor.csv").read_text().startswith(before)
    assert before.count("\n") > 3
    # The copy's logs are its own: where it was copied from, nothing has changed.
    assert (tmp_path / "here" / "episodes" / "0.monitor.csv").read_text() == before


@pytest.mark.parametrize("interval", [None, 1, 5, 1_000_000])
def test_a_run_without_rows_in_its_log_has_checkpoints(interval: int | None, tmp_path: Path) -> None:
    for stop in (100, None):
        with strongbox.Run(tmp_path, durable=False) as run:
            model = run.resume(make_ppo())
            with contextlib.suppress(KeyboardInterrupt):
                model.learn(128, callback=[run.callback(every=16), Stop(stop)], log_interval=interval)
        assert run.report.exact
    assert (run.report.step or 0) >= 80
    assert weights(model) == weights(make_ppo()().learn(128))


def test_checkpoints_that_have_to_wait_long_for_a_row_are_told_of(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path, durable=False) as run:
        model = run.resume(make_ppo())
        with pytest.warns(StrongboxWarning, match="smaller log_interval") as told:
            model.learn(256, callback=run.callback(every=1), log_interval=2)
    assert [Path(warning.filename).name for warning in told] == [Path(__file__).name]


@pytest.mark.parametrize("place", ["logs", "logs/opened", "logs/000000000032"])
def test_a_link_in_a_strangers_run_leads_nowhere(place: str, tmp_path: Path) -> None:
    made = []

    def make() -> Any:
        made.append(model := make_ppo(tensorboard_log=str(tmp_path / "boards"))())
        model.set_logger(configure(str(tmp_path / "text"), ["csv", "tensorboard"]))
        return model

    run_path, mine = tmp_path / "run", tmp_path / "mine"
    train(run_path, make, 32)
    (mine / "inside").mkdir(parents=True)
    (mine / "inside" / "file").write_text("dear")
    link = run_path / place
    if link.is_dir():
        shutil.rmtree(link)
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(mine / "inside" / "file" if place.endswith("opened") else mine)
    with contextlib.suppress(StrongboxError):
        train(run_path, make, 64)
    for model in made:
        model.logger.close()
    assert [path.relative_to(mine).as_posix() for path in sorted(mine.rglob("*"))] == ["inside", "inside/file"]
    assert (mine / "inside" / "file").read_text() == "dear"


def test_a_damaged_checkpoint_is_told_of_where_the_run_goes_on_from_an_older_one(tmp_path: Path) -> None:
    train(tmp_path, make_ppo(), 64)
    os.truncate(tmp_path / "checkpoints" / "000000000064" / "agent.zip", 100)
    with (
        strongbox.Run(tmp_path) as run,
        pytest.warns(StrongboxWarning, match="damaged one; the run goes on from step 32"),
    ):
        run.resume(make_ppo())
    assert run.report.step == 32


def test_a_checkpoint_that_cannot_be_read_is_not_blamed_on_the_script(tmp_path: Path) -> None:
    train(tmp_path, make_ppo(), 64)
    path = tmp_path / "checkpoints" / "000000000064" / "agent.zip"
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("resume/environments.json").header_offset
    content[place + 200] ^= 1
    path.write_bytes(content)
    with strongbox.Run(tmp_path) as run, pytest.raises(CheckpointError, match="step 64 cannot be read") as refused:
        run.resume(make_ppo())
    assert str(path.parent) in (refused.value.hint or "")


def test_another_number_of_environments_is_refused_in_such_words(tmp_path: Path) -> None:
    def make(count: int) -> Any:
        return PPO("MlpPolicy", make_vec_env("CartPole-v1", count), n_steps=16, batch_size=16, device="cpu")

    train(tmp_path, lambda: make(2), 32)
    with strongbox.Run(tmp_path) as run, pytest.raises(CheckpointError, match=r"expected 2 environments.*found 3"):
        run.resume(lambda: make(3))


def test_a_setting_that_stands_beside_code_is_compared(tmp_path: Path) -> None:
    class OwnExtractor(FlattenExtractor):
        """Code, which no checkpoint holds as a name: it can be found nowhere."""

    def make(**changes: Any) -> Callable[[], Any]:
        return make_ppo(policy_kwargs={**SMALL, "features_extractor_class": OwnExtractor, **changes})

    train(tmp_path, make(activation_fn=torch.nn.Tanh), 32)
    with strongbox.Run(tmp_path) as run, pytest.warns(NotExact, match="activation_fn"):
        run.resume(make(activation_fn=torch.nn.ReLU, ortho_init=False))
    assert set(run.report.differences) == {"policy_kwargs.activation_fn", "policy_kwargs.ortho_init"}


@pytest.mark.parametrize("breaks", BREAKS, ids=lambda breaks: breaks.__name__)
def test_a_broken_run_file_is_never_overwritten_and_the_run_goes_on_without_it(
    breaks: Callable[[Path], object], tmp_path: Path
) -> None:
    trained = train(tmp_path, make_ppo(), 32)
    path = tmp_path / "run.json"
    breaks(path)
    (tmp_path / "replay").mkdir()
    (tmp_path / "replay" / f"{'0' * 64}.segment").write_text("named by what a later version may have written")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with (
        strongbox.Run(tmp_path) as run,
        pytest.raises(StrongboxError, match=r"move it out of the way|Update Strongbox"),
    ):
        run.resume(lambda: pytest.fail("a model is made for nothing"))
    after = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert {file for file in before if before[file] != after.get(file)} <= {tmp_path / "lock"}
    path.rename(tmp_path / "moved away")
    assert weights(train(tmp_path, make_ppo(), 32)) == weights(trained)


def test_an_agent_that_does_not_fit_is_not_written_into_a_run_without_its_file(tmp_path: Path) -> None:
    trained = train(tmp_path, make_ppo(), 32)
    (tmp_path / "run.json").unlink()
    with strongbox.Run(tmp_path) as run, pytest.raises(CheckpointError, match="cannot go on in the agent"):
        run.resume(lambda: A2C("MlpPolicy", "CartPole-v1", policy_kwargs={**SMALL}, device="cpu"))
    assert not (tmp_path / "run.json").exists()
    assert weights(train(tmp_path, make_ppo(), 32)) == weights(trained)
    assert (tmp_path / "run.json").exists()
