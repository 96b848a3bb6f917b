"""Replay buffers, saved and loaded by SB3's own calls with the drop-in: SB3's files, and nothing in them runs."""

from __future__ import annotations

import copy
import io
import pickle
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
from stable_baselines3 import SAC, HerReplayBuffer
from stable_baselines3.common import save_util
from stable_baselines3.common.buffers import NStepReplayBuffer, ReplayBuffer

import strongbox
from strongbox.errors import FormatError, MismatchError, RefusedError, StrongboxError
from tests.live.adapters.likeness import differences
from tests.live.adapters.tiny import AGENTS, Agent, TinyEnv, make_agent


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    with strongbox.sb3.installed():
        yield


class OwnBuffer(ReplayBuffer):
    """Somebody's own replay buffer."""

    mine = 0


OPTIONS = AGENTS["sac"].options
KINDS: dict[str, Agent] = {
    "ordinary": AGENTS["sac"],
    "two environments": AGENTS["dqn"],
    "dictionaries": AGENTS["sac-dict"],
    "images": AGENTS["dqn-image"],
    "goals": AGENTS["her-sac"],
    "several steps": Agent(algorithm=SAC, policy="MlpPolicy", action="box", options={**OPTIONS, "n_steps": 3}),
    "one array": Agent(
        algorithm=SAC,
        policy="MlpPolicy",
        action="box",
        options={
            **OPTIONS,
            "optimize_memory_usage": True,
            "replay_buffer_kwargs": {"handle_timeout_termination": False},
        },
    ),
}


def contents(buffer: ReplayBuffer) -> dict[str, Any]:
    found = {name: value for name, value in vars(buffer).items() if name not in ("env", "device")}
    return {name: value.tolist() if name == "infos" else value for name, value in found.items()}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("written_by", ["strongbox", "sb3"])
def test_a_buffer_comes_back_to_the_last_bit(name: str, written_by: str, tmp_path: Path) -> None:
    model = KINDS[name].make()
    kept = copy.deepcopy(contents(model.replay_buffer))
    if written_by == "sb3":
        strongbox.sb3.uninstall()
    model.save_replay_buffer(tmp_path / "buffer")
    with strongbox.sb3.installed():
        model.load_replay_buffer(tmp_path / "buffer", truncate_last_traj=False)
    found = model.replay_buffer
    assert list(differences(kept, contents(found))) == []
    assert str(found.device) == "cpu"
    model.learn(16, reset_num_timesteps=False)


def test_sb3_reads_what_was_written(tmp_path: Path) -> None:
    model = make_agent("sac")
    model.save_replay_buffer(str(tmp_path / "buffer.pkl"))
    strongbox.sb3.uninstall()
    found = save_util.load_from_pkl(tmp_path / "buffer")
    assert list(differences(contents(model.replay_buffer), contents(found))) == []


def test_kinds_of_buffers() -> None:
    assert isinstance(KINDS["several steps"].make().replay_buffer, NStepReplayBuffer)
    assert isinstance(KINDS["goals"].make().replay_buffer, HerReplayBuffer)


def test_infos_that_her_keeps(tmp_path: Path) -> None:
    keep: Any = {"copy_info_dict": True, "n_sampled_goal": 2}
    kind = AGENTS["her-sac"]
    agent = replace(kind, options={**kind.options, "replay_buffer_kwargs": keep}).make()
    kept = copy.deepcopy(agent.replay_buffer.infos)
    assert any(kept.flat)
    agent.save_replay_buffer(tmp_path / "buffer")
    agent.load_replay_buffer(tmp_path / "buffer", truncate_last_traj=False)
    assert list(differences(kept.tolist(), agent.replay_buffer.infos.tolist())) == []


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    model = make_agent("sac")
    model.save_replay_buffer(tmp_path / "buffer.pkl")
    before = (tmp_path / "buffer.pkl").read_bytes()
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        save_util.save_to_pkl(tmp_path / "buffer.pkl", [numpy.zeros(1000), lambda: None])
    assert (tmp_path / "buffer.pkl").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["buffer.pkl"]


