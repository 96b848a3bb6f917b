"""Replay buffers that real agents filled in real environments come back to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ale_py
import gymnasium
import numpy
import pytest
import torch
from stable_baselines3 import DQN, SAC, HerReplayBuffer
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer, RolloutBuffer
from stable_baselines3.common.env_util import make_atari_env, make_vec_env
from stable_baselines3.common.envs import BitFlippingEnv, SimpleMultiObsEnv
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecFrameStack

from strongbox.adapters.replay import ReplayRecorder, restore_replay
from strongbox.adapters.replay_columns import late_columns, live_columns
from strongbox.checkpoints.replay import ReplayManifest, ReplayStore, segments_named
from strongbox.errors import CheckpointError
from strongbox.values import to_portable


def agent(algorithm: Any, policy: str, env: Any, **options: Any) -> Any:
    """An agent that only collects."""
    settled = {"buffer_size": 300, "learning_starts": 10**9, "seed": 0, "device": "cpu"}
    return algorithm(policy, env, **{**settled, **options})


def bit_flips() -> VecEnv:
    return DummyVecEnv([lambda: BitFlippingEnv(n_bits=4, continuous=True, max_steps=7) for _ in range(2)])


def pong() -> VecEnv:
    gymnasium.register_envs(ale_py)
    return VecFrameStack(make_atari_env("PongNoFrameskip-v4", n_envs=1, seed=0), 4)


CASES: dict[str, Callable[[], Any]] = {
    "one environment": lambda: agent(SAC, "MlpPolicy", "Pendulum-v1"),
    "several environments": lambda: agent(SAC, "MlpPolicy", make_vec_env("Pendulum-v1", 3)),
    "optimize_memory_usage": lambda: agent(
        *(SAC, "MlpPolicy", "Pendulum-v1"),
        optimize_memory_usage=True,
        replay_buffer_kwargs={"handle_timeout_termination": False},
    ),
    "n steps": lambda: agent(SAC, "MlpPolicy", "Pendulum-v1", n_steps=3),
    "numbered observations": lambda: agent(DQN, "MlpPolicy", "FrozenLake-v1"),
    "dictionary with images": lambda: agent(DQN, "MultiInputPolicy", SimpleMultiObsEnv(), buffer_size=100),
    "HER": lambda: agent(SAC, "MultiInputPolicy", bit_flips(), buffer_size=200, replay_buffer_class=HerReplayBuffer),
    "HER with infos": lambda: agent(
        *(SAC, "MultiInputPolicy", bit_flips()),
        buffer_size=200,
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"copy_info_dict": True},
    ),
    "Atari frames": lambda: agent(DQN, "CnnPolicy", pong(), buffer_size=150),
    "Atari frames, optimize_memory_usage": lambda: agent(
        *(DQN, "CnnPolicy", pong()),
        buffer_size=150,
        optimize_memory_usage=True,
        replay_buffer_kwargs={"handle_timeout_termination": False},
    ),
}


def everything(buffer: ReplayBuffer) -> dict[str, Any]:
    """All that a buffer holds, arrays as bytes, so that NaN equals itself and -0 is not 0."""
    arrays = {**live_columns(buffer), **late_columns(buffer)}
    state = {name: array.tobytes() for name, array in arrays.items()}
    her = {}
    if isinstance(buffer, HerReplayBuffer):
        her = {"starts": buffer._current_ep_start.tolist(), "infos": [to_portable(info) for info in buffer.infos.flat]}
    return {**state, **her, "pos": buffer.pos, "full": buffer.full}


def draw(buffer: ReplayBuffer) -> list[bytes]:
    """A batch, drawn with the same random numbers each time."""
    numpy.random.seed(3)
    batch = buffer.sample(32)
    fields = [part for part in batch if part is not None]
    tensors = [tensor for part in fields for tensor in (part.values() if isinstance(part, Mapping) else [part])]
    return [tensor.numpy().tobytes() for tensor in tensors if isinstance(tensor, torch.Tensor)]


@pytest.mark.parametrize("case", CASES)
def test_a_buffer_comes_back_to_the_last_bit(case: str, tmp_path: Path) -> None:
    model, other, fresh = (CASES[case]() for _ in range(3))
    assert isinstance(model.replay_buffer, NStepReplayBuffer) == (case == "n steps")
    other.learn(other.n_envs * other.replay_buffer.buffer_size)
    recorder, store = ReplayRecorder(model.replay_buffer), ReplayStore(tmp_path)
    capacity = model.replay_buffer.buffer_size
    for steps in (0, capacity // 3, 1, capacity // 2, capacity // 3, 0, 2 * capacity + 5):
        if steps:
            model.learn(steps * model.n_envs, reset_num_timesteps=False)
        captured = recorder.capture(model.num_timesteps // model.n_envs)
        assert dict(captured.inexact) == {}
        manifest = ReplayManifest.from_json(store.write(captured).to_json())
        recorder.confirm(captured, manifest)
        for buffer in (other.replay_buffer, fresh.replay_buffer):
            assert restore_replay(buffer, manifest, store) == {}
            assert everything(buffer) == everything(model.replay_buffer)
    assert draw(fresh.replay_buffer) == draw(model.replay_buffer)


@pytest.mark.parametrize("case", CASES)
def test_a_restored_buffer_goes_on_where_it_stood(case: str, tmp_path: Path) -> None:
    model, resumed = CASES[case](), CASES[case]()
    recorder, store = ReplayRecorder(model.replay_buffer), ReplayStore(tmp_path)
    model.learn(model.replay_buffer.buffer_size // 2 * model.n_envs)
    steps = model.num_timesteps // model.n_envs  # learn() ends at whole rollouts
    manifest = store.write(recorder.capture(steps))
    restore_replay(resumed.replay_buffer, manifest, store)
    going_on = ReplayRecorder(resumed.replay_buffer)
    going_on.resume(steps, manifest)
    resumed.num_timesteps = model.num_timesteps
    resumed.learn(10 * model.n_envs, reset_num_timesteps=False)
    captured = going_on.capture(resumed.num_timesteps // resumed.n_envs)
    added = resumed.num_timesteps // resumed.n_envs - steps + int(resumed.replay_buffer.optimize_memory_usage)
    assert {len(rows) for rows in captured.rows.values()} == {added}
    later = ReplayStore(tmp_path).write(captured)
    assert {part.segment for part in manifest.ranges} & segments_named(later)
    restore_replay(model.replay_buffer, later, store)
    assert everything(model.replay_buffer) == everything(resumed.replay_buffer)


def filled(steps: int, case: str = "one environment") -> Any:
    model = CASES[case]()
    model.learn(steps)
    return model


def test_staging_arrays_are_used_again(tmp_path: Path) -> None:
    model = filled(100)
    recorder, store = ReplayRecorder(model.replay_buffer), ReplayStore(tmp_path)
    first = recorder.capture(100)
    recorder.confirm(first, store.write(first))
    model.learn(100, reset_num_timesteps=False)
    second = recorder.capture(200)
    assert all(numpy.shares_memory(first.rows[name], second.rows[name]) for name in first.rows)
    assert not any(
        numpy.shares_memory(rows, live_columns(model.replay_buffer)[name]) for name, rows in second.rows.items()
    )


def test_what_was_not_confirmed_is_copied_again(tmp_path: Path) -> None:
    model = filled(50)
    recorder, store = ReplayRecorder(model.replay_buffer), ReplayStore(tmp_path)
    first = recorder.capture(50)
    recorder.confirm(first, store.write(first))
    for total in (60, 70):
        model.learn(10, reset_num_timesteps=False)
        captured = recorder.capture(total)
        assert len(captured.rows["rewards"]) == total - 50


def reset(buffer: ReplayBuffer) -> None:
    buffer.reset()


def truncate(buffer: ReplayBuffer) -> None:
    buffer.dones[buffer.pos - 1] = 1


def overwrite(buffer: ReplayBuffer) -> None:
    buffer.rewards[...] = 2.0


def nothing(buffer: ReplayBuffer) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "steps", "rows"),
    [(nothing, 0, 0), (reset, 0, 0), (truncate, 0, 50), (overwrite, 0, 50), (nothing, 3, 50), (nothing, -10, 50)],
)
def test_where_the_count_does_not_fit_everything_is_copied(
    change: Callable[[ReplayBuffer], None], steps: int, rows: int, tmp_path: Path
) -> None:
    model = filled(50)
    recorder, store = ReplayRecorder(model.replay_buffer), ReplayStore(tmp_path)
    first = recorder.capture(50)
    recorder.confirm(first, store.write(first))
    change(model.replay_buffer)
    second = recorder.capture(50 + steps)
    assert len(second.rows["rewards"]) == rows
    fresh = CASES["one environment"]().replay_buffer
    restore_replay(fresh, store.write(second), store)
    assert fresh.rewards[:rows].tobytes() == model.replay_buffer.rewards[:rows].tobytes()
    assert fresh.pos == model.replay_buffer.pos


def test_a_change_by_hand_is_seen_when_it_is_told(tmp_path: Path) -> None:
    model = filled(50)
    recorder, store = ReplayRecorder(model.replay_buffer), ReplayStore(tmp_path)
    first = recorder.capture(50)
    recorder.confirm(first, store.write(first))
    model.replay_buffer.rewards[3] = 7.0
    recorder.forget()
    fresh = CASES["one environment"]().replay_buffer
    restore_replay(fresh, store.write(recorder.capture(50)), store)
    assert everything(fresh) == everything(model.replay_buffer)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (lambda: agent(SAC, "MlpPolicy", "Pendulum-v1", buffer_size=301), "300 rows, found 301"),
        (lambda: agent(SAC, "MlpPolicy", make_vec_env("Pendulum-v1", 2), buffer_size=600), "1 environments, found 2"),
        (lambda: agent(SAC, "MlpPolicy", "MountainCarContinuous-v0", buffer_size=300), "'next_observations'.*found"),
        (
            lambda: agent(DQN, "MlpPolicy", "CartPole-v1", buffer_size=300),
            "'actions' in the replay buffer, found int64",
        ),
        (CASES["optimize_memory_usage"], "'next_observations' in the replay buffer, found nothing"),
    ],
)
def test_a_buffer_of_another_kind_is_refused(other: Callable[[], Any], expected: str, tmp_path: Path) -> None:
    model = filled(50)
    store = ReplayStore(tmp_path)
    manifest = store.write(ReplayRecorder(model.replay_buffer).capture(50))
    with pytest.raises(CheckpointError, match=expected):
        restore_replay(other().replay_buffer, manifest, store)


def test_what_is_no_replay_buffer_is_refused() -> None:
    space = gymnasium.spaces.Box(-1, 1, (2,))
    rollouts: Any = RolloutBuffer(4, space, space, device="cpu")
    with pytest.raises(CheckpointError, match="RolloutBuffer"):
        ReplayRecorder(rollouts)


class Weighted(ReplayBuffer):
    """A buffer as people write them: a weight for each row, which changes at any time, and a function."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.weights = numpy.ones((self.buffer_size, self.n_envs))
        self.rule = abs


