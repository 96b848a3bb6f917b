"""Crashes: killed processes, failing system calls, full disks. What was committed is whole, and nothing else counts."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
import pytest

import strongbox.checkpoints.write
from strongbox.checkpoints import Checkpoint, Keep, RunFolder, decide, prune, verify_checkpoint
from strongbox.checkpoints.replay import ReplayManifest, ReplayStore
from strongbox.checkpoints.replay import store as store_module
from strongbox.errors import CheckpointError, StrongboxError
from tests.core.checkpoints.nursery import COMMITTED, more_rows
from tests.core.checkpoints.runs import add_segment, agent, begin_run, files_of, replay_of, write
from tests.draws import drawn

ROOT = Path(__file__).resolve().parents[3]
CRASHES = int(os.environ.get("STRONGBOX_CRASHES", drawn(25)))
"""How many processes are killed; ``make test-crash`` kills 200."""


def rear(folder: Path, moments: list[int]) -> str:
    """Have a fresh interpreter rear a child for each moment; see ``nursery``."""
    command = [sys.executable, "-m", "tests.core.checkpoints.nursery", str(folder), *map(str, moments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def check_run(path: Path) -> list[int]:
    """Everything that must hold after a crash; returns the steps of the committed checkpoints."""
    found = RunFolder(path).scan()
    assert found.damaged == {}
    for checkpoint in found.committed.values():
        check_whole(checkpoint)
    folder = RunFolder(path)
    with folder.lock():
        before = [checkpoint.metrics for checkpoint in folder.checkpoints()]
        folder.sweep()
        assert [checkpoint.metrics for checkpoint in folder.checkpoints()] == before
        assert set(files_of(folder)) - {"run.json"} == files_that_count(folder)
        assert folder.sweep() == ()
    return list(found.committed)


def check_whole(checkpoint: Checkpoint) -> None:
    assert verify_checkpoint(checkpoint) == []
    if checkpoint.replay is not None and "ranges" in checkpoint.replay:
        manifest = ReplayManifest.from_json(checkpoint.replay)
        rewards = numpy.zeros((100, 1), "<f4")
        ReplayStore(Path(checkpoint.run) / "replay").read(manifest, {"rewards": rewards})
        assert rewards[: manifest.rows, 0].tolist() == list(range(manifest.rows))
    with checkpoint.open() as archive:
        assert archive.data["num_timesteps"] == checkpoint.step
        assert archive.parameters["policy"]["weight"][0] == checkpoint.step


def files_that_count(folder: RunFolder) -> set[str]:
    """The files of committed checkpoints and of the segments that they name."""
    paths = [Path(c.path) / name for c in folder.checkpoints() for name in (*c.commit.files, "commit.json")]
    paths += [Path(c.segment_path(name)) for c in folder.checkpoints() for name in c.segments]
    return {path.relative_to(folder.path).as_posix() for path in paths}


def test_processes_that_are_killed_lose_nothing_that_was_committed(tmp_path: Path) -> None:
    events = int(rear(tmp_path / "whole", [0]))
    draw = random.Random(CRASHES)
    moments = [draw.randint(1, events) for _ in range(CRASHES)]
    rear(tmp_path, moments)
    came_to = set()
    for number in range(CRASHES):
        path = tmp_path / str(number)
        log = path / COMMITTED
        committed = [int(line) for line in log.read_text().split()] if log.exists() else []
        steps = check_run(path / "run") if (path / "run" / "run.json").exists() else []
        assert steps or not committed
        assert max(steps, default=0) >= max(committed, default=0)
        came_to.add(max(steps, default=0))
        shutil.rmtree(path, ignore_errors=True)
    assert len(came_to) > 2, "the moments lie everywhere"


def prepare(path: Path) -> RunFolder:
    """A run with two checkpoints, a segment that both need, one that only the older needs, and one for nobody."""
    folder = begin_run(path)
    shared, old, _ = (add_segment(folder, content) for content in (b"shared", b"old", b"unnamed"))
    write(folder, 10, replay=replay_of(shared, old), metrics={"again": 0})
    write(folder, 20, replay=replay_of(shared))
    return folder


def write_new(folder: RunFolder) -> None:
    write(folder, 30, replay=replay_of(add_segment(folder, b"new")), durable=True)


def write_again(folder: RunFolder) -> None:
    write(folder, 10, metrics={"again": 1}, durable=True)


def prune_one(folder: RunFolder) -> None:
    prune(folder, decide(folder.checkpoints(), Keep(last=1), 0.0))


def sweep(folder: RunFolder) -> None:
    folder.sweep()


JOBS = (write_new, write_again, prune_one, sweep)
CALLS = ("open", "write", "fsync", "mkdir", "rename", "replace", "unlink", "rmdir", "listdir", "scandir", "lstat")


class Faults:
    """Counts system calls, and makes one of them fail, or it and all that follow."""

    def __init__(self, at: int, *, lasting: bool) -> None:
        self.at = at
        self.lasting = lasting
        self.calls = 0

    def check(self) -> None:
        self.calls += 1
        if self.calls == self.at or (self.lasting and self.calls > self.at):
            raise OSError(errno.EIO, "injected")

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **keywords: Any) -> Any:
            self.check()
            return function(*arguments, **keywords)

        return wrapped

    def open(self, path: Any, mode: str, *, buffering: int = -1) -> Any:
        """A file whose every write is a call that may fail."""
        if "x" not in mode:
            return open(path, mode, buffering=buffering)
        self.check()
        faults = self

        class File(io.FileIO):
            def write(self, content: Any, /) -> int:
                faults.check()
                return super().write(content)

        return io.BufferedRandom(File(path, "x+b"), 4096)


@contextmanager
def failing(faults: Faults) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strongbox.checkpoints.write, "open", faults.open, raising=False)
        for name in CALLS:
            patch.setattr(os, name, faults.wrap(getattr(os, name)))
        yield


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.__name__)
def test_every_system_call_that_fails_leaves_a_whole_run(
    tmp_path: Path, job: Callable[[RunFolder], None], lasting: bool
) -> None:
    template = prepare(tmp_path / "template")
    older = Path(template.checkpoints_path) / "000000000010"
    if job is sweep:  # A process was killed between the two renames of a second checkpoint of this step.
        shutil.copytree(older, older.with_name("000000000010.new"))
    before = files_of(template)
    outcomes = set()
    for at in range(1, 1000):
        path = tmp_path / "run"
        shutil.copytree(template.path, path)
        folder = RunFolder(path)
        faults = Faults(at, lasting=lasting)
        with folder.lock():
            try:
                with failing(faults):
                    job(folder)
            except CheckpointError as error:
                outcomes.add("injected" if "injected" in error.problem else str(error))
            else:
                outcomes.add("done")
        steps = check_run(path)
        assert steps
        assert set(steps) <= {10, 20, 30}
        assert job is prune_one or {10, 20} <= set(steps)
        if faults.calls < at:
            break
        shutil.rmtree(path)
    assert faults.calls < at, "the loop came to the end of the job"
    assert outcomes == {"injected", "done"}
    assert files_of(template) == before


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_small_segments_are_made_one_or_stay_as_they_are(
    tmp_path: Path, lasting: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails while they are made one: a checkpoint that was committed is whole, and its base stays so."""
    template = begin_run(tmp_path / "template")
    manifest = None
    for step in (10, 20):
        manifest = ReplayStore(template.replay_path).write(more_rows(manifest))
        write(template, step, replay=manifest.to_json())
    monkeypatch.setattr(store_module, "MANY", 3)
    ranges = set()
    for at in range(1, 1000):
        folder = RunFolder(shutil.copytree(template.path, tmp_path / "run"))
        faults = Faults(at, lasting=lasting)
        with folder.lock(), contextlib.suppress(StrongboxError), failing(faults):
            found = ReplayStore(folder.replay_path).write(more_rows(manifest))
            write(folder, 30, replay=found.to_json(), durable=True)
            ranges.add(len(found.ranges))
        steps = check_run(Path(folder.path))
        assert steps[:2] == [10, 20]
        if faults.calls < at:
            break
        shutil.rmtree(folder.path)
    assert faults.calls < at, "the loop came to the end of the job"
    assert 30 in steps
    assert ranges == ({1} if lasting else {1, 3})


