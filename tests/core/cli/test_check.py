"""``strongbox check``: which files, what is said of them, and the exit codes."""

from __future__ import annotations

import base64
import json
import os
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from strongbox.cli import main
from strongbox.cli.check import find_archives
from strongbox.errors import FormatError
from tests.core.cli.archives import ARCHIVES, PPO, hostile_text, make_archive
from tests.zoo import ZOO, requires_zoo

Captured = pytest.CaptureFixture[str]

REPORT_KEYS = ["path", "verdict", "exit_code", "algorithm", "sb3_version", "findings", "called"]
FINDING_KEYS = ["level", "kind", "message", "member", "offset"]


class Hostile:
    """Its pickle runs a command in an ordinary loader."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("echo harmless",)


@pytest.fixture
def dangerous(tmp_path: Path) -> Path:
    serialized = base64.b64encode(pickle.dumps(Hostile(), protocol=4)).decode()
    return make_archive(tmp_path / "dangerous.zip", {"policy_class": {":type:": "x", ":serialized:": serialized}})


@pytest.fixture
def truncated(tmp_path: Path) -> Path:
    path = tmp_path / "truncated.zip"
    path.write_bytes(PPO.read_bytes()[:-100])
    return path


def test_a_clean_file(capsys: Captured) -> None:
    assert main(["check", str(PPO)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == f"clean       {PPO}  PPO, SB3 2.9.2"
    assert err == ""


def test_a_file_that_would_run_a_command(dangerous: Path, capsys: Captured) -> None:
    assert main(["check", str(dangerous)]) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"findings    {dangerous}")
    assert re.search(r"would have called (posix|nt)\.system", out)
    assert main(["check", "--verbose", str(dangerous)]) == 1
    assert re.search(r" 1 ×  (posix|nt)\.system\n", capsys.readouterr().out)


def test_an_unreadable_file(truncated: Path, capsys: Captured) -> None:
    assert main(["check", str(truncated)]) == 2
    assert capsys.readouterr().out.startswith(f"unreadable  {truncated}")


def test_a_missing_file_does_not_hide_the_others(capsys: Captured) -> None:
    assert main(["check", "no-such.zip", str(PPO)]) == 2
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("unreadable  no-such.zip")
    assert out[-1] == "2 files: 1 clean, 0 with findings, 1 unreadable"


def test_a_folder_of_clean_files(capsys: Captured) -> None:
    assert main(["check", str(ARCHIVES), "--quiet"]) in (0, 1)
    assert main(["check", str(ARCHIVES)]) in (0, 1)
    out = capsys.readouterr().out
    assert all(f"{path}  " in out for path in ARCHIVES.glob("*.zip"))


def test_quiet_says_nothing_of_clean_files(dangerous: Path, capsys: Captured) -> None:
    assert main(["check", "--quiet", str(PPO), str(PPO)]) == 0
    assert capsys.readouterr().out == ""
    assert main(["check", "--quiet", str(PPO), str(dangerous)]) == 1
    assert capsys.readouterr().out.startswith(f"findings    {dangerous}")


def test_verbose_names_the_harmless_calls(capsys: Captured) -> None:
    assert main(["check", "--verbose", str(PPO)]) == 0
    assert "×  collections.deque\n" in capsys.readouterr().out


def test_findings_tell_how_many_calls_were_harmless(capsys: Captured) -> None:
    assert main(["check", str(ARCHIVES / "ppo-own-code.zip")]) == 1
    out = capsys.readouterr().out
    assert re.search(r"^  calls     \d+ harmless names in \d+ calls; --verbose lists them$", out, re.MULTILINE)
    assert "collections.deque" not in out


def test_json_has_one_object_for_each_file(dangerous: Path, truncated: Path, capsys: Captured) -> None:
    files = [str(PPO), str(dangerous), str(truncated), "no-such.zip"]
    assert main(["check", "--json", *files]) == 2
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [report["path"] for report in reports] == files
    assert [report["exit_code"] for report in reports] == [0, 1, 2, 2]
    for report in reports:
        assert list(report) == REPORT_KEYS
        assert all(list(finding) == FINDING_KEYS for finding in report["findings"])


def test_names_of_a_stranger_cannot_drive_the_terminal(tmp_path: Path, capsys: Captured) -> None:
    entry = {":type:": hostile_text, ":serialized:": "not base64"}
    path = make_archive(tmp_path / "a.zip", {hostile_text: entry, "\ud800": entry})
    assert main(["check", "--verbose", str(path)]) == 1
    out = capsys.readouterr().out
    assert "\\x1b[2J" in out
    assert all(line.isprintable() for line in out.split("\n"))


def test_any_number_of_findings(tmp_path: Path, capsys: Captured) -> None:
    entry = {":type:": "x" * 10_000, ":serialized:": "!"}
    path = make_archive(tmp_path / "a.zip", {f"name{index}": entry for index in range(300)})
    assert main(["check", str(path)]) == 1
    out = capsys.readouterr().out
    assert len(out) < 200_000
    assert "251 more findings; --json has them all" in out


def test_folders_are_searched_in_order_and_hidden_files_left_out(tmp_path: Path) -> None:
    names = ["b.zip", "a.ZIP", ".hidden.zip", "notes.txt", "below/c.zip", ".git/d.zip"]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    found = [Path(path).relative_to(tmp_path).as_posix() for path in find_archives(str(tmp_path))]
    assert found == ["a.ZIP", "b.zip", "below/c.zip"]


def test_a_folder_without_archives(tmp_path: Path, capsys: Captured) -> None:
    with pytest.raises(FormatError, match="found none"):
        find_archives(str(tmp_path))
    assert main(["check", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"strongbox: {tmp_path}: expected *.zip files in this folder, found none.\n"


def test_a_folder_without_archives_does_not_hide_the_others(tmp_path: Path, capsys: Captured) -> None:
    assert main(["check", str(tmp_path), str(PPO)]) == 2
    assert capsys.readouterr().out == f"clean       {PPO}  PPO, SB3 2.9.2\n"


@requires_zoo
def test_real_archives(capsys: Captured) -> None:
    assert main(["check", "--json", str(ZOO)]) == 0
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(reports) == 57
    assert {report["verdict"] for report in reports} == {"clean"}
    assert all(report["algorithm"] for report in reports)