def test_a_derived_buffer_keeps_what_it_has_for_each_row_and_says_what_it_does_not(tmp_path: Path) -> None:
    def make() -> Any:
        return agent(SAC, "MlpPolicy", "Pendulum-v1", replay_buffer_class=Weighted)

    model, fresh = make(), make()
    model.learn(50)
    model.replay_buffer.weights[::7] = 0.25
    recorder, store = ReplayRecorder(model.replay_buffer), ReplayStore(tmp_path)
    captured = recorder.capture(50)
    assert set(captured.inexact) == {"replay_buffer.rule"}
    recorder.confirm(captured, store.write(captured))
    model.replay_buffer.weights[::11] = 0.5
    manifest = store.write(recorder.capture(50))
    assert set(restore_replay(fresh.replay_buffer, manifest, store)) == {"replay_buffer.rule"}
    assert everything(fresh.replay_buffer) == everything(model.replay_buffer)


@pytest.mark.parametrize("starts", [None, [0], [0, -1], [0, 200], [0, 1.0], [0, True]])
def test_episodes_that_begin_nowhere_are_refused(starts: Any, tmp_path: Path) -> None:
    model = filled(40, "HER")
    store = ReplayStore(tmp_path)
    kept = store.write(ReplayRecorder(model.replay_buffer).capture(20)).to_json()
    kept["settings"]["current_ep_start"] = starts
    with pytest.raises(CheckpointError, match="current_ep_start"):
        restore_replay(model.replay_buffer, ReplayManifest.from_json(kept), store)


