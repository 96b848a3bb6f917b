"""The id of the environment that an agent was trained in: found through whatever is around it, and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from gymnasium.envs.classic_control import CartPoleEnv
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv, VecFrameStack, VecMonitor, VecNormalize

from strongbox.adapters import load, save
from strongbox.archive import open_archive


def cartpole() -> Any:
    return gymnasium.make("CartPole-v1")


def agent_in(environment: Any) -> PPO:
    return PPO("MlpPolicy", environment, n_steps=8, batch_size=8, seed=1, device="cpu")


def saved_id(model: Any, folder: Path) -> str | None:
    file = folder / "agent.zip"
    save(model, file, durable=False)
    with open_archive(file) as archive:
        return archive.environment


ENVIRONMENTS: dict[str, Callable[[], Any]] = {
    "one": cartpole,
    "wrapped": lambda: gymnasium.wrappers.TimeAwareObservation(Monitor(cartpole())),
    "several": lambda: make_vec_env("CartPole-v1", n_envs=3),
    "vectors": lambda: VecMonitor(VecFrameStack(VecNormalize(DummyVecEnv([cartpole])), 2)),
    "workers": lambda: VecNormalize(SubprocVecEnv([cartpole, lambda: Monitor(cartpole())], start_method="fork")),
}


@pytest.mark.parametrize("kind", ENVIRONMENTS)
def test_it_is_found_behind_wrappers_and_in_workers(kind: str, tmp_path: Path) -> None:
    model = agent_in(ENVIRONMENTS[kind]())
    assert saved_id(model, tmp_path) == "CartPole-v1"
    again = agent_in(ENVIRONMENTS[kind]())
    save(model, tmp_path / "again.zip", durable=False)
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "agent.zip").read_bytes()
    for each in (model, again):
        each.get_env().close()  # type: ignore[union-attr]


def other() -> Any:
    return gymnasium.make("CartPole-v0")


OTHERS: dict[str, Callable[[], Any]] = {
    "not made by an id": lambda: CartPoleEnv(),
    "of several ids": lambda: DummyVecEnv([cartpole, other]),
    "workers without": lambda: SubprocVecEnv([CartPoleEnv, CartPoleEnv], start_method="fork"),
    "workers of several ids": lambda: SubprocVecEnv([cartpole, other], start_method="fork"),
}


@pytest.mark.filterwarnings("ignore:.*The environment CartPole-v0 is out of date")
@pytest.mark.parametrize("kind", OTHERS)
def test_what_has_no_single_id_has_none(kind: str, tmp_path: Path) -> None:
    model = agent_in(OTHERS[kind]())
    assert saved_id(model, tmp_path) is None
    model.env.close()  # type: ignore[union-attr]


@pytest.fixture
def unsendable() -> Iterator[str]:
    """An environment whose spec holds a function that cannot be sent from one process to another."""
    gymnasium.register("Unsendable-v0", entry_point=lambda **options: CartPoleEnv(**options))
    yield "Unsendable-v0"
    del gymnasium.registry["Unsendable-v0"]


def test_asking_a_worker_never_ends_it(unsendable: str, tmp_path: Path) -> None:
    workers = SubprocVecEnv([lambda: gymnasium.make(unsendable)], start_method="fork")
    model = agent_in(workers)
    assert saved_id(model, tmp_path) == unsendable
    model.learn(8)
    workers.close()


def test_workers_that_are_busy_or_gone_are_not_asked(tmp_path: Path) -> None:
    workers = SubprocVecEnv([cartpole], start_method="fork")
    model = agent_in(workers)
    workers.reset()
    workers.step_async([0])  # type: ignore[arg-type]
    assert saved_id(model, tmp_path) is None
    assert len(workers.step_wait()[0]) == 1
    workers.close()
    assert saved_id(model, tmp_path) is None


def test_a_worker_that_died_does_not_stop_a_save(tmp_path: Path) -> None:
    workers = SubprocVecEnv([cartpole], start_method="fork")
    model = agent_in(workers)
    workers.processes[0].kill()
    workers.processes[0].join()
    assert saved_id(model, tmp_path) is None


class Fails(VecEnv):
    """A vector of another kind, all of whose attributes fail."""

    def __init__(self) -> None:
        pass

    @property
    def envs(self) -> Any:
        raise RuntimeError("foreign code")

    def reset(self) -> Any: ...
    def step_async(self, actions: Any) -> None: ...
    def step_wait(self) -> Any: ...
    def close(self) -> None: ...
    def get_attr(self, attr_name: str, indices: Any = None) -> Any: ...
    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None: ...
    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Any: ...
    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> Any: ...


def test_foreign_code_that_fails_does_not_stop_a_save(tmp_path: Path) -> None:
    model = agent_in(cartpole())
    model.env = Fails()
    assert saved_id(model, tmp_path) is None


def test_it_stays_with_an_agent_that_is_loaded_without_an_environment(tmp_path: Path) -> None:
    saved_id(agent_in(cartpole()), tmp_path)
    model = load(tmp_path / "agent.zip", device="cpu")
    assert saved_id(model, tmp_path) == "CartPole-v1"
    with_another = load(tmp_path / "agent.zip", env=CartPoleEnv(), device="cpu")
    assert saved_id(with_another, tmp_path) is None


def test_sb3_reads_the_archive_and_writes_none(tmp_path: Path) -> None:
    saved_id(agent_in(cartpole()), tmp_path)
    PPO.load(tmp_path / "agent.zip", env=cartpole(), device="cpu").save(tmp_path / "sb3.zip")
    with open_archive(tmp_path / "sb3.zip") as archive:
        assert archive.environment is None


def test_an_id_that_an_archive_may_not_name_is_not_written(tmp_path: Path) -> None:
    model = agent_in(cartpole())
    model.env.envs[0].unwrapped.spec.id = "module:CartPole-v1"  # type: ignore[union-attr]
    assert saved_id(model, tmp_path) is None
