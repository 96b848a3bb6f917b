"""A policy saved and loaded on its own with the drop-in: SB3's files, and nothing in them runs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common import policies

import strongbox
from strongbox.errors import FormatError, MismatchError, RefusedError, StrongboxError
from tests.live.adapters.likeness import differences
from tests.live.adapters.tiny import AGENTS, OwnExtractor, TinyEnv, make_agent

ActorCriticPolicy: Any = policies.ActorCriticPolicy
OWN = f"{OwnExtractor.__module__}.{OwnExtractor.__qualname__}"


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    with strongbox.sb3.installed():
        yield


def networks(name: str) -> dict[str, Any]:
    """The policy of an agent, and those of its networks that SB3 saves on their own."""
    policy = make_agent(name).policy
    parts = {part: getattr(policy, part, None) for part in ("actor", "q_net", "quantile_net")}
    return {"policy": policy, **{part: network for part, network in parts.items() if network is not None}}


# What SB3 writes of these does not say how many units their LSTM has, or has arguments that their constructor refuses.
NOT_ALONE = ("recurrent-ppo", "ars-linear", "her")


@pytest.mark.parametrize("name", [name for name in AGENTS if not name.startswith(NOT_ALONE)])
def test_a_policy_comes_back_and_acts_alike(name: str, tmp_path: Path) -> None:
    observation = AGENTS[name].make_env().observation_space.sample()
    for part, network in networks(name).items():
        network.save(tmp_path / part)
        found = type(network).load(tmp_path / part, device="cpu")
        assert list(differences(network.state_dict(), found.state_dict(), part)) == []
        if hasattr(network, "predict") and not name.startswith("maskable"):
            acted = network.predict(observation, deterministic=True)[0]
            numpy.testing.assert_array_equal(acted, found.predict(observation, deterministic=True)[0])


@pytest.mark.parametrize("name", ["ppo", "sac", "dqn-dict"])
def test_sb3_reads_what_was_written_and_the_other_way_round(name: str, tmp_path: Path) -> None:
    for part, network in networks(name).items():
        network.save(tmp_path / "ours")
        with strongbox.sb3.installed():
            strongbox.sb3.uninstall()
            theirs = type(network).load(tmp_path / "ours", device="cpu")
            theirs.save(tmp_path / "theirs")
        with strongbox.sb3.installed():
            found = type(network).load(tmp_path / "theirs", device="cpu")
        assert list(differences(network.state_dict(), found.state_dict(), part)) == []
        strongbox.sb3.install()


def test_random_numbers_are_not_drawn(tmp_path: Path) -> None:
    policy = make_agent("ppo").policy
    policy.save(tmp_path / "policy")
    before = torch.get_rng_state()
    ActorCriticPolicy.load(tmp_path / "policy")
    assert torch.equal(torch.get_rng_state(), before)


def test_files_in_memory() -> None:
    file: Any = io.BytesIO()
    policy = make_agent("ppo").policy
    policy.save(file)
    assert list(differences(policy.state_dict(), ActorCriticPolicy.load(file).state_dict())) == []


def own_policy() -> Any:
    options: Any = {"features_extractor_class": OwnExtractor, "net_arch": [4]}
    return PPO("MlpPolicy", TinyEnv(), n_steps=8, batch_size=4, device="cpu", policy_kwargs=options).policy


def test_a_class_of_ones_own_is_trusted_by_name(tmp_path: Path) -> None:
    own_policy().save(tmp_path / "policy")
    with pytest.raises(RefusedError) as caught:
        ActorCriticPolicy.load(tmp_path / "policy")
    assert f'strongbox.sb3.install(trust=["{OWN}"])' in str(caught.value)
    with strongbox.sb3.installed(trust=OWN):
        assert isinstance(ActorCriticPolicy.load(tmp_path / "policy").features_extractor, OwnExtractor)


def test_a_network_of_ones_own_inside_another_is_trusted_by_name(tmp_path: Path) -> None:
    options: Any = {"features_extractor_class": OwnExtractor, "net_arch": [4]}
    q_net: Any = DQN("MlpPolicy", TinyEnv(), buffer_size=10, device="cpu", policy_kwargs=options).q_net
    q_net.save(tmp_path / "q_net")
    with pytest.raises(RefusedError):
        type(q_net).load(tmp_path / "q_net")
    with strongbox.sb3.installed(trust=OWN):
        found = type(q_net).load(tmp_path / "q_net", device="cpu")
    assert list(differences(q_net.state_dict(), found.state_dict())) == []


class Touch:
    """An object whose pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_a_hostile_file_runs_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    policy, mark = make_agent("ppo").policy, tmp_path / "mark"
    arguments = {**policy._get_constructor_parameters(), "optimizer_kwargs": {"lr": Touch(mark)}}
    torch.save({"state_dict": policy.state_dict(), "data": arguments}, tmp_path / "policy")
    with pytest.raises(RefusedError) as caught:
        ActorCriticPolicy.load(tmp_path / "policy")
    assert 'strongbox.sb3.install(trust="pickle")' in str(caught.value)
    torch.save({"state_dict": {"a": Touch(mark)}, "data": {}}, tmp_path / "policy")
    with pytest.raises(StrongboxError):
        ActorCriticPolicy.load(tmp_path / "policy")
    assert not mark.exists()
    with strongbox.sb3.installed(trust="pickle"), pytest.raises(TypeError):
        ActorCriticPolicy.load(tmp_path / "policy")
    assert mark.exists()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"net_arch": [2000, 2000]}, "that fit the parameters"),
        ({"net_arch": [5]}, "size mismatch"),
        ({"no_such_argument": 1}, "no_such_argument"),
        ({"observation_space": None}, "found that it cannot be made"),
    ],
)
def test_arguments_that_make_no_such_policy_are_an_error(changes: Any, problem: str, tmp_path: Path) -> None:
    policy = make_agent("ppo").policy
    arguments = {**policy._get_constructor_parameters(), **changes}
    torch.save({"state_dict": policy.state_dict(), "data": arguments}, tmp_path / "policy")
    with pytest.raises(MismatchError, match=problem):
        ActorCriticPolicy.load(tmp_path / "policy")


def test_other_files_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ActorCriticPolicy.load(tmp_path / "nothing")
    torch.save({"weight": torch.ones(1)}, tmp_path / "tensors")
    with pytest.raises(FormatError, match="'data'"):
        ActorCriticPolicy.load(tmp_path / "tensors")
    (tmp_path / "text").write_text("no policy")
    with pytest.raises(FormatError):
        ActorCriticPolicy.load(tmp_path / "text")
