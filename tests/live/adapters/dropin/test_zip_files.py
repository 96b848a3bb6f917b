"""set_parameters from a file, and the functions of SB3 that write and read its files, with the drop-in."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common import save_util

import strongbox
from strongbox.archive import open_archive
from strongbox.errors import StrongboxWarning
from tests.live.adapters.likeness import differences
from tests.live.adapters.tiny import AGENTS, TinyEnv, make_agent


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    with strongbox.sb3.installed():
        yield


@pytest.mark.parametrize("name", ["ppo", "sac", "ars-linear"])
def test_parameters_are_set_from_a_file(name: str, tmp_path: Path) -> None:
    trained, agent = make_agent(name), AGENTS[name]
    trained.save(tmp_path / "agent.zip")
    options = {**agent.options, "policy_kwargs": dict(agent.policy_options)}
    algorithm: Any = agent.algorithm
    model = algorithm(agent.policy, agent.make_env(), seed=9, **options)
    model.set_parameters(str(tmp_path / "agent"), exact_match=True, device="cpu")
    assert list(differences(trained.get_parameters(), model.get_parameters())) == []


def test_a_file_of_other_networks_is_refused_and_may_be_taken_in_part(tmp_path: Path) -> None:
    make_agent("ppo").save(tmp_path / "agent.zip")
    model = PPO("MlpPolicy", TinyEnv(action="box"), device="cpu", policy_kwargs={"net_arch": [4]})
    with pytest.raises(RuntimeError, match="Missing key"):
        model.set_parameters(str(tmp_path / "agent.zip"))
    with pytest.raises(RuntimeError, match="size mismatch"):
        model.set_parameters(str(tmp_path / "agent.zip"), exact_match=False)


def test_a_file_has_what_was_put_in(tmp_path: Path) -> None:
    data = {"number": 3, "space": TinyEnv().observation_space, "device": torch.device("cpu")}
    parameters = {"net": {"weight": torch.ones(2, 3), "count": torch.tensor(5)}}
    save_util.save_to_zip_file(tmp_path / "a", data, parameters, {"rate": torch.tensor([0.5]), "none": None})
    found, tensors, variables = save_util.load_from_zip_file(tmp_path / "a", device="cpu")
    assert found == data
    assert list(differences(parameters, tensors)) == []
    assert list(differences({"rate": torch.tensor([0.5]), "none": None}, variables)) == []
    assert save_util.load_from_zip_file(tmp_path / "a", load_data=False)[0] is None
    strongbox.sb3.uninstall()
    assert save_util.load_from_zip_file(tmp_path / "a", device="cpu")[0] == data


def test_parts_may_be_missing() -> None:
    memory = io.BytesIO()
    save_util.save_to_zip_file(memory, params={"net": {"weight": torch.ones(2)}})
    data, tensors, variables = save_util.load_from_zip_file(memory, device="cpu")
    assert (data, variables) == (None, None)
    assert list(tensors) == ["net"]


def test_custom_objects_and_what_is_not_understood(tmp_path: Path) -> None:
    save_util.save_to_zip_file(tmp_path / "a", {"mine": TinyEnv(), "number": 3})
    with pytest.warns(StrongboxWarning, match=r"stayed behind: mine \(.*custom_objects"):
        data, _, _ = save_util.load_from_zip_file(tmp_path / "a")
    assert data == {"number": 3}
    replaced, _, _ = save_util.load_from_zip_file(tmp_path / "a", custom_objects={"mine": 4, "dummy": 5})
    assert replaced == {"mine": 4, "number": 3}


def test_an_algorithm_is_told_by_the_data_where_no_model_was_saved(tmp_path: Path) -> None:
    model = make_agent("ppo")
    data = {name: value for name, value in vars(model).items() if name not in model._excluded_save_params()}
    save_util.save_to_zip_file(tmp_path / "a", data, model.get_parameters(), {})
    with open_archive(tmp_path / "a") as archive:
        assert archive.algorithm == "stable_baselines3.ppo.ppo.PPO"
        assert archive.algorithm_evidence.startswith("data keeps")
    assert type(PPO.load(tmp_path / "a", device="cpu")) is PPO
    assert type(strongbox.load(tmp_path / "a.zip", device="cpu")) is PPO
