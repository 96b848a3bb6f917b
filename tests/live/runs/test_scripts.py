"""Scripts that are changed, cells that are run again, and calls that were forgotten: what a run makes of them."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import LinearSchedule

import strongbox
from strongbox.checkpoints import RunFolder
from strongbox.errors import CheckpointError, StrongboxWarning
from strongbox.runs import NotExact
from tests.live.runs.small import make_dqn, make_ppo, weights
from tests.live.runs.taken_away import Counting


def train(path: Path, make: Callable[[], Any], total: int, *others: BaseCallback) -> strongbox.Run:
    with strongbox.Run(path, durable=False) as run:
        run.resume(make).learn(total, callback=[run.callback(every=16), *others])
    return run


class Interrupt(BaseCallback):
    """Interrupts the training as a notebook does."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def _on_step(self) -> bool:
        if self.num_timesteps == self._at:
            raise KeyboardInterrupt
        return True


# -- a cell that is run again --------------------------------------------------------------------------


def test_a_cell_that_was_interrupted_and_is_run_again_goes_on(tmp_path: Path) -> None:
    left = strongbox.Run(tmp_path / "run", durable=False)
    model = left.resume(make_ppo())
    with pytest.raises(KeyboardInterrupt) as held:
        model.learn(64, callback=[left.callback(every=16), Interrupt(40)])
    (tmp_path / "link").symlink_to(tmp_path)
    run = strongbox.Run(tmp_path / "link" / "run", durable=False)
    with pytest.warns(StrongboxWarning, match="That one was closed; this one goes on") as told:
        again = run.resume(make_ppo())
    assert Path(told[0].filename).name == Path(__file__).name
    assert run.report.step == 32
    again.learn(64, callback=run.callback(every=16))
    run.close()
    assert weights(again) == weights(make_ppo()().learn(64))
    with pytest.raises(CheckpointError, match=r"found that it was closed. Make it anew: run = strongbox.Run"):
        model.learn(64, callback=left.callback())
    del held


def test_a_run_that_is_being_trained_is_not_taken_over_by_a_callback_of_it(tmp_path: Path) -> None:
    class Greedy(BaseCallback):
        def _on_step(self) -> bool:
            if self.num_timesteps == 20:
                with pytest.raises(CheckpointError, match="held by"):
                    strongbox.Run(tmp_path).resume(make_ppo())
            return True

    with strongbox.Run(tmp_path, durable=False) as run:
        model = run.resume(make_ppo())
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=NotExact)
            model.learn(48, callback=[run.callback(every=16), Greedy()])
    assert model.num_timesteps == 48


def test_a_run_that_another_thread_trains_is_refused(tmp_path: Path) -> None:
    reached, let_go = threading.Event(), threading.Event()

    class Wait(BaseCallback):
        def _on_step(self) -> bool:
            reached.set()
            return let_go.wait(60)

    run = strongbox.Run(tmp_path, durable=False)
    model = run.resume(make_ppo())
    training = threading.Thread(target=lambda: model.learn(32, callback=[run.callback(every=16), Wait()]))
    training.start()
    try:
        assert reached.wait(60)
        with pytest.raises(CheckpointError, match="this very process"):
            strongbox.Run(tmp_path).resume(make_ppo())
    finally:
        let_go.set()
        training.join()
    with strongbox.Run(tmp_path) as other, pytest.warns(StrongboxWarning, match="That one was closed"):
        other.resume(make_ppo())
    assert other.report.step == 32


def test_an_agent_of_ones_own_whose_loop_was_left_is_taken_over(tmp_path: Path) -> None:
    left = strongbox.Run(tmp_path, durable=False)
    agent = left.resume(Counting, envs=None)
    agent.steps = 5
    left.save(agent)
    with strongbox.Run(tmp_path, durable=False) as run:
        with pytest.warns(StrongboxWarning, match="That one was closed"):
            assert run.resume(Counting, envs=None).steps == 5
        for call in (left.step, left.save):
            with pytest.raises(CheckpointError, match="found that it was closed"):
                call(agent)