def test_nothing_is_told_as_done_that_is_not(tmp_path: Path) -> None:
    """A write that returns has committed; one that raised before the rename has left the run as it was."""
    template = prepare(tmp_path / "template")
    for at in range(1, 1000):
        folder = RunFolder(shutil.copytree(template.path, tmp_path / str(at)))
        faults = Faults(at, lasting=False)
        with folder.lock():
            try:
                with failing(faults):
                    write_again(folder)
            except CheckpointError:
                done = False
            else:
                done = True
            again = folder.checkpoints()[0].metrics["again"]
        assert again in (0, 1)
        assert again == 1 or not done
        if faults.calls < at:
            return
    pytest.fail("the loop did not come to an end")


class Recorder:
    """What reaches the disk and when: synced inodes, and renamed and deleted paths, in order."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.events: list[tuple[str, Any]] = []
        fsync, rename, unlink = os.fsync, os.rename, os.unlink

        def note_sync(descriptor: int) -> None:
            self.events.append(("sync", os.fstat(descriptor).st_ino))
            fsync(descriptor)

        def note_rename(source: str, target: str) -> None:
            inside = [Path(source), *Path(source).iterdir()]
            self.events.append(("rename", {path.stat().st_ino for path in inside}))
            rename(source, target)

        def note_unlink(path: str, **keywords: Any) -> None:
            self.events.append(("unlink", path))
            unlink(path, **keywords)

        for name, function in (("fsync", note_sync), ("rename", note_rename), ("unlink", note_unlink)):
            patch.setattr(os, name, function)

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events]

    def synced(self, *, before: int | None = None, after: int = 0) -> set[int]:
        return {inode for kind, inode in self.events[after:before] if kind == "sync"}


@pytest.mark.parametrize("job", [write_new, write_again])
def test_everything_reaches_the_disk_before_it_counts(
    tmp_path: Path, job: Callable[[RunFolder], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prepare(tmp_path / "run")
    recorder = Recorder(monkeypatch)
    job(folder)
    first = recorder.kinds().index("rename")
    assert len(recorder.events[first][1]) >= 3
    assert recorder.events[first][1] <= recorder.synced(before=first)
    assert os.stat(folder.checkpoints_path).st_ino in recorder.synced(after=first)


def test_without_waiting_for_the_disk_nothing_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = prepare(tmp_path / "run")
    recorder = Recorder(monkeypatch)
    write(folder, 30, durable=False)
    assert recorder.synced() == set()


def test_names_are_gone_from_the_disk_before_segments_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = prepare(tmp_path / "run")
    recorder = Recorder(monkeypatch)
    prune_one(folder)
    assert recorder.kinds()[:3] == ["rename", "sync", "unlink"]
    assert recorder.events[1] == ("sync", os.stat(folder.checkpoints_path).st_ino)
    assert recorder.kinds().count("rename") == 1


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may become larger, as where a quota ends."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 1, 64, 1000, 4096, 5000, 1 << 16])
def test_a_file_that_cannot_grow_leaves_the_run_as_it_was(tmp_path: Path, size: int) -> None:
    folder = prepare(tmp_path / "run")
    folder.sweep()
    before = files_of(folder)
    too_large = pytest.raises(CheckpointError, match=r"writing the checkpoint failed: .*File too large")
    with largest_file(size), too_large as raised:
        strongbox.checkpoints.write_checkpoint(folder, step=30, contents=agent(30, size=1 << 16))
    assert raised.value.hint == "The file is larger than this system or this process may write."
    assert files_of(folder) == before
    write_new(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root, and a system that allows it")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    folder = RunFolder(small_disk / "run")
    with folder.lock():
        fill_disk(folder)


def fill_disk(folder: RunFolder) -> None:
    replay = replay_of(add_segment(folder, b"shared"))
    with pytest.raises(CheckpointError, match=r"No space left on device\. The disk is full: make room") as raised:
        write_many(folder, replay)
    steps = [checkpoint.step for checkpoint in folder.checkpoints()]
    assert len(steps) > 3
    assert raised.value.path == f"{folder.checkpoints_path}/{steps[-1] + 10:012d}"
    assert folder.sweep() == ()
    for checkpoint in folder.checkpoints():
        check_whole(checkpoint)
    prune(folder, decide(folder.checkpoints(), Keep(last=2), 0.0))
    write(folder, steps[-1] + 10, replay=replay)
    assert [checkpoint.step for checkpoint in folder.checkpoints()] == [*steps[-2:], steps[-1] + 10]


def write_many(folder: RunFolder, replay: dict[str, Any]) -> None:
    for step in range(10, 10_000, 10):
        write(folder, step, replay=replay)