def test_episodes_beyond_the_buffer_are_refused(tmp_path: Path) -> None:
    model = filled(40, "HER")
    model.replay_buffer.ep_length[3] = 10**12
    store = ReplayStore(tmp_path)
    manifest = store.write(ReplayRecorder(model.replay_buffer).capture(20))
    with pytest.raises(CheckpointError, match="episodes inside"):
        restore_replay(CASES["HER"]().replay_buffer, manifest, store)


def test_an_info_that_cannot_be_kept_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    model, fresh = filled(40, "HER with infos"), CASES["HER with infos"]()
    infos = model.replay_buffer.infos
    infos[2, 1], infos[3, 1] = {"sensor": object()}, {"distance": numpy.float32(0.1), "at": (1, 2)}
    store = ReplayStore(tmp_path)
    captured = ReplayRecorder(model.replay_buffer).capture(20)
    manifest = ReplayManifest.from_json(store.write(captured).to_json())
    assert "['sensor']" in captured.inexact["replay_buffer.infos"]
    assert restore_replay(fresh.replay_buffer, manifest, store) == captured.inexact
    going_on = ReplayRecorder(fresh.replay_buffer)
    going_on.resume(20, manifest)
    assert going_on.capture(20).inexact == captured.inexact
    assert fresh.replay_buffer.infos[2, 1] == {}
    assert fresh.replay_buffer.infos[3, 1] == infos[3, 1]
    assert type(fresh.replay_buffer.infos[3, 1]["distance"]) is numpy.float32


def test_a_text_that_is_no_info_is_refused(tmp_path: Path) -> None:
    model = filled(40, "HER with infos")
    store = ReplayStore(tmp_path)
    captured = ReplayRecorder(model.replay_buffer).capture(20)
    captured.rows["infos"][5, 0] = "[1]"
    manifest = store.write(captured)
    with pytest.raises(CheckpointError, match="found a list"):
        restore_replay(model.replay_buffer, manifest, store)


def test_zstd_is_used_where_it_is_installed(tmp_path: Path) -> None:
    model = filled(120, "Atari frames")
    store = ReplayStore(tmp_path)
    manifest = store.write(ReplayRecorder(model.replay_buffer).capture(120))
    raw = sum(array[:120].nbytes for array in live_columns(model.replay_buffer).values())
    assert sum(record.size for record in manifest.segments.values()) < raw / 100
    assert any(b'"zstd"' in path.read_bytes()[:8192] for path in tmp_path.iterdir())