def test_an_error_of_a_run_that_was_left_is_raised_and_the_next_one_begins(tmp_path: Path) -> None:
    left = strongbox.Run(tmp_path, durable=False)
    model = left.resume(make_ppo())
    (tmp_path / "checkpoints").write_text("in the way")
    with pytest.raises(KeyboardInterrupt):
        model.learn(64, callback=[Interrupt(17), left.callback(every=16)])
    with pytest.raises(CheckpointError, match="checkpoints"):
        strongbox.Run(tmp_path).resume(make_ppo())
    (tmp_path / "checkpoints").unlink()
    train(tmp_path, make_ppo(), 16)


# -- a script that was changed ---------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [40, None])
def test_another_total_is_told_where_a_schedule_goes_towards_it(stop: int | None, tmp_path: Path) -> None:
    make = make_ppo(learning_rate=LinearSchedule(1e-2, 1e-3, 1.0))
    with contextlib.suppress(KeyboardInterrupt):
        train(tmp_path, make, 64, Interrupt(stop or -1))
    with pytest.warns(NotExact, match="total_timesteps") as told:
        run = train(tmp_path, make, 128, Interrupt(-1))
    assert len(told) == 1
    assert run.report.differences == {
        "total_timesteps": "128 in the script, 64 in the checkpoint, towards which go: lr_schedule"
    }
    assert not run.report.exact


def test_exploration_goes_towards_the_total_too(tmp_path: Path) -> None:
    train(tmp_path, make_dqn, 40)
    with pytest.warns(NotExact, match="80 in the script, 40 in the checkpoint, towards which go: exploration_schedule"):
        train(tmp_path, make_dqn, 80)


def test_another_total_is_no_difference_where_nothing_goes_towards_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, make_ppo(), 64, Interrupt(40))
    assert train(tmp_path, make_ppo(), 96, Interrupt(-1)).report.exact


def test_a_hint_names_no_option_that_resume_does_not_have(tmp_path: Path) -> None:
    train(tmp_path, make_ppo(), 16)
    with pytest.raises(CheckpointError, match="cannot go on in the agent of this script") as refused:
        strongbox.Run(tmp_path).resume(make_ppo(policy_kwargs={"net_arch": [9]}))
    assert "skip=" not in str(refused.value)


def test_one_environment_is_one(tmp_path: Path) -> None:
    train(tmp_path, make_ppo(), 16)
    with pytest.raises(CheckpointError, match="expected one environment, as the run was begun with, found 2"):
        strongbox.Run(tmp_path).resume(make_ppo(environment=make_vec_env("CartPole-v1", 2)))


def test_rows_of_the_log_that_are_far_apart_have_a_hint_that_helps(tmp_path: Path) -> None:
    with strongbox.Run(tmp_path, durable=False) as run:
        model = run.resume(make_ppo())
        with pytest.warns(StrongboxWarning, match="with a smaller n_steps"):
            model.learn(64, callback=run.callback(every=1), log_interval=1)


# -- a call that was forgotten ---------------------------------------------------------------------------


def test_training_that_the_run_has_not_heard_of_is_told(tmp_path: Path) -> None:
    for lost in ("found that the model was trained without it; no checkpoint", "nothing of its checkpoint but"):
        run = strongbox.Run(tmp_path, durable=False)
        run.resume(make_ppo()).learn(16)
        with pytest.warns(StrongboxWarning, match=lost):
            run.close()
        run.close()
        assert [each.step for each in RunFolder(str(tmp_path)).checkpoints()] == ([16] if "but" in lost else [])
        train(tmp_path, make_ppo(), 16)


def test_a_model_that_is_only_looked_at_is_no_matter_of_a_warning(tmp_path: Path) -> None:
    train(tmp_path, make_ppo(), 16)
    with strongbox.Run(tmp_path) as run:
        run.resume(make_ppo())


def test_a_run_whose_checkpoints_are_all_damaged_does_not_begin_anew(tmp_path: Path) -> None:
    train(tmp_path, make_ppo(), 32)
    archives = list((tmp_path / "checkpoints").glob("*/agent.zip"))
    for path in archives:
        os.truncate(path, 5)
    with pytest.raises(CheckpointError, match=r"damaged ones only, 2 of them. What is wrong says: strongbox"):
        train(tmp_path, make_ppo(), 32)
    assert [path.stat().st_size for path in archives] == [5, 5]
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2
