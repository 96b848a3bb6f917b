"""``strongbox diff``: what the page and the data say, and the exit status that scripts use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from strongbox.archive.difference import compare_archives
from strongbox.cli import main
from tests.core.cli.archives import ARCHIVES, PPO, hostile_text, make_archive

Captured = pytest.CaptureFixture[str]
A2C = ARCHIVES / "a2c.zip"


def test_the_same_agent(capsys: Captured) -> None:
    assert main(["diff", str(PPO), str(PPO)]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{PPO} → {PPO}", "the same agent, to the last bit"]


def test_different_agents(capsys: Captured) -> None:
    assert main(["diff", str(PPO), str(A2C)]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert "stable_baselines3.ppo.ppo.PPO → stable_baselines3.a2c.a2c.A2C" in out
    assert "_n_updates  4 → 8" in out
    assert "gae_lambda           0.95 → 1" in out
    assert "batch_size           8 → absent" in out
    assert "policy.optimizer.param_groups.0.lr " in out
    lines = out.splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith("Tensors"))
    found = compare_archives(PPO, A2C)
    assert (
        lines[first]
        == f"Tensors  {len(found.tensors)} differ, {found.equal_tensors} alike; those that changed most first"
    )
    assert [line.split("  ")[1] for line in lines[first + 1 : first + 3]] == [
        "policy.optimizer: state.0.exp_avg",
        "policy.optimizer: state.0.exp_avg_sq",
    ]


def test_as_data(capsys: Captured) -> None:
    assert main(["diff", str(PPO), str(A2C), "--json"]) == 1
    said = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert (said["equal"], said["learnt"]) == (False, {"_n_updates": [4, 8]})
    assert said["data"]["gae_lambda"] == {"first": 0.95, "second": 1.0}
    assert said["data"]["batch_size"] == {"first": 8}
    found = compare_archives(PPO, A2C)
    assert [(each["state_dict"], each["name"]) for each in said["tensors"]] == [
        (each.state_dict, each.name) for each in found.tensors
    ]
    assert main(["diff", str(PPO), str(PPO), "--json"]) == 0
    same = json.loads(capsys.readouterr().out)
    assert (same["equal"], same["data"], same["tensors"]) == (True, {}, [])
    alike = compare_archives(PPO, PPO)
    assert same["alike"] == {"data": alike.equal_data, "tensors": alike.equal_tensors}


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK")
    assert main(["diff", str(PPO), str(tmp_path / "broken.zip")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "broken.zip" in err
    assert err.count("\n") == 1


def test_hostile_names_do_not_reach_the_terminal(tmp_path: Path, capsys: Captured) -> None:
    first = make_archive(tmp_path / "a.zip", {hostile_text: 1, "b": hostile_text})
    second = make_archive(tmp_path / "b.zip", {hostile_text: 2, "b": hostile_text + "!"})
    assert main(["diff", str(first), str(second)]) == 1
    out = capsys.readouterr().out
    assert all(char.isprintable() or char == "\n" for char in out)


@pytest.mark.parametrize("columns", ["60", "100", "250"])
def test_no_line_is_wider_than_the_terminal(columns: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    main(["diff", str(ARCHIVES / "sac.zip"), str(ARCHIVES / "sac-fixed-entropy.zip")])
    lines = capsys.readouterr().out.splitlines()[1:]
    assert max(map(len, lines)) <= int(columns)
