"""What a session captures is the model at its clean point, however much later the archive is made of it."""

from __future__ import annotations

import io
from typing import Any

import numpy
import pytest
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise

import strongbox
from strongbox.adapters.training import Captured, Session
from strongbox.archive import write_archive
from strongbox.values import same
from tests.live.adapters.environments.rolling import without_moments

STATE: dict[str, Any] = {"phases": []}


def make_ppo() -> Any:
    return PPO("MlpPolicy", make_vec_env("Pendulum-v1", 2, seed=1), n_steps=8, batch_size=8, device="cpu", use_sde=True)


def make_sac() -> Any:
    noise = OrnsteinUhlenbeckActionNoise(numpy.zeros(1), numpy.ones(1))
    options: dict[str, Any] = {"buffer_size": 100, "learning_starts": 4, "action_noise": noise, "seed": 1}
    return SAC("MlpPolicy", "Pendulum-v1", device="cpu", **options)


def make_dqn() -> Any:
    return DQN("MlpPolicy", "CartPole-v1", buffer_size=100, learning_starts=4, seed=1, device="cpu")


class Capture(BaseCallback):
    """Captures twice in one clean point; only what was captured first is made into contents there."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.first: Any = None
        self.second: Captured | None = None

    def _on_training_start(self) -> None:
        self.session.begin(self)

    def _on_rollout_start(self) -> None:
        if self.second is None and self.num_timesteps >= 16:
            self.first = parts(self.session.capture(STATE, steps=self.num_timesteps))
            self.second = self.session.capture(STATE, steps=self.num_timesteps)

    def _on_step(self) -> bool:
        return True


def parts(captured: Captured) -> Any:
    """Everything in the archive that is made of what was captured, moments of clocks aside."""
    file = io.BytesIO()
    write_archive(file, captured.contents)
    archive = strongbox.open(file.getvalue())
    tensors = {
        f"{name}/{place}": tensor.copy() for name in archive.parameters for place, tensor in tensors_of(archive, name)
    }
    resume = {name: without_moments(archive.resume[name]) for name in archive.resume}
    resume["run"].pop("elapsed")
    return {"data": dict(archive.data), "tensors": tensors, "resume": resume, "inexact": dict(captured.inexact)}


def tensors_of(archive: Any, name: str) -> Any:
    return archive.parameters[name].tensors()


@pytest.mark.parametrize("make", [make_ppo, make_sac, make_dqn])
def test_training_changes_nothing_of_what_was_captured(make: Any) -> None:
    session = Session(make())
    callback = Capture(session)
    evaluation = EvalCallback(
        make_vec_env("CartPole-v1" if make is make_dqn else "Pendulum-v1"), eval_freq=12, n_eval_episodes=1, verbose=0
    )
    session.model.learn(64, callback=[callback, evaluation])
    assert callback.second is not None
    now = parts(callback.second)
    for name, part in callback.first.items():
        assert same(now[name], part), name
    later = parts(session.capture(STATE, steps=64))
    assert not same(later["tensors"], now["tensors"])
    assert not same(later["resume"], now["resume"])
    assert not same(later["data"], now["data"])
