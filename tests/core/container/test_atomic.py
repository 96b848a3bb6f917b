"""The old file or the new one, whole, whatever happens in between."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from strongbox.container import replace_file
from strongbox.container.atomic import LARGE
from strongbox.errors import StrongboxError
from tests.draws import drawn

posix = pytest.mark.skipif(os.name != "posix", reason="permissions, links and signals are those of POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "agent.zip"
    path.write_bytes(b"old")
    return path


def replace(path: Path | str, content: bytes = b"new", *, durable: bool = True) -> None:
    with replace_file(path, durable=durable) as file:
        file.write(content)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced(path: Path, *, durable: bool) -> None:
    replace(path, durable=durable)
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["agent.zip"]


def test_a_large_file_is_replaced(path: Path) -> None:
    for content in (bytes(LARGE + 1), b"new"):
        replace(path, content)
        assert path.read_bytes() == content


def test_the_file_can_seek_read_and_truncate(path: Path) -> None:
    with replace_file(path) as file:
        assert file.tell() == 0
        file.write(b"abcdef")
        file.seek(1)
        assert file.read(2) == b"bc"
        file.seek(0)
        file.write(b"A")
        file.truncate(4)
    assert path.read_bytes() == b"Abcd"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    replace(tmp_path / "a" / "b" / "agent.zip")
    assert (tmp_path / "a" / "b" / "agent.zip").read_bytes() == b"new"


def test_a_relative_path_is_that_of_the_beginning(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    (path.parent / "elsewhere").mkdir()
    with replace_file("agent.zip") as file:
        os.chdir("elsewhere")
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert names(path.parent / "elsewhere") == []


class Interrupted(BaseException):
    """Like KeyboardInterrupt: not an Exception."""


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, Interrupted, OSError, GeneratorExit])
def test_a_block_that_raises_leaves_the_old_file(path: Path, error: type[BaseException]) -> None:
    def fail() -> None:
        with replace_file(path) as file:
            file.write(b"half")
            raise error("something else went wrong")

    with pytest.raises(StrongboxError if error is OSError else error):
        fail()
    assert path.read_bytes() == b"old"
    assert names(path.parent) == ["agent.zip"]


def test_an_error_of_another_file_is_not_ours(path: Path) -> None:
    def fail() -> None:
        with replace_file(path):
            (path.parent / "missing").read_bytes()

    with pytest.raises(FileNotFoundError, match="missing"):
        fail()
    assert path.read_bytes() == b"old"


def test_a_file_that_the_block_closes_is_an_error(path: Path) -> None:
    def fail() -> None:
        with replace_file(path) as file:
            file.close()

    with pytest.raises(StrongboxError, match="left open"):
        fail()
    assert path.read_bytes() == b"old"
    assert names(path.parent) == ["agent.zip"]


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_permissions_of_the_old_file_are_kept(path: Path, mode: int) -> None:
    path.chmod(mode)
    replace(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o007])
def test_a_new_file_has_the_usual_permissions(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        replace(tmp_path / "agent.zip")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "agent.zip").stat().st_mode) == 0o666 & ~mask


@posix
def test_a_link_is_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / "latest.zip"
    link.symlink_to("../agent.zip")
    replace(link)
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert names(tmp_path / "folder") == ["latest.zip"]


@posix
def test_a_link_to_nothing_gets_its_file(tmp_path: Path) -> None:
    (tmp_path / "latest.zip").symlink_to("agent.zip")
    replace(tmp_path / "latest.zip")
    assert (tmp_path / "agent.zip").read_bytes() == b"new"
    assert (tmp_path / "latest.zip").is_symlink()


def make_folder(path: Path) -> None:
    path.mkdir()


def make_full_folder(path: Path) -> None:
    path.mkdir()
    (path / "inside").touch()


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_loop(path: Path) -> None:
    path.symlink_to(path.name)


def make_protected(path: Path) -> None:
    path.touch(mode=0o444)


@posix
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_folder, "found a folder"),
        (make_full_folder, "found a folder"),
        (make_pipe, "no regular file"),
        (make_loop, "no regular file"),
        (make_protected, "write-protected"),
    ],
)
def test_what_is_no_file_to_replace_is_refused(tmp_path: Path, make: Callable[[Path], None], words: str) -> None:
    make(tmp_path / "agent")
    with pytest.raises(StrongboxError, match=words) as caught:
        replace(tmp_path / "agent")
    assert caught.value.path == str(tmp_path / "agent")
    assert names(tmp_path) == ["agent"]


def test_a_folder_says_what_to_name_instead(tmp_path: Path) -> None:
    with pytest.raises(StrongboxError) as caught:
        replace(tmp_path)
    assert caught.value.hint is not None
    assert repr(str(tmp_path / "agent.zip")) in caught.value.hint


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("agent.zip/inside.zip", "cannot be written"),
        ("new/", "found that of a folder"),
        ("x" * 5000, "cannot be written"),
        ("a\0b", "cannot be used"),
        ("\ud800", "cannot be used"),
    ],
)
def test_paths_that_cannot_be_are_refused(path: Path, name: str, words: str) -> None:
    with pytest.raises(StrongboxError, match=words) as caught:
        replace(f"{path.parent}/{name}")
    assert caught.value.path is not None
    assert names(path.parent) == ["agent.zip"]


def test_a_path_in_bytes_is_refused(path: Path) -> None:
    with pytest.raises(StrongboxError, match="path as text"):
        replace(os.fsencode(path))  # type: ignore[arg-type]


def test_a_folder_that_takes_the_name_meanwhile_is_an_error(path: Path) -> None:
    def fail() -> None:
        with replace_file(path) as file:
            file.write(b"new")
            path.unlink()
            path.mkdir()

    with pytest.raises(StrongboxError, match="cannot be written"):
        fail()
    assert names(path.parent) == ["agent.zip"]


def test_two_writers_do_not_mix(path: Path) -> None:
    with replace_file(path) as first, replace_file(path) as second:
        first.write(b"first")
        second.write(b"second")
    assert path.read_bytes() == b"first"
    assert names(path.parent) == ["agent.zip"]


@posix
@pytest.mark.parametrize(
    ("durable", "expected"), [(True, ["fsync", "replace", "fsync"]), (False, ["replace"])], ids=["durable", "fast"]
)
def test_content_reaches_the_disk_before_the_name_does(path: Path, *, durable: bool, expected: list[str]) -> None:
    calls: list[str] = []

    def note(frame: FrameType, event: str, function: object) -> None:
        if event == "c_call" and function in (os.fsync, os.replace):
            calls.append(function.__name__)

    sys.setprofile(note)
    try:
        replace(path, durable=durable)
    finally:
        sys.setprofile(None)
    assert calls == expected


FULL = """
import resource, signal, sys
from strongbox.container import replace_file
from strongbox.errors import StrongboxError
path, size, durable = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "True"
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with replace_file(path, durable=durable) as file:
        for _ in range(size // 1000):
            file.write(bytes(1000))
except StrongboxError as error:
    print(error)
"""


@posix
@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("size", [101_000, 1_000_000], ids=["found at the last flush", "found while writing"])
def test_a_system_that_takes_no_more_leaves_the_old_file(path: Path, size: int, *, durable: bool) -> None:
    command = [sys.executable, "-c", FULL, str(path), str(size), str(durable)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.startswith(f"{path}: the file cannot be written: File too large.")
    assert "may write" in done.stdout
    assert path.read_bytes() == b"old"
    assert names(path.parent) == ["agent.zip"]


# The process counts the lines that it runs inside of `replace_file`, and kills itself at the one that it was told.
KILLED = """
import os, signal, sys
from strongbox.container import atomic
path, moment, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
lines = 0

def trace(frame, event, argument):
    global lines
    if frame.f_code.co_filename != atomic.__file__:
        return None
    if event == "line":
        lines += 1
        if lines == moment:
            os.kill(os.getpid(), signal.SIGKILL)
    return trace

sys.settrace(trace)
with atomic.replace_file(path) as file:
    for _ in range(size // 1000):
        file.write(b"new." * 250)
        lines += 1
        if lines == moment:
            os.kill(os.getpid(), signal.SIGKILL)
sys.settrace(None)
print(lines)
"""
NEW = b"new." * 250 * 40


@posix
def test_a_process_that_is_killed_leaves_the_old_file_or_the_new_one(path: Path) -> None:
    last = int(run_killed(path, 0).stdout)
    assert path.read_bytes() == NEW
    seen = set()
    for moment in range(1, last + 1, max(1, last // drawn(20))):
        path.write_bytes(b"old")
        assert run_killed(path, moment).returncode == -signal.SIGKILL
        seen.add(path.read_bytes())
        for name in set(names(path.parent)) - {"agent.zip"}:
            assert name.startswith(".strongbox-")
            (path.parent / name).unlink()
    assert seen == {b"old", NEW}


def run_killed(path: Path, moment: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", KILLED, str(path), str(moment), str(len(NEW))]
    return subprocess.run(command, capture_output=True, text=True, check=False)
