"""Agents of all fourteen algorithms between SB3 and Strongbox, both ways, and again in a new process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from strongbox.adapters import load, save
from strongbox.archive import open_archive
from tests.live.adapters.likeness import actions_of, assert_same_agent, attributes_of, differences
from tests.live.adapters.tiny import AGENTS, make_agent

ROOT = Path(__file__).resolve().parents[3]

LOST_BY_SB3 = {
    "tqc": "target_entropy",  # becomes a Python float
    "tqc-dict": "target_entropy",
    "ars": "weights",  # are drawn anew with zero_policy=False
}


def load_with_sb3(name: str, path: Path) -> Any:
    env = AGENTS[name].make_env() if AGENTS[name].observation == "goal" else None
    return AGENTS[name].algorithm.load(path, device="cpu", env=env, force_reset=False)


@pytest.mark.parametrize("name", AGENTS)
def test_what_sb3_saved_loads_equal(name: str, tmp_path: Path) -> None:
    agent = make_agent(name)
    agent.save(tmp_path / "agent.zip")
    loaded = load(tmp_path / "agent.zip", device="cpu")
    assert_same_agent(agent, loaded)
    assert not loaded.strongbox_report.left
    assert not loaded.strongbox_report.migrated


@pytest.mark.parametrize("name", AGENTS)
def test_what_strongbox_saved_loads_equal_with_sb3(name: str, tmp_path: Path) -> None:
    agent = make_agent(name)
    report = save(agent, tmp_path / "agent.zip", durable=False)
    assert not report.left_out
    assert not report.opaque
    assert not report.approximate
    loaded = load_with_sb3(name, tmp_path / "agent.zip")
    assert_same_agent(agent, loaded, attributes=False)
    found = list(differences(attributes_of(agent), attributes_of(loaded)))
    # With a seed, SB3 seeds the action space again.
    found = [text for text in found if "random state" not in text and LOST_BY_SB3.get(name, "?") not in text]
    assert not found


@pytest.mark.parametrize("name", AGENTS)
def test_what_strongbox_saved_loads_equal_and_saves_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    agent = make_agent(name)
    save(agent, tmp_path / "agent.zip", durable=False)
    loaded = load(tmp_path / "agent.zip", device="cpu")
    assert_same_agent(agent, loaded)
    save(loaded, tmp_path / "again.zip", durable=False)
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "agent.zip").read_bytes()


@pytest.mark.parametrize("name", AGENTS)
def test_an_archive_without_pickles_loads_equal(name: str, tmp_path: Path) -> None:
    agent = make_agent(name)
    save(agent, tmp_path / "agent.zip", pickles=False, durable=False)
    with open_archive(tmp_path / "agent.zip") as archive:
        assert [each for each in archive.data if archive.data.pickle(each) is not None] == []
    assert_same_agent(agent, load(tmp_path / "agent.zip", device="cpu"))


@pytest.mark.parametrize("name", AGENTS)
def test_what_sb3_loaded_from_strongbox_and_saved_loads_equal(name: str, tmp_path: Path) -> None:
    agent = make_agent(name)
    save(agent, tmp_path / "agent.zip", durable=False)
    load_with_sb3(name, tmp_path / "agent.zip").save(tmp_path / "sb3.zip")
    loaded = load(tmp_path / "sb3.zip", device="cpu")
    assert_same_agent(agent, loaded, attributes=False)
    assert not loaded.strongbox_report.left


IN_A_NEW_PROCESS = """
import json, sys
import torch
torch.set_num_threads(1)
from strongbox.adapters import load, save
from tests.live.adapters.likeness import actions_of
from tests.live.adapters.tiny import AGENTS
folder = sys.argv[1]
found = {}
for name in sys.argv[2:]:
    own = load(f"{folder}/{name}.zip", device="cpu")
    save(own, f"{folder}/{name}-again.zip", durable=False)
    sb3 = load(f"{folder}/{name}-sb3.zip", device="cpu")
    env = AGENTS[name].make_env() if AGENTS[name].observation == "goal" else None
    theirs = AGENTS[name].algorithm.load(f"{folder}/{name}.zip", device="cpu", env=env)
    found[name] = [actions_of(agent).tolist() for agent in (own, sb3, theirs)]
print(json.dumps(found))
"""


def test_a_new_process_finds_the_same_agents(tmp_path: Path) -> None:
    for name in AGENTS:
        save(make_agent(name), tmp_path / f"{name}.zip", durable=False)
        make_agent(name).save(tmp_path / f"{name}-sb3.zip")
    command = [sys.executable, "-W", "error", "-c", IN_A_NEW_PROCESS, str(tmp_path), *AGENTS]
    process = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for name, actions in json.loads(process.stdout).items():
        expected = actions_of(make_agent(name)).tolist()
        assert actions == [expected] * 3, name
        assert (tmp_path / f"{name}-again.zip").read_bytes() == (tmp_path / f"{name}.zip").read_bytes(), name
