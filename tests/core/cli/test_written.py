"""What Strongbox itself writes into an archive, shown: statistics, tables, what was left out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy
import pytest

from strongbox.archive import Contents, Exact, Typed, write_archive
from strongbox.cli import main
from strongbox.values import Normalization, RunningStatistics, TableSchedule, normalization_from_json, same

Captured = pytest.CaptureFixture[str]

STATISTICS = Normalization(
    observations={
        "": RunningStatistics(mean=numpy.array([0.5, -0.5]), var=numpy.array([1.0, 4.0]), count=1000.0),
    },
    rewards=RunningStatistics(mean=numpy.array(0.25), var=numpy.array(2.0), count=999.0),
    clip_obs=10.0,
    clip_reward=10.0,
    gamma=0.99,
    epsilon=1e-8,
)
TABLE = TableSchedule(values=numpy.linspace(0.0, 1.0, 5) ** 2, largest_error=0.03125, source="square")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "a.zip"
    contents = Contents(
        algorithm="stable_baselines3.ppo.ppo.PPO",
        data={"gamma": Exact(0.99), "lr_schedule": Typed(type="<class 'function'>", value=TABLE)},
        parameters={"policy": {"log_std": numpy.zeros(2, "float32")}},
        sb3_version="2.9.2",
        system_info="- Python: 3.11.7\n",
        normalization=STATISTICS,
        environment="CartPole-v1",
        left_out={"db": "an open connection"},
    )
    write_archive(path, contents, durable=False)
    return path


def test_the_page(archive: Path, capsys: Captured) -> None:
    assert main(["inspect", str(archive)]) == 0
    out = capsys.readouterr().out
    assert "told by: written in strongbox.json" in out
    assert re.search(r"written by strongbox \S+ · Stable-Baselines3 2.9.2 · Python 3.11.7\n", out)
    assert "trained in CartPole-v1, as strongbox.json says\n" in out
    assert "largest error 0.0312" in out
    assert "\n    1 │█▇▆▅▄▃▂▁\n" in out
    assert "Left out when it was saved\n  db  an open connection\n" in out
    assert "Normalization\n  observations  mean float64 array 2 [0.5, -0.5]; variance float64 array 2 [1, 4]" in out
    assert "normalization statistics" not in out


def test_json(archive: Path, capsys: Captured) -> None:
    assert main(["inspect", "--json", str(archive)]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert same(normalization_from_json(summary["normalization"]), STATISTICS)
    assert summary["left_out"] == {"db": "an open connection"}
    assert summary["environment"] == "CartPole-v1"
    assert summary["algorithm_evidence"] == "written in strongbox.json"


def test_extraction(archive: Path, tmp_path: Path, capsys: Captured) -> None:
    assert main(["extract", str(archive), "--to", str(tmp_path / "out")]) == 0
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    statistics = json.loads((tmp_path / "out" / index["normalization"]).read_text())
    assert same(normalization_from_json(statistics), STATISTICS)
    assert index["left_out"] == {"db": "an open connection"}


def test_it_is_clean(archive: Path, capsys: Captured) -> None:
    assert main(["check", str(archive)]) == 0
    assert capsys.readouterr().out.startswith("clean ")