def test_paths_and_file_objects_are_as_in_sb3(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="does not exist. Will create it"):
        save_util.save_to_pkl(tmp_path / "some" / "one", "foo")
    assert save_util.load_from_pkl(str(tmp_path / "some" / "one")) == "foo"
    with pytest.warns(UserWarning, match="exists, will overwrite it"):
        save_util.save_to_pkl(tmp_path / "some" / "one", "bar", verbose=2)
    with pytest.warns(UserWarning, match="not found. Attempting"):
        assert save_util.load_from_pkl(tmp_path / "some" / "one", verbose=2) == "bar"
    with pytest.raises(FileNotFoundError):
        save_util.load_from_pkl(tmp_path / "two")
    with tempfile.TemporaryFile() as file:
        for word in ("first", [2, (3.5, None)]):
            save_util.save_to_pkl(file, word)
        file.seek(0)
        assert [save_util.load_from_pkl(file), save_util.load_from_pkl(file)] == ["first", [2, (3.5, None)]]


class Touch:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_hostile_file_runs_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    model, mark = make_agent("sac"), tmp_path / "mark"
    buffer = copy.copy(model.replay_buffer)
    buffer.mine = Touch(mark)
    for hostile in (Touch(mark), buffer, {"a": [Touch(mark)]}):
        (tmp_path / "buffer.pkl").write_bytes(pickle.dumps(hostile))
        with pytest.raises(RefusedError) as caught:
            copy.copy(model).load_replay_buffer(tmp_path / "buffer.pkl")
        assert 'strongbox.sb3.install(trust="pickle")' in str(caught.value)
        assert str(tmp_path / "buffer.pkl") in str(caught.value)
        assert not mark.exists()
    with strongbox.sb3.installed(trust="pickle"):
        assert isinstance(save_util.load_from_pkl(io.BytesIO(pickle.dumps(buffer))), ReplayBuffer)
    assert mark.exists()


def test_a_buffer_of_ones_own_is_trusted_by_name(tmp_path: Path) -> None:
    env = TinyEnv(action="box")
    own = OwnBuffer(10, env.observation_space, env.action_space, device="cpu")
    own.mine = 7
    save_util.save_to_pkl(tmp_path / "buffer", own)
    name = f"{__name__}.OwnBuffer"
    with pytest.raises(RefusedError) as caught:
        save_util.load_from_pkl(tmp_path / "buffer")
    assert f'strongbox.sb3.install(trust=["{name}"])' in str(caught.value)
    with strongbox.sb3.installed(trust=name):
        found = save_util.load_from_pkl(tmp_path / "buffer")
    assert type(found) is OwnBuffer
    assert found.mine == 7


CHANGES: dict[str, Any] = {
    "pos": 60,
    "buffer_size": 61,
    "n_envs": 2,
    "full": "yes",
    "observations": numpy.zeros((3, 1, 3), numpy.float32),
    "rewards": [1.0],
}


@pytest.mark.parametrize("name", CHANGES)
def test_counts_and_arrays_that_do_not_fit_are_an_error(name: str) -> None:
    buffer = copy.copy(make_agent("sac").replay_buffer)
    setattr(buffer, name, CHANGES[name])
    with pytest.raises(MismatchError, match="expected"):
        save_util.load_from_pkl(io.BytesIO(pickle.dumps(buffer)))


def test_episodes_beyond_a_buffer_are_an_error() -> None:
    buffer = copy.copy(make_agent("her-sac").replay_buffer)
    buffer.ep_length = buffer.ep_length + 1_000_000
    with pytest.raises(StrongboxError, match="episodes inside"):
        save_util.load_from_pkl(io.BytesIO(pickle.dumps(buffer)))


def test_a_file_that_is_cut_short_is_an_error_and_the_file_object_stands_where_it_stood(tmp_path: Path) -> None:
    content = pickle.dumps(make_agent("sac").replay_buffer)
    file = io.BytesIO(b"before" + content[: len(content) // 2])
    file.seek(6)
    with pytest.raises(FormatError):
        save_util.load_from_pkl(file)
    assert file.tell() == 6
