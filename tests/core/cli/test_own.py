"""Agents of one's own on the command line: shown, checked, compared and unpacked as any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest

import strongbox
from strongbox.cli import main

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return make_agent(tmp_path / "mine.zip", rate=0.5)


def make_agent(path: Path, **data: Any) -> Path:
    weights = {"0.weight": numpy.ones((3, 2), numpy.float32), "0.bias": numpy.zeros(3, numpy.float32)}
    agent = strongbox.Agent(
        algorithm="my_project.bandit.Bandit",
        data={"rng": numpy.random.default_rng(0), **data},
        parameters={"actor": weights, "target": weights, "schedule": {"last": 3}},
        variables={"values": numpy.arange(4.0), "values.second": numpy.arange(2)},
    )
    strongbox.save(agent, path)
    return path


def test_a_page_names_every_network_and_asks_for_no_version_of_sb3(file: Path, capsys: Captured) -> None:
    assert main(["inspect", str(file)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "Stable-Baselines3" not in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "Bandit my_project.bandit.Bandit" in lines
    assert lines.index("actor 9") < lines.index("target 9")
    assert lines.count("0 Linear 2 \u2192 3 9") == 2
    assert "values Tensor 4, float64 4" in lines
    assert "rate 0.5" in lines
    missing = lines[lines.index("Missing for an exact continuation") :]
    assert not any(line.startswith(("optimizer", "callbacks")) for line in missing)
    assert any(line.startswith("environment") for line in missing)


def test_the_facts_are_there_as_data(file: Path, capsys: Captured) -> None:
    assert main(["inspect", "--json", str(file)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["shared"] == {}
    assert [network["state_dict"] for network in facts["networks"]] == ["actor", "target"]
    assert set(facts["versions"]) >= {"Python", "Strongbox", "Numpy"}
    assert "Stable-Baselines3" not in facts["versions"]


def test_a_check_is_clean(file: Path, capsys: Captured) -> None:
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().out == f"clean       {file}  Bandit, no agent of SB3's\n"


def test_a_difference_is_told(file: Path, tmp_path: Path, capsys: Captured) -> None:
    other = make_agent(tmp_path / "other.zip", rate=0.25)
    assert main(["diff", str(file), str(other)]) == 1
    assert "rate  0.5 \u2192 0.25" in capsys.readouterr().out
    assert main(["diff", str(file), str(file)]) == 0


def test_everything_is_unpacked(file: Path, tmp_path: Path) -> None:
    assert main(["extract", str(file), "--to", str(tmp_path / "out")]) == 0
    assert numpy.load(tmp_path / "out/parameters/actor/0.weight.npy").shape == (3, 2)
    assert numpy.load(tmp_path / "out/variables/values.npy").tolist() == [0, 1, 2, 3]
    assert json.loads((tmp_path / "out/data.json").read_text())["rate"] == 0.5


def test_nothing_is_converted_exported_or_played(file: Path, tmp_path: Path, capsys: Captured) -> None:
    assert main(["convert", str(file), "--to", str(tmp_path / "out")]) == 2
    assert "which SB3 cannot open" in capsys.readouterr().err
    assert main(["export", str(file), "--to", str(tmp_path / "out.npz")]) == 2
    assert "whose own code acts" in capsys.readouterr().err
