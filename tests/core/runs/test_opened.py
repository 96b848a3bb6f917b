"""The list of logs that a run has opened since its last checkpoint."""

from __future__ import annotations

from pathlib import Path

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


def test_bytes_that_are_no_text_are_no_error(tmp_path: Path) -> None:
    (tmp_path / "opened").write_bytes(b"\xff\xfe\n")
    assert len(OpenedLogs(tmp_path / "opened").read()) == 1
