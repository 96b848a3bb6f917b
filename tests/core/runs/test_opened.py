"""The list of logs that a run has opened since its last checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongbox.errors import CheckpointError
from strongbox.runs.opened import OpenedLogs


def test_paths_are_read_as_they_were_added(tmp_path: Path) -> None:
    opened = OpenedLogs(tmp_path / "logs" / "opened")
    assert opened.read() == ()
    opened.add([])
    assert not (tmp_path / "logs").exists()
    opened.add(["/a/PPO_1/events", "/a/PPO_2/events"])
    opened.add(["/a/ü"])
    assert OpenedLogs(tmp_path / "logs" / "opened").read() == ("/a/PPO_1/events", "/a/PPO_2/events", "/a/ü")
    opened.clear()
    opened.clear()
    assert opened.read() == ()


@pytest.mark.parametrize("link", ["logs", "logs/opened"])
def test_a_link_is_refused(link: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    path = tmp_path / "run" / link
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "mine")
    with pytest.raises(CheckpointError, match="found a link"):
        OpenedLogs(tmp_path / "run" / "logs" / "opened").check_folder()


def test_bytes_that_are_no_text_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "opened").write_bytes(b"\xff\xfe\n")
    assert len(OpenedLogs(tmp_path / "opened").read()) == 1
