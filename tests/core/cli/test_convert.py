"""``strongbox convert``: what is written, what is said of every file, and the exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from strongbox.archive import open_archive
from strongbox.cli import main
from tests.core.cli.archives import ARCHIVES, PPO, hostile_text, make_archive

Captured = pytest.CaptureFixture[str]

KEYS = ["source", "path", "size", "algorithm", "sb3_version", "changes", "left_out", "opaque", "approximate"]


def test_one_file(tmp_path: Path, capsys: Captured) -> None:
    assert main(["convert", str(PPO), "--to", str(tmp_path / "new")]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == f"converted   {PPO} → {tmp_path / 'new' / 'ppo.zip'}  PPO, SB3 2.9.2"
    assert any(line.startswith("  changed   layout: strongbox.json added") for line in out.splitlines())
    assert err == ""
    assert main(["convert", str(tmp_path / "new" / "ppo"), "--to", str(tmp_path / "again")]) == 0
    again = tmp_path / "again" / "ppo.zip"
    assert capsys.readouterr().out.startswith("of today    ")
    assert again.read_bytes() == (tmp_path / "new" / "ppo.zip").read_bytes()


def test_changes_that_are_alike_stand_in_one_line(tmp_path: Path, capsys: Captured) -> None:
    assert main(["convert", str(ARCHIVES / "ppo-own-code.zip"), "--to", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "  changed   learning_rate, lr_schedule: a function became a schedule: linear" in out
    assert "  opaque    policy_kwargs['features_extractor_class']: class Extractor of __main__" in out


def test_many_files_of_which_some_cannot_be_read(tmp_path: Path, capsys: Captured) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_bytes(PPO.read_bytes()[:-100])
    files = [str(PPO), str(broken), str(ARCHIVES / "sac.zip")]
    assert main(["convert", *files, "--to", str(tmp_path / "new")]) == 2
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "3 files: 2 converted, 0 of today already, 1 failed"
    assert str(broken) in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["ppo.zip", "sac.zip"]


def test_as_data(tmp_path: Path, capsys: Captured) -> None:
    assert main(["convert", str(PPO), str(ARCHIVES / "a2c.zip"), "--to", str(tmp_path), "--json"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [list(report) for report in said] == [KEYS, KEYS]
    assert said[0]["path"] == str(tmp_path / "ppo.zip")
    assert said[0]["size"] == (tmp_path / "ppo.zip").stat().st_size
    assert {"subject", "change", "reason"} == set(said[0]["changes"][0])


def test_without_pickles_and_without_an_attribute(tmp_path: Path, capsys: Captured) -> None:
    own = str(ARCHIVES / "ppo-own-code.zip")
    command = ["convert", own, "--to", str(tmp_path), "--pickles", "none"]
    assert main(command) == 2
    assert "features_extractor_class" in capsys.readouterr().err
    assert main(["convert", str(PPO), "--to", str(tmp_path), "--pickles", "none", "--exclude", "ep_info_buffer"]) == 0
    with open_archive(tmp_path / "ppo.zip") as archive:
        assert "ep_info_buffer" not in archive.data
        assert all(archive.data.pickle(name) is None for name in archive.data)


@pytest.mark.parametrize(
    ("options", "has"),
    [([], True), (["--raw"], False), (["--normalize", str(ARCHIVES / "ppo-gsde-normalized.vecnormalize.pkl")], True)],
)
def test_statistics(options: list[str], has: bool, tmp_path: Path) -> None:
    name = "ppo-gsde-normalized.zip"
    assert main(["convert", str(ARCHIVES / name), "--to", str(tmp_path), *options]) == 0
    with open_archive(tmp_path / name) as archive:
        assert (archive.normalization is not None) is has


def test_the_old_file_is_not_written_over(tmp_path: Path, capsys: Captured) -> None:
    file = Path(shutil.copy(PPO, tmp_path / "ppo.zip"))
    assert main(["convert", str(file), "--to", str(tmp_path)]) == 2
    assert "found the same" in capsys.readouterr().err
    assert file.read_bytes() == PPO.read_bytes()


def test_two_files_of_one_name_are_refused_before_anything_is_written(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a").mkdir()
    other = Path(shutil.copy(PPO, tmp_path / "a" / "PPO.zip"))
    assert main(["convert", str(PPO), str(other), "--to", str(tmp_path / "new")]) == 2
    assert "different names" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert main(["convert", str(PPO), "--to", str(tmp_path / "file" / "new")]) == 2
    assert "expected a folder to write to" in capsys.readouterr().err


def test_what_a_file_says_cannot_drive_the_terminal(tmp_path: Path, capsys: Captured) -> None:
    with open_archive(PPO) as archive:
        data = {name: archive.data[name] for name in archive.data if archive.data.pickle(name) is None}
    broken = {":type:": hostile_text, ":serialized:": "AAAA"}
    file = make_archive(tmp_path / "hostile.zip", {**data, hostile_text: broken})
    assert main(["convert", str(file), "--to", str(tmp_path / "new")]) == 0
    out = capsys.readouterr().out
    assert "left out" in out
    assert not {char for char in out if not char.isprintable()} - {"\n"}


def test_what_was_converted_says_what_it_was(tmp_path: Path, capsys: Captured) -> None:
    file = make_archive(tmp_path / "old.zip", json.loads(_data()), _stable_baselines3_version=b"1.2.0")
    assert main(["convert", str(file), "--to", str(tmp_path / "new")]) == 0
    capsys.readouterr()
    assert main(["inspect", str(tmp_path / "new" / "old.zip")]) == 0
    assert "from Stable-Baselines3 1.2.0" in capsys.readouterr().out


def _data() -> bytes:
    with open_archive(PPO) as archive:
        return bytes(archive.members.read("data"))
