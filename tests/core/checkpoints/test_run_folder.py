"""The folder of a run: what counts as a checkpoint, what does not, and what is swept."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from strongbox.checkpoints import RunFolder, verify_checkpoint
from strongbox.errors import CheckpointError, FormatError, MismatchError, StrongboxError, UnsupportedError
from tests.core.checkpoints.runs import ALGORITHM, add_segment, begin_run, files_of, replay_of, write
from tests.draws import drawn

EXAMPLES = settings(max_examples=drawn(100), deadline=None, derandomize=True, database=None)


def steps(folder: RunFolder) -> list[int]:
    return [checkpoint.step for checkpoint in folder.checkpoints()]


def test_a_run_says_what_it_is(tmp_path: Path) -> None:
    folder = begin_run(tmp_path / "runs" / "one")
    found = RunFolder(folder.path).read()
    assert (found.algorithm, found.environment) == (ALGORITHM, "CartPole-v1")
    assert found.writer.startswith("strongbox ")
    text = json.loads((tmp_path / "runs" / "one" / "run.json").read_text())
    assert (text["format"], text["version"]) == ("strongbox run", 1)


def test_a_run_that_goes_on_keeps_what_it_says(tmp_path: Path) -> None:
    first = begin_again(tmp_path, ALGORITHM).read()
    assert begin_again(tmp_path, ALGORITHM).read() == first
    with pytest.raises(MismatchError, match=r"expected a run of x\.Y, found one of .*A2C\. Name another folder"):
        begin_again(tmp_path, "x.Y")


def begin_again(path: Path, algorithm: str) -> RunFolder:
    folder = RunFolder(path)
    with folder.lock():
        folder.begin(algorithm=algorithm, environment=None)
    return folder


@pytest.mark.parametrize("found", ["none", "a file", "a folder without one"])
def test_what_is_no_run(tmp_path: Path, found: str) -> None:
    path = tmp_path / "run"
    if found == "a file":
        path.write_text("x")
    elif found != "none":
        path.mkdir()
    with pytest.raises(CheckpointError, match=rf"expected the folder of a run, with run\.json in it, found {found}\."):
        RunFolder(path).read()
    assert RunFolder(path).checkpoints() == ()
    assert RunFolder(path).newest() is None


def test_a_later_version_is_refused_naming_both(tmp_path: Path) -> None:
    folder = begin_run(tmp_path)
    path = tmp_path / "run.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(UnsupportedError, match="expected version 1 or earlier of the format, found 2"):
        folder.read()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"strongbox run"', '"strongbox archive"'),
        ('"version": 1', '"version": true'),
        ('"version": 1', '"version": 0'),
        ('"algorithm": ', '"algorithm": 1, "x": '),
        ('"created": ', '"created": -1, "x": '),
        ('"created": ', '"created": NaN, "x": '),
        ('"environment": ', '"environment": [], "x": '),
        ("{", "["),
        ("{", ""),
    ],
)
def test_a_run_file_is_read_strictly(tmp_path: Path, old: str, new: str) -> None:
    folder = begin_run(tmp_path)
    path = tmp_path / "run.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(FormatError, match=r"expected.*Put a copy of it back, or move it out of the way"):
        folder.read()


def test_checkpoints_ascend_by_step(tmp_path: Path) -> None:
    folder = begin_run(tmp_path)
    for step in (300, 10**12, 0, 20):
        write(folder, step)
    assert steps(folder) == [0, 20, 300, 10**12]
    newest = folder.newest()
    assert newest is not None
    assert newest.step == 10**12
    assert steps(RunFolder(tmp_path)) == steps(folder), "a reader needs no lock"


def break_commit(path: Path) -> None:
    (path / "commit.json").write_text("{}")


def drop_commit(path: Path) -> None:
    (path / "commit.json").unlink()


def cut_agent(path: Path) -> None:
    os.truncate(path / "agent.zip", 100)


def link_agent(path: Path) -> None:
    shutil.move(path / "agent.zip", path / "elsewhere")
    (path / "agent.zip").symlink_to("elsewhere")


def take_name(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("a file")


def take_place_of_another(path: Path) -> None:
    shutil.rmtree(path)
    shutil.copytree(path.with_name("000000000010"), path)


def link_to_another(path: Path) -> None:
    shutil.rmtree(path)
    path.symlink_to("000000000010")


def make_pipe(path: Path) -> None:
    (path / "commit.json").unlink()
    os.mkfifo(path / "commit.json")


@pytest.mark.parametrize(
    "damage",
    [break_commit, drop_commit, cut_agent, link_agent, take_name, take_place_of_another, link_to_another, make_pipe],
)
def test_a_damaged_one_is_none_and_is_told_of_and_never_swept(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    folder = begin_run(tmp_path)
    write(folder, 10)
    name = add_segment(folder, b"needed by the one that is damaged")
    path = Path(write(folder, 20, replay=replay_of(name)).path)
    damage(path)
    assert steps(folder) == [10]
    assert list(folder.damaged()) == [str(path)]
    assert folder.sweep() == ()
    assert os.path.lexists(path)
    assert (tmp_path / "replay" / f"{name}.segment").exists(), "a person may want to repair it"


def test_one_of_a_later_version_does_not_let_an_older_pass_for_the_newest(tmp_path: Path) -> None:
    folder = begin_run(tmp_path)
    write(folder, 10)
    commit = Path(write(folder, 20).path) / "commit.json"
    commit.write_text(commit.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(UnsupportedError, match=r"000000000020/commit\.json: expected version 1 or earlier"):
        folder.newest()
    assert folder.sweep() == ()


def test_names_that_are_no_steps_are_left_alone(tmp_path: Path) -> None:
    folder = begin_run(tmp_path)
    write(folder, 10)
    for name in ("notes.txt", "10", "00000000001x", "000000000010.old", "٠٠٠٠٠٠٠٠٠٠٠٠"):
        (Path(folder.checkpoints_path) / name).mkdir()
    assert steps(folder) == [10]
    assert folder.damaged() == {}
    assert folder.sweep() == ()


def test_the_same_step_again_replaces_the_old_one(tmp_path: Path) -> None:
    folder = begin_run(tmp_path)
    write(folder, 10, metrics={"a": 1.0})
    again = write(folder, 10, metrics={"a": 2.0})
    assert again.metrics == {"a": 2.0}
    (found,) = folder.checkpoints()
    assert found.metrics == {"a": 2.0}
    assert os.listdir(folder.checkpoints_path) == ["000000000010"]


def test_a_newer_one_that_has_not_taken_its_place_counts_and_takes_it(tmp_path: Path) -> None:
    folder = begin_run(tmp_path)
    write(folder, 10, metrics={"a": 2.0})
    place = Path(folder.checkpoints_path) / "000000000010"
    place.rename(place.with_name("000000000010.new"))
    write(folder, 20)
    write(folder, 30)
    shutil.copytree(place.with_name("000000000010.new"), place)
    commit = place / "commit.json"
    commit.write_text(commit.read_text().replace("2.0", "1.0"))
    assert [checkpoint.metrics for checkpoint in folder.checkpoints()] == [{"a": 2.0}, {}, {}]
    assert folder.sweep() == ()
    assert folder.checkpoints()[0].path == str(place)
    assert folder.checkpoints()[0].metrics == {"a": 2.0}
    assert len(os.listdir(folder.checkpoints_path)) == 3


@pytest.mark.parametrize("name", ["000000000010", "000000000010.new"])
def test_a_damaged_one_of_the_same_step_is_replaced(tmp_path: Path, name: str) -> None:
    folder = begin_run(tmp_path)
    place = Path(write(folder, 10, metrics={"a": 1.0}).path)
    if name != place.name:
        shutil.copytree(place, place.with_name(name))
    break_commit(place.with_name(name))
    assert list(folder.damaged()) == [str(place.with_name(name))]
    assert write(folder, 10, metrics={"a": 2.0}).metrics == {"a": 2.0}
    assert os.listdir(folder.checkpoints_path) == ["000000000010"]
    assert folder.damaged() == {}


def test_leftovers_are_swept_and_named(tmp_path: Path) -> None:
    folder = begin_run(tmp_path)
    used, unused = add_segment(folder, b"used"), add_segment(folder, b"unused")
    write(folder, 10, replay=replay_of(used))
    whole = files_of(folder)
    del whole[f"replay/{unused}.segment"]
    unfinished = Path(folder.checkpoints_path) / ".strongbox-000000000020-0011223344556677.tmp"
    shutil.copytree(Path(folder.checkpoints_path) / "000000000010", unfinished)
    (tmp_path / ".strongbox-0011223344556677.tmp").write_text("half of run.json")
    (tmp_path / "replay" / ".strongbox-0011223344556677.tmp").write_text("half of a segment")
    assert set(folder.sweep()) == {
        ".strongbox-0011223344556677.tmp",
        "checkpoints/.strongbox-000000000020-0011223344556677.tmp",
        "replay/.strongbox-0011223344556677.tmp",
        f"replay/{unused}.segment",
    }
    assert files_of(folder) == whole
    assert folder.sweep() == ()


def test_what_is_not_the_runs_own_is_not_swept(tmp_path: Path) -> None:
    folder = begin_run(tmp_path)
    write(folder, 10)
    (tmp_path / "replay").mkdir()
    for path in ("notes.md", "replay/notes.md", "replay/abc.segment", "checkpoints/.hidden", "events.out.tfevents"):
        (tmp_path / path).write_text("a person's")
    before = files_of(folder)
    assert folder.sweep() == ()
    assert files_of(folder) == before


def test_a_link_is_swept_without_what_it_points_to(tmp_path: Path) -> None:
    folder = begin_run(tmp_path / "run")
    write(folder, 10)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("stays")
    link = Path(folder.checkpoints_path) / ".strongbox-x-0011223344556677.tmp"
    link.symlink_to(tmp_path / "precious")
    assert folder.sweep() == (f"checkpoints/{link.name}",)
    assert (tmp_path / "precious" / "file").exists()


@pytest.mark.parametrize("name", ["checkpoints", "replay"])
def test_a_link_in_the_place_of_a_folder_is_not_taken_for_nothing(tmp_path: Path, name: str) -> None:
    folder = begin_run(tmp_path / "run")
    write(folder, 10, replay=replay_of(add_segment(folder, b"x")))
    (tmp_path / "run" / name).rename(tmp_path / "elsewhere")
    (tmp_path / "run" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match=r"expected a folder, found something else\. A link inside of a run"):
        folder.sweep()
    if name == "checkpoints":
        with pytest.raises(CheckpointError, match="expected a folder"):
            folder.newest()


def test_a_link_to_a_whole_run_is_the_run(tmp_path: Path) -> None:
    write(begin_run(tmp_path / "large disk"), 10)
    (tmp_path / "run").symlink_to(tmp_path / "large disk")
    assert steps(RunFolder(tmp_path / "run")) == [10]


@EXAMPLES
@given(some.integers(0, 2**32), some.integers(0, 2**32), some.binary(max_size=8))
def test_whatever_is_damaged_there_is_a_value_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, which: int, place: int, content: bytes
) -> None:
    """Every byte of a run may be a stranger's; what is committed verifies, or is told of."""
    root = tmp_path_factory.mktemp("run")
    folder = begin_run(root)
    segment = add_segment(folder, b"transitions")
    write(folder, 10, replay=replay_of(segment))
    write(folder, 20, replay=replay_of(segment), inexact={"a": "b"}, metrics={"c": 1.0})
    names = sorted(files_of(folder))
    path = root / names[which % len(names)]
    whole = path.read_bytes()
    place %= len(whole)
    path.write_bytes(whole[:place] + content + whole[place + len(content) :])
    try:
        folder.read()
        found = folder.checkpoints()
    except StrongboxError:
        return
    clean = [checkpoint for checkpoint in found if verify_checkpoint(checkpoint) == []]
    assert path.read_bytes() == whole or len(clean) < 2 or path.name in ("run.json", "commit.json")
    folder.sweep()
    assert [checkpoint.step for checkpoint in folder.checkpoints()] == [checkpoint.step for checkpoint in found]


@pytest.mark.parametrize("what", ["sweep", "begin", "write"])
def test_only_who_holds_the_lock_changes_a_run(tmp_path: Path, what: str) -> None:
    folder = begin_run(tmp_path)
    write(folder, 10)
    reader = RunFolder(tmp_path)
    changes: dict[str, Callable[[], object]] = {
        "sweep": reader.sweep,
        "begin": lambda: reader.begin(algorithm=ALGORITHM, environment=None),
        "write": lambda: write(reader, 20),
    }
    with pytest.raises(CheckpointError, match=r"needs the lock, which is not held\. Call lock\(\) first\."):
        changes[what]()


@pytest.mark.parametrize("path", ["", b"bytes"])
def test_a_path_that_is_none(path: str) -> None:
    with pytest.raises(StrongboxError, match="expected the path of a run's folder"):
        RunFolder(path)
