"""What Monitor remembers of every episode is copied once, sent once by a worker, and is what it was when it is read."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import pytest
from gymnasium.vector import AsyncVectorEnv
from stable_baselines3 import A2C
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import SubprocVecEnv
from stable_baselines3.common.vec_env.base_vec_env import CloudpickleWrapper
from stable_baselines3.common.vec_env.subproc_vec_env import _worker

from strongbox.adapters.environments import (
    Captured,
    capture_environments,
    growing,
    restore_environments,
    watch_environments,
    workers,
)
from strongbox.adapters.environments.growing import NAMES, hold_growing
from strongbox.adapters.later import settle
from strongbox.adapters.training import Session


def monitor(episodes: int = 3) -> Any:
    live = Monitor(gymnasium.make("CartPole-v1"))
    add(live, episodes)
    return live


def add(live: Monitor, episodes: int, length: int = 7) -> None:
    for _ in range(episodes):
        count = len(live.episode_returns)
        live.episode_returns.append(count + 0.5)
        live.episode_lengths.append(length)
        live.episode_times.append(count / 8)


def lists(live: Monitor) -> dict[str, list[Any]]:
    return {name: list(getattr(live, name)) for name in NAMES}


def test_what_was_held_stays_while_episodes_are_added() -> None:
    live = monitor()
    before, held = lists(live), hold_growing(live)
    add(live, 2)
    after, again = lists(live), hold_growing(live)
    add(live, 2)
    assert settle(held) == before
    assert settle(again) == after
    assert settle(hold_growing(live)) == lists(live)


def test_what_was_copied_is_not_copied_again() -> None:
    live = monitor()
    hold_growing(live)
    copies = {name: growing._COPIES[live][name].items for name in NAMES}
    add(live, 2)
    hold_growing(live)
    assert copies == lists(live)
    assert all(growing._COPIES[live][name].items is copies[name] for name in NAMES)


def test_lists_that_were_emptied_and_filled_again() -> None:
    live = monitor()
    settle(hold_growing(live))
    for name in NAMES:
        getattr(live, name).clear()
    add(live, 5)
    live.episode_lengths[1] = 8
    assert settle(hold_growing(live)) == lists(live)


def test_lists_in_the_place_of_others() -> None:
    live = monitor()
    settle(hold_growing(live))
    live.episode_lengths = [1, 7, 7, 7]
    assert settle(hold_growing(live)) == lists(live)


def test_an_old_item_that_was_changed_by_hand() -> None:
    live = monitor()
    settle(hold_growing(live))
    live.episode_returns[1] = -1.0
    first, second = hold_growing(live), hold_growing(live)
    assert settle(first) == settle(second) == settle(hold_growing(live)) == lists(live)


def test_lists_that_are_emptied_before_they_are_read() -> None:
    live = monitor()
    before, held = lists(live), hold_growing(live)
    for name in NAMES:
        getattr(live, name).clear()
    assert settle(held) == before


@pytest.mark.parametrize("strange", [None, (1.0,), [object()]])
def test_what_is_no_list_of_numbers_is_not_held_here(strange: Any) -> None:
    live = monitor()
    live.episode_times = strange
    assert hold_growing(live) == {}
    assert hold_growing(gymnasium.make("CartPole-v1")) == {}


# -- in worker processes ----------------------------------------------------------------------------------------


class Scripted(Monitor):
    """A Monitor that a script meddles with, from the parent process."""

    def __init__(self) -> None:
        super().__init__(gymnasium.make("CartPole-v1"))

    def add(self, episodes: int, length: int = 7) -> None:
        add(self, episodes, length)

    def replace(self) -> None:
        self.episode_lengths = [3] * len(self.episode_lengths)

    def cut(self) -> None:
        for name in NAMES:
            del getattr(self, name)[1:]

    def empty(self) -> None:
        for name in NAMES:
            getattr(self, name).clear()
        add(self, 9)

    def change(self) -> None:
        self.episode_times[1] = -1.0


Many = SubprocVecEnv | AsyncVectorEnv

VECTORS: dict[str, Callable[[], Many]] = {
    "SubprocVecEnv": lambda: SubprocVecEnv([Scripted] * 2, start_method="fork"),
    "AsyncVectorEnv": lambda: AsyncVectorEnv([Scripted] * 2, context="fork"),
}


@pytest.fixture(params=VECTORS)
def many(request: Any) -> Iterator[Many]:
    env = VECTORS[request.param]()
    watch_environments(env)
    env.reset()
    tell(env, "add", 5)
    yield env
    env.close()


def tell(env: Any, name: str, *arguments: Any) -> None:
    """Call a method in every worker."""
    call = env.env_method if isinstance(env, SubprocVecEnv) else env.call
    call(name, *arguments)


def lists_of_workers(env: Any) -> list[dict[str, list[Any]]]:
    """What the workers remember, asked for whole."""
    found = zip(*(env.get_attr(name) for name in NAMES), strict=True)
    return [dict(zip(NAMES, own, strict=True)) for own in found]


def captured_lists(captured: Captured) -> list[dict[str, list[Any]]]:
    states = [state["wrappers"][0]["attributes"] for state in captured.state["environments"]]
    return [{name: attributes[name] for name in NAMES} for attributes in states]


def what_is_sent(env: Any) -> list[list[int]]:
    """How many items the workers send of each list, to a parent that has what this process has."""
    known = [({mark: len(items) for mark, items in own.items()},) for own in workers._KNOWN[env]]
    return [[len(new.items) for new in news] for *_, news in workers.call_workers(env, "strongbox_capture", known)]


def test_a_worker_sends_what_is_new(many: Many) -> None:
    first = capture_environments(many)
    assert what_is_sent(many) == [[0, 0, 0]] * 2
    tell(many, "add", 2)
    assert what_is_sent(many) == [[2, 2, 2]] * 2
    assert what_is_sent(many) == [[2, 2, 2]] * 2
    second = capture_environments(many)
    assert what_is_sent(many) == [[0, 0, 0]] * 2
    tell(many, "add", 1)
    capture_environments(many)
    now = lists_of_workers(many)
    assert captured_lists(first) == [{name: items[:5] for name, items in own.items()} for own in now]
    assert captured_lists(second) == [{name: items[:7] for name, items in own.items()} for own in now]


@pytest.mark.parametrize("meddle", ["replace", "cut", "empty", "change"])
def test_what_a_script_does_to_the_lists_in_a_worker_is_captured(meddle: str, many: Many) -> None:
    before = captured_lists(capture_environments(many))
    tell(many, meddle)
    for _ in range(2):
        captured, now = capture_environments(many), lists_of_workers(many)
        assert now != before
        assert captured_lists(captured) == now
        tell(many, "add", 2)


def test_lists_that_were_put_back_are_captured(many: Many) -> None:
    state = capture_environments(many).state
    tell(many, "add", 2)
    capture_environments(many)
    assert restore_environments(many, state) == {}
    tell(many, "add", 3)
    now = lists_of_workers(many)
    assert [len(own["episode_returns"]) for own in now] == [8, 8]
    assert captured_lists(capture_environments(many)) == now


def test_a_forked_parent_goes_on_with_the_same_workers(many: Many) -> None:
    capture_environments(many)
    tell(many, "add", 2)
    child = os.fork()
    if child == 0:
        os._exit(captured_lists(capture_environments(many)) == lists_of_workers(many))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    tell(many, "add", 2)
    assert captured_lists(capture_environments(many)) == lists_of_workers(many)


def restart(env: SubprocVecEnv, index: int, build: Callable[[], Any]) -> None:
    """Let another process take the place of a worker, as a script does whose worker has ended."""
    env.remotes[index].send(("close", None))
    env.processes[index].join()
    context = multiprocessing.get_context("fork")
    remote, work = context.Pipe()
    process = context.Process(target=_worker, args=(work, remote, CloudpickleWrapper(build)), daemon=True)
    process.start()
    work.close()
    env.remotes = (*env.remotes[:index], remote, *env.remotes[index + 1 :])
    env.processes[index] = process


def test_a_worker_that_was_started_again_sends_everything() -> None:
    shared = Scripted()
    shared.reset()
    add(shared, 4)
    settle(hold_growing(shared))  # So that every worker begins with copies of this process.
    env = SubprocVecEnv([lambda: shared] * 2, start_method="fork")
    env.env_method("add", 3)
    capture_environments(env)
    restart(env, 1, lambda: shared)
    env.env_method("add", 6, 8)
    now = lists_of_workers(env)
    assert [len(own["episode_returns"]) for own in now] == [13, 10]
    assert captured_lists(capture_environments(env)) == now
    env.close()


def test_two_sessions_on_one_environment() -> None:
    env = SubprocVecEnv([Scripted] * 2, start_method="fork")
    for _ in range(2):
        session = Session(A2C("MlpPolicy", env, n_steps=8, seed=1, device="cpu"))
        for _ in range(2):
            session.model.learn(160, callback=(callback := Idle()))
            session.begin(callback)
            captured = session.capture({}, steps=160)
            states = captured.contents.resume["environments"]["environments"]
            found = [{name: state["wrappers"][0]["attributes"][name] for name in NAMES} for state in states]
            assert found == lists_of_workers(env)
            assert len(found[0]["episode_returns"]) > 0
    env.close()


class Idle(BaseCallback):
    """Stands in for the callback of a run."""

    def _on_step(self) -> bool:
        return True
