"""The resume state of a stranger's checkpoint: what cannot be the model's is refused before anything is changed."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy
import pytest
from sb3_contrib import RecurrentPPO
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

import strongbox
from strongbox.adapters.training import Session
from strongbox.archive import Contents, Exact, write_archive
from strongbox.errors import StrongboxError

SMALL = {"net_arch": [4]}


def make_ppo() -> Any:
    options = {"n_steps": 4, "batch_size": 4, "n_epochs": 1, "use_sde": True, "policy_kwargs": SMALL}
    return PPO("MlpPolicy", "Pendulum-v1", seed=1, device="cpu", **options)  # type: ignore[arg-type]


def make_recurrent() -> Any:
    options = {"n_steps": 4, "batch_size": 4, "n_epochs": 1, "policy_kwargs": {"lstm_hidden_size": 3, **SMALL}}
    return RecurrentPPO("MlpLstmPolicy", "CartPole-v1", seed=1, device="cpu", **options)  # type: ignore[arg-type]


class Capture(BaseCallback):
    """Keeps what a session captures at the second rollout."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.contents: Contents | None = None

    def _on_training_start(self) -> None:
        self.session.begin(self)

    def _on_rollout_start(self) -> None:
        if self.num_timesteps:
            self.contents = self.session.capture({"phases": [[0, 8, None]]}, steps=self.num_timesteps).contents

    def _on_step(self) -> bool:
        return True


def captured(make: Callable[[], Any]) -> Contents:
    session = Session(make())
    callback = Capture(session)
    session.model.learn(8, callback=callback)
    assert callback.contents is not None
    return callback.contents


def read(make: Callable[[], Any], contents: Contents) -> Any:
    file = io.BytesIO()
    write_archive(file, contents)
    session = Session(make())
    return session.read(strongbox.open(file.getvalue()))


@pytest.fixture(scope="module", params=[make_ppo, make_recurrent], ids=["ppo", "recurrent"])
def make(request: Any) -> Any:
    return request.param


def test_what_was_captured_is_read_and_is_exact(make: Any) -> None:
    saved = read(make, captured(make))
    assert saved.inexact == {}
    assert saved.differences == {}
    assert saved.agent.steps == 4


@pytest.mark.parametrize("name", ["agent", "callbacks", "environments", "log", "random", "run"])
def test_a_part_that_is_missing_is_refused(name: str) -> None:
    contents = captured(make_ppo)
    resume = {key: value for key, value in contents.resume.items() if key != name}
    with pytest.raises(StrongboxError, match=f"resume/{name}.json"):
        read(make_ppo, replace(contents, resume=resume))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("run", {"iterations": -1, "elapsed": 0}),
        ("run", {"iterations": 1, "elapsed": "long"}),
        ("run", []),
        ("log", {"rows": {"progress.csv": -1}, "pending": {}}),
        ("agent", 3),
        ("agent", {"observed": {"policy": None}, "spaces": {}}),
        ("agent", {"observed": {"_last_obs": numpy.zeros((2, 3))}, "spaces": {}}),
        ("agent", {"observed": {"_last_obs": numpy.array([["a", "b", "c"]])}, "spaces": {}}),
        ("agent", {"observed": {}, "spaces": {}, "actor": {}}),
        ("agent", {"observed": {}, "spaces": {}, "policy": {"exploration_mat": numpy.zeros((1, 1), "float32")}}),
        ("agent", {"observed": {}, "spaces": {}, "lstm": [[numpy.zeros(3)]]}),
    ],
)
def test_a_part_that_cannot_be_the_models_is_refused(name: str, part: Any) -> None:
    contents = captured(make_ppo)
    changed = replace(contents, resume={**contents.resume, name: part})
    with pytest.raises(StrongboxError):
        _ = read(make_ppo, changed).rows


@pytest.mark.parametrize(
    ("name", "value"),
    [("num_timesteps", "many"), ("num_timesteps", -4), ("_n_updates", 1.5), ("ep_info_buffer", [3])],
)
def test_an_attribute_that_cannot_be_the_models_is_refused(name: str, value: Any) -> None:
    contents = captured(make_ppo)
    with pytest.raises(StrongboxError, match=name):
        read(make_ppo, replace(contents, data={**contents.data, name: Exact(value)}))


def test_a_name_that_the_model_does_not_have_is_told_and_not_set() -> None:
    contents = captured(make_ppo)
    saved = read(make_ppo, replace(contents, data={**contents.data, "learn": Exact(3), "own": Exact(3)}))
    assert set(saved.inexact) == {"learn", "own"}
    assert not saved.agent.attributes.keys() & {"learn", "own"}
