"""``strongbox extract``: everything comes out, nothing gets out of the folder, all of it or nothing."""

from __future__ import annotations

import base64
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy
import pytest

from strongbox.archive import Contents, open_archive, write_archive
from strongbox.cli import main
from strongbox.cli.extract import extract_archive
from strongbox.errors import LimitError
from strongbox.limits import Limits
from strongbox.tensors import DTYPES
from strongbox.values import from_portable, same
from tests.core.cli.archives import ARCHIVES, PPO, hostile_text, make_archive

Captured = pytest.CaptureFixture[str]

NAMES = sorted(path.stem for path in ARCHIVES.glob("*.zip"))


def extract(archive: Path, folder: Path, *options: str) -> dict[str, Any]:
    assert main(["extract", str(archive), "--to", str(folder), *options]) == 0
    index: dict[str, Any] = json.loads((folder / "index.json").read_text())
    return index


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", NAMES)
def test_tensors_are_those_of_the_archive(name: str, tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "out"
    index = extract(ARCHIVES / f"{name}.zip", folder)
    with open_archive(ARCHIVES / f"{name}.zip") as archive:
        assert list(index["parameters"]) == list(archive.parameters)
        for state_dict, written in index["parameters"].items():
            tensors = dict(archive.parameters[state_dict].tensors())
            assert [entry["name"] for entry in written["tensors"]] == list(tensors)
            for entry in written["tensors"]:
                array = numpy.load(folder / entry["file"], allow_pickle=False)
                assert same(array, numpy.asarray(tensors[entry["name"]].numpy()))


@pytest.mark.parametrize("name", NAMES)
def test_data_is_that_of_the_archive(name: str, tmp_path: Path) -> None:
    extract(ARCHIVES / f"{name}.zip", tmp_path / "out")
    data = json.loads((tmp_path / "out" / "data.json").read_text())
    with open_archive(ARCHIVES / f"{name}.zip") as archive:
        assert list(data) == list(archive.data)
        opaque = {path.partition("[")[0].partition(".")[0] for path in archive.opaque}
        for key in set(data) - opaque:
            assert same(from_portable(data[key]), archive.data[key]), key
        for key in opaque:
            assert (data[key]["$"], list(data[key]["parts"])[:1] != []) == ("opaque", True)


def test_the_files_of_one_archive(tmp_path: Path, capsys: Captured) -> None:
    index = extract(PPO, tmp_path / "out")
    files = files_in(tmp_path / "out")
    assert {"data.json", "index.json", "system_info.txt"} <= set(files)
    assert "parameters/policy/action_net.weight.npy" in files
    assert "parameters/policy.optimizer/state.0.exp_avg.npy" in files
    assert "parameters/policy.optimizer/tree.json" in files
    assert not any(file.endswith(".pickle") for file in files)
    assert index["algorithm"] == "stable_baselines3.ppo.ppo.PPO"
    assert f"extracted  {len(files)} files" in capsys.readouterr().out


def test_a_tree_keeps_all_that_is_no_tensor(tmp_path: Path) -> None:
    extract(PPO, tmp_path / "out")
    tree = json.loads((tmp_path / "out" / "parameters" / "policy.optimizer" / "tree.json").read_text())
    group = tree["param_groups"][0]
    assert (group["betas"], group["eps"]) == ([0.9, 0.999], 1e-05)
    assert tree["state"]["0"]["exp_avg"] == {"tensor": "parameters/policy.optimizer/state.0.exp_avg.npy"}


def test_variables(tmp_path: Path) -> None:
    index = extract(ARCHIVES / "sac.zip", tmp_path / "out")
    (entry,) = index["variables"]["tensors"]
    assert (entry["name"], entry["file"], entry["shape"]) == ("log_ent_coef", "variables/log_ent_coef.npy", [1])


def test_raw_pickles(tmp_path: Path) -> None:
    index = extract(PPO, tmp_path / "out", "--raw")
    with open_archive(PPO) as archive:
        for name, file in index["pickles"].items():
            assert (tmp_path / "out" / file).read_bytes() == archive.data.pickle(name)


def test_names_of_a_stranger_stay_inside(tmp_path: Path) -> None:
    entry = {":type:": "x", ":serialized:": "gAROLg=="}
    names = ["../../outside", "/tmp/outside", "CON", "con", hostile_text, "\ud800", ""]
    archive = make_archive(tmp_path / "a.zip", dict.fromkeys(names, entry))
    extract(archive, tmp_path / "deep" / "er" / "out", "--raw")
    assert files_in(tmp_path) == sorted(
        ["a.zip", *(f"deep/er/out/{file}" for file in files_in(tmp_path / "deep" / "er" / "out"))]
    )
    pickles = [file for file in files_in(tmp_path / "deep" / "er" / "out") if file.endswith(".pickle")]
    assert len(pickles) == len(names)


def written(path: Path, **state_dicts: Any) -> Path:
    """An archive of these state dicts, whatever their tensors are called."""
    algorithm = "stable_baselines3.ppo.ppo.PPO"
    write_archive(path, Contents(algorithm=algorithm, data={}, parameters=state_dicts), durable=False)
    return path


def test_names_of_tensors_stay_inside(tmp_path: Path) -> None:
    zeros = numpy.zeros(2, "float32")
    names = ["../../outside", "/tmp/outside", "aux", "AUX", hostile_text, "tree.json", "a.b", "A.b", "x" * 3000, ""]
    archive = written(tmp_path / "a.zip", con=dict.fromkeys(names, zeros))
    index = extract(archive, tmp_path / "out")
    tensors = index["parameters"]["con"]["tensors"]
    assert [entry["name"] for entry in tensors] == names
    files = [entry["file"] for entry in tensors]
    assert len({file.lower() for file in files}) == len(names)
    assert all(file.startswith("parameters/_con/") and (tmp_path / "out" / file).is_file() for file in files)
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip", "out"}


def test_one_value_used_often_is_not_written_without_end(tmp_path: Path) -> None:
    """Lists of lists of the same: a few hundred bytes that are a million characters once written out."""
    row = ["text"] * 100
    content = base64.b64encode(pickle.dumps([row] * 100, protocol=4)).decode("ascii")
    path = make_archive(tmp_path / "a.zip", {"rows": {":type:": "<class 'list'>", ":serialized:": content}})
    archive = open_archive(path, limits=Limits(data_bytes=2000))
    with archive, pytest.raises(LimitError, match=r"bytes to write, found more\. The file repeats what it holds out"):
        extract_archive(archive, tmp_path / "out")
    assert {entry.name for entry in tmp_path.iterdir()} == {"a.zip"}


@pytest.mark.parametrize("count", [20_000, 200])
def test_one_tensor_under_many_names_is_not_written_without_end(count: int, tmp_path: Path, capsys: Captured) -> None:
    array = numpy.zeros(4 if count > 200 else 1 << 20, "float32")
    archive = written(tmp_path / "a.zip", policy={f"name{index}": array for index in range(count)})
    assert main(["extract", str(archive), "--to", str(tmp_path / "out")]) == 2
    assert "out of proportion to its size" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip"}


@pytest.mark.parametrize("dtype", [name for name in DTYPES if name != "bfloat16"])
def test_every_type_of_elements(dtype: str, tmp_path: Path) -> None:
    array = numpy.arange(6).reshape(2, 3).astype(DTYPES[dtype].stored)
    views = {
        "whole": array,
        "turned": array.T,
        "part": array[:, 1],
        "empty": array[:0],
        "scalar": array[1:, 2:].reshape(()),
    }
    extract(written(tmp_path / "a.zip", policy=views), tmp_path / "out")
    for name, view in views.items():
        found = numpy.load(tmp_path / "out" / "parameters" / "policy" / f"{name}.npy", allow_pickle=False)
        assert same(found, numpy.asarray(view)), name


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["extract", str(PPO), "--to", str(tmp_path)]) == 2
    assert "expected a folder that is empty or not there" in capsys.readouterr().err
    assert files_in(tmp_path) == ["notes.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    monkeypatch.chdir(folder)
    before = folder.stat().st_ino
    extract(PPO, Path())
    assert folder.stat().st_ino == before
    assert {"index.json", "data.json", "parameters", "system_info.txt"} <= {path.name for path in folder.iterdir()}
    assert not any(path.name.startswith(".") for path in tmp_path.rglob("*"))


def test_force_replaces_an_earlier_extraction_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    extract(ARCHIVES / "sac.zip", folder)
    (folder / "notes.txt").write_text("mine")
    extract(PPO, folder, "--force")
    assert (folder / "notes.txt").read_text() == "mine"
    assert not (folder / "parameters" / "critic.optimizer").exists()
    assert (folder / "parameters" / "policy" / "action_net.weight.npy").is_file()


def test_force_does_not_follow_links_out_of_the_folder(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    (outside / "precious").write_text("mine")
    folder.mkdir()
    (folder / "parameters").symlink_to(outside, target_is_directory=True)
    (folder / "data.json").symlink_to(outside / "precious")
    extract(PPO, folder, "--force")
    assert files_in(outside) == ["precious"]
    assert (outside / "precious").read_text() == "mine"


def test_a_file_is_no_folder(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "out").write_text("mine")
    assert main(["extract", str(PPO), "--to", str(tmp_path / "out")]) == 2
    assert (tmp_path / "out").read_text() == "mine"
    assert capsys.readouterr().err.count("\n") == 1


def test_a_broken_archive_leaves_nothing_behind(tmp_path: Path, capsys: Captured) -> None:
    content = bytearray(PPO.read_bytes())
    with zipfile.ZipFile(PPO) as archive:
        info = archive.getinfo("policy.optimizer.pth")
    content[info.header_offset + info.file_size // 2] ^= 0xFF
    (tmp_path / "broken.zip").write_bytes(content)
    assert main(["extract", str(tmp_path / "broken.zip"), "--to", str(tmp_path / "out")]) == 2
    assert files_in(tmp_path) == ["broken.zip"]
    assert "policy.optimizer.pth" in capsys.readouterr().err
