"""The lock: one writer at a time, told by name, and never left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from strongbox.checkpoints import RunFolder
from strongbox.errors import CheckpointError

HOLD = """
import os, sys
from strongbox.checkpoints import RunFolder
lock = RunFolder(sys.argv[1]).lock()
if len(sys.argv) > 2 and not os.fork():
    print("locked", flush=True)
    sys.stdin.read()
    os._exit(0)
if len(sys.argv) == 2:
    print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until its standard input ends."""
    command = [sys.executable, "-c", HOLD, str(path), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_holds_it_and_what_to_do(tmp_path: Path) -> None:
    with holder(tmp_path) as process, pytest.raises(CheckpointError) as raised:
        RunFolder(tmp_path).lock()
    text = str(raised.value)
    assert f"found it held by process {process.pid} on {os.uname().nodename} since 2" in text
    assert " UTC (" in text
    assert sys.executable in text
    assert text.endswith(f"Wait until it has ended, or end it (kill {process.pid}), and start again.")
    assert raised.value.path == str(tmp_path / "lock")


def test_the_system_takes_it_back_when_the_holder_is_killed(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with RunFolder(tmp_path).lock() as lock:
            assert lock.held


def test_a_child_that_outlives_its_parent_does_not_keep_it(tmp_path: Path) -> None:
    """A worker of a vectorized environment may be forked, and live on when the training is killed."""
    with holder(tmp_path, "and fork") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with RunFolder(tmp_path).lock() as lock:
            assert lock.held
        assert process.stdin is not None
        process.stdin.close()


def test_this_very_process_cannot_take_it_twice(tmp_path: Path) -> None:
    with RunFolder(tmp_path).lock(), pytest.raises(CheckpointError, match="That is this very process: close the run"):
        RunFolder(tmp_path).lock()
    with RunFolder(tmp_path).lock() as lock:
        assert lock.held


def test_released_twice_is_released_once(tmp_path: Path) -> None:
    first = RunFolder(tmp_path).lock()
    first.release()
    with RunFolder(tmp_path).lock() as second:
        first.release()
        assert (first.held, second.held) == (False, True)
        with pytest.raises(CheckpointError, match="found it held by"):
            RunFolder(tmp_path).lock()


def test_a_lock_that_is_forgotten_is_let_go(tmp_path: Path) -> None:
    RunFolder(tmp_path).lock()
    with RunFolder(tmp_path).lock() as lock:
        assert lock.held


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "x" * 100_000, '{"pid": "1"}', '{"pid": 1, "host": "a", "since": NaN, "command": ""}']
)
def test_a_holder_that_says_nothing_of_use_still_holds(tmp_path: Path, text: str) -> None:
    with RunFolder(tmp_path).lock():
        (tmp_path / "lock").write_text(text)
        with pytest.raises(CheckpointError, match="found it held by another process, which has just begun"):
            RunFolder(tmp_path).lock()


def test_what_a_stranger_wrote_there_cannot_drive_the_terminal(tmp_path: Path) -> None:
    with RunFolder(tmp_path).lock():
        holder = {"pid": 1, "host": "\x1b[2J", "since": 1e300, "command": "\u202e" * 10_000}
        (tmp_path / "lock").write_text(json.dumps(holder))
        with pytest.raises(CheckpointError) as raised:
            RunFolder(tmp_path).lock()
    assert str(raised.value).isprintable()
    assert str(raised.value).endswith("Wait until it has ended, or end it, and start again.")


def test_a_folder_is_made_for_it_and_what_is_no_file_is_refused(tmp_path: Path) -> None:
    RunFolder(tmp_path / "a" / "b").lock().release()
    assert (tmp_path / "a" / "b" / "lock").read_text() == ""
    (tmp_path / "lock").mkdir()
    with pytest.raises(CheckpointError, match="the lock cannot be opened: Is a directory"):
        RunFolder(tmp_path).lock()
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "lock")
    with pytest.raises(CheckpointError, match="expected a regular file as the lock, found something else"):
        RunFolder(tmp_path / "pipe").lock()
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="expected a folder, found something else"):
        RunFolder(tmp_path / "file").lock()
