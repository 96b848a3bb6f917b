"""One checkpoint: what it gives, what its verification finds, and packing it into one file."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from strongbox.archive import check_archive, open_archive
from strongbox.checkpoints import Checkpoint, Keep, RunFolder, decide, pack, prune, verify_checkpoint, write_checkpoint
from strongbox.errors import CheckpointError, FormatError, LimitError, StrongboxError, UnsupportedError
from tests.core.checkpoints.runs import add_segment, agent, begin_run, files_of, replay_of, write

SEGMENTS = [b"first" * 1000, b"second" * 100, b""]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return begin_run(tmp_path / "run")


@pytest.fixture
def checkpoint(folder: RunFolder) -> Checkpoint:
    replay = replay_of(*(add_segment(folder, content) for content in SEGMENTS))
    return write(folder, 10, replay=replay, inexact={"environments[0]": "no handler"})


def test_it_gives_what_was_written(checkpoint: Checkpoint) -> None:
    assert (checkpoint.step, checkpoint.commit.point, checkpoint.commit.exact) == (10, "rollout_start", False)
    assert checkpoint.replay == replay_of(*map(sha256, SEGMENTS))
    assert checkpoint.segments == tuple(map(sha256, SEGMENTS))
    assert checkpoint.replay_size == sum(map(len, SEGMENTS))
    with checkpoint.open() as archive:
        assert dict(archive.resume) == {"counters": {"step": 10}, "inexact": {"environments[0]": "no handler"}}
        assert archive.other_members == []
    assert verify_checkpoint(checkpoint) == []


def test_without_a_replay_buffer_there_is_no_replay(folder: RunFolder) -> None:
    found = write(folder, 10)
    assert (found.replay, found.segments, found.replay_size) == (None, (), 0)
    assert sorted(os.listdir(found.path)) == ["agent.zip", "commit.json"]
    assert verify_checkpoint(found) == []


def test_the_same_contents_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = (begin_run(tmp_path / name) for name in "ab")
    for folder in (one, other):
        write(folder, 10, replay=replay_of(add_segment(folder, b"x")), time=1.5)
    first, second = files_of(one), files_of(other)
    assert {name: first[name] for name in first if name != "run.json"} == {
        name: second[name] for name in second if name != "run.json"
    }


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"point": "on_step"}, "expected one of rollout_start, training_end as the clean point, found 'on_step'"),
        ({"step": -1}, "step"),
        ({"step": 10**18}, "expected a step from 0 to"),
        ({"time": -1.0}, "time"),
        ({"logs": {"a": -1}}, "logs"),
        ({"inexact": {"a": 1}}, "inexact"),
        ({"replay": {"segments": {"../x": {}}}}, "expected a SHA-256 in hexadecimal as the name of a segment"),
        ({"replay": {}}, 'expected an object with an object "segments"'),
        ({"replay": replay_of("0" * 64)}, "expected a replay segment that the checkpoint needs, found none"),
    ],
)
def test_what_could_not_be_read_is_not_committed(folder: RunFolder, options: dict[str, Any], error: str) -> None:
    before = files_of(folder)
    with pytest.raises(StrongboxError, match=error):
        write_checkpoint(folder, **{"step": 20, "contents": agent(20), **options})
    assert files_of(folder) == before


def damage_agent(path: Path) -> None:
    content = bytearray((path / "agent.zip").read_bytes())
    content[200] ^= 1
    (path / "agent.zip").write_bytes(content)


def damage_replay(path: Path) -> None:
    text = (path / "replay.json").read_text()
    (path / "replay.json").write_text(text.replace("strongbox", "Strongbox"))


def damage_segment(path: Path) -> None:
    (path.parents[1] / "replay" / f"{sha256(SEGMENTS[0])}.segment").write_bytes(b"other" * 1000)


def remove_segment(path: Path) -> None:
    (path.parents[1] / "replay" / f"{sha256(SEGMENTS[1])}.segment").unlink()


def remove_agent(path: Path) -> None:
    (path / "agent.zip").unlink()


def link_segment(path: Path) -> None:
    segment = path.parents[1] / "replay" / f"{sha256(SEGMENTS[1])}.segment"
    segment.rename(segment.with_name("elsewhere"))
    segment.symlink_to("elsewhere")


@pytest.mark.parametrize(
    ("damage", "member"),
    [
        (damage_agent, "agent.zip"),
        (remove_agent, "agent.zip"),
        (damage_replay, "replay.json"),
        (damage_segment, f"replay/{hashlib.sha256(SEGMENTS[0]).hexdigest()}.segment"),
        (remove_segment, f"replay/{hashlib.sha256(SEGMENTS[1]).hexdigest()}.segment"),
        (link_segment, f"replay/{hashlib.sha256(SEGMENTS[1]).hexdigest()}.segment"),
    ],
)
def test_every_damage_is_found(checkpoint: Checkpoint, damage: Callable[[Path], None], member: str) -> None:
    damage(Path(checkpoint.path))
    fresh = Checkpoint(checkpoint.run, checkpoint.path, checkpoint.commit)
    errors = [finding for finding in verify_checkpoint(fresh) if finding.level == "error"]
    assert member in {finding.member for finding in errors}


def test_the_progress_comes_to_the_end(checkpoint: Checkpoint) -> None:
    told: list[tuple[int, int, str]] = []
    verify_checkpoint(checkpoint, lambda done, total, path: told.append((done, total, path)))
    assert told[-1][0] == told[-1][1] == checkpoint.commit.size + checkpoint.replay_size
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


def test_segments_that_are_known_to_be_whole_are_not_read_again(checkpoint: Checkpoint) -> None:
    verified: set[str] = set()
    assert verify_checkpoint(checkpoint, verified=verified) == []
    assert verified == set(checkpoint.segments)
    damage_segment(Path(checkpoint.path))
    assert verify_checkpoint(checkpoint, verified=verified) == []
    assert len(verify_checkpoint(checkpoint)) == 1


# -- prune ----------------------------------------------------------------------------------------


def test_segments_go_with_the_last_that_names_them_unless_they_are_held(folder: RunFolder) -> None:
    first, second, third = (add_segment(folder, content) for content in (b"1", b"2", b"3"))
    write(folder, 10, replay=replay_of(first, second))
    write(folder, 20, replay=replay_of(second))
    removed = prune(folder, decide(folder.checkpoints(), Keep(last=1), 0.0), hold=[third])
    assert removed == ("checkpoints/000000000010", f"replay/{first}.segment")
    assert set(os.listdir(folder.replay_path)) == {f"{second}.segment", f"{third}.segment"}
    assert prune(folder, []) == (f"replay/{third}.segment",)


def test_no_segment_goes_while_a_replay_cannot_be_read(folder: RunFolder) -> None:
    name = add_segment(folder, b"1")
    write(folder, 10)
    damage_replay(Path(write(folder, 20, replay=replay_of(name)).path))
    assert prune(folder, decide(folder.checkpoints(), Keep(last=1), 0.0)) == ("checkpoints/000000000010",)
    assert folder.sweep() == ()


def test_the_only_one_is_never_dropped(folder: RunFolder) -> None:
    write(folder, 10)
    decisions = decide(folder.checkpoints(), Keep(last=1), 0.0)
    write(folder, 20)
    later = [*decisions, *decide(folder.checkpoints(), Keep(last=1), 0.0)[:1]]
    dropped = [
        type(decision)(decision.checkpoint, False, "all")
        for decision in (*later, *decide(folder.checkpoints(), Keep(), 0.0))
    ]
    with pytest.raises(CheckpointError, match="expected to keep at least one checkpoint"):
        prune(folder, dropped)
    assert len(folder.checkpoints()) == 2


# -- pack -----------------------------------------------------------------------------------------


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_packed_with_its_replay(checkpoint: Checkpoint, tmp_path: Path) -> None:
    told: list[int] = []
    size = pack(checkpoint, tmp_path / "packed.zip", tell=told.append)
    assert size == os.path.getsize(tmp_path / "packed.zip")
    assert sum(told) > checkpoint.replay_size
    assert check_archive(tmp_path / "packed.zip").findings == []
    with open_archive(tmp_path / "packed.zip") as archive:
        assert archive.replay is not None
        assert archive.replay.replay == checkpoint.replay
        assert [bytes(archive.replay[name]) for name in archive.replay] == SEGMENTS
        assert archive.other_members == []
        numpy.testing.assert_array_equal(archive.parameters["policy"]["weight"], numpy.full(12, 10, "float32"))


def test_every_member_of_the_agent_is_packed_byte_for_byte(checkpoint: Checkpoint, tmp_path: Path) -> None:
    pack(checkpoint, tmp_path / "packed.zip")
    with zipfile.ZipFile(checkpoint.agent_path) as agent, zipfile.ZipFile(tmp_path / "packed.zip") as packed:
        names = [name for name in agent.namelist() if name != "strongbox.json"]
        assert packed.namelist() == [*names, "replay/replay.json", "replay/segments", "strongbox.json"]
        assert packed.testzip() is None
        assert all(agent.read(name) == packed.read(name) for name in names)
        old, new = (json.loads(file.read("strongbox.json")) for file in (agent, packed))
        assert {**new, "digests": {name: new["digests"][name] for name in names}} == old
        tensors = packed.getinfo("policy.pth")
    with open(tmp_path / "packed.zip", "rb") as file:
        content = file.read()
    assert content.find(numpy.full(12, 10, "float32").tobytes()) % 64 == 0
    assert tensors.file_size > 0


def test_packed_without_its_replay_it_is_the_agents_archive(checkpoint: Checkpoint, tmp_path: Path) -> None:
    pack(checkpoint, tmp_path / "packed.zip", replay=False)
    assert (tmp_path / "packed.zip").read_bytes() == Path(checkpoint.agent_path).read_bytes()


@pytest.mark.parametrize("damage", [damage_agent, damage_segment, remove_segment, damage_replay])
def test_a_damaged_one_is_not_packed(checkpoint: Checkpoint, damage: Callable[[Path], None], tmp_path: Path) -> None:
    damage(Path(checkpoint.path))
    fresh = Checkpoint(checkpoint.run, checkpoint.path, checkpoint.commit)
    (tmp_path / "packed.zip").write_bytes(b"the old file")
    with pytest.raises(FormatError):
        pack(fresh, tmp_path / "packed.zip")
    if damage is damage_agent:
        with pytest.raises(FormatError, match="the file is damaged"):
            pack(fresh, tmp_path / "packed.zip", replay=False)
    assert (tmp_path / "packed.zip").read_bytes() == b"the old file"


def test_a_replay_that_is_not_there_is_not_packed(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="expected a checkpoint with a replay buffer, found one without"):
        pack(write(folder, 10), tmp_path / "packed.zip")


# -- what is packed, read again --------------------------------------------------------------------


def repacked(checkpoint: Checkpoint, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """A packed checkpoint whose members were changed."""
    path = Path(checkpoint.run).parent / "whole.zip"
    pack(checkpoint, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


def index_with(**changes: Any) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        members["replay/replay.json"] = json.dumps({**json.loads(members["replay/replay.json"]), **changes}).encode()

    return change


def places(*numbers: Any) -> dict[str, Any]:
    return {sha256(c): {"offset": o, "length": n} for c, (o, n) in zip(SEGMENTS, numbers, strict=True)}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (index_with(format="x"), FormatError),
        (index_with(version=True), FormatError),
        (index_with(version=2), UnsupportedError),
        (index_with(segments=[]), FormatError),
        (index_with(segments={}), FormatError),
        (index_with(segments={"x": {"offset": 0, "length": 5600}}), FormatError),
        (index_with(segments=places((0, 5000), (4999, 600), (5600, 0))), FormatError),
        (index_with(segments=places((1, 5000), (5001, 600), (5601, 0))), FormatError),
        (index_with(segments=places((0, 5000), (5000, 601), (5601, 0))), FormatError),
        (index_with(segments=places((0, 6000), (6000, -400), (5600, 0))), FormatError),
        (index_with(segments=places((0, 5000), (5000.0, 600), (5600, 0))), FormatError),
        (index_with(replay={}), FormatError),
        (index_with(replay={"segments": {}}), FormatError),
        (lambda members: members.update({"replay/replay.json": b"x"}), FormatError),
        (lambda members: members.update({"replay/replay.json": b"[" * 100_000}), (FormatError, LimitError)),
        (lambda members: members.pop("replay/segments"), FormatError),
    ],
)
def test_an_index_that_does_not_fit_is_refused_and_found(
    checkpoint: Checkpoint, change: Callable[[dict[str, bytes]], None], error: type[StrongboxError]
) -> None:
    content = repacked(checkpoint, change)
    with pytest.raises(error) as raised:
        _ = open_archive(content).replay
    assert (raised.value.member or "").startswith("replay/")
    assert not check_archive(content).readable


def test_a_segment_that_was_changed_is_refused_and_found(checkpoint: Checkpoint) -> None:
    def change(members: dict[str, bytes]) -> None:
        members["replay/segments"] = b"F" + members["replay/segments"][1:]

    content = repacked(checkpoint, change)
    replay = open_archive(content).replay
    assert replay is not None
    with pytest.raises(FormatError, match="expected a segment with SHA-256"):
        replay[sha256(SEGMENTS[0])]
    assert bytes(replay[sha256(SEGMENTS[1])]) == SEGMENTS[1]
    assert [f.member for f in check_archive(content).findings if f.level == "error"] == ["replay/segments"]
