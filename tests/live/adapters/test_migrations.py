"""What earlier versions wrote otherwise: each migration on an agent that was made to look like theirs."""

from __future__ import annotations

import base64
import importlib.util
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from stable_baselines3 import DQN, HerReplayBuffer
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit

from strongbox.adapters import load
from strongbox.conversion import MIGRATIONS
from strongbox.errors import UnsupportedError
from tests.live.adapters.archives import change_archive, change_data, change_tensors, sb3_archive
from tests.live.adapters.likeness import assert_same_agent
from tests.live.adapters.tiny import make_agent
from tests.zoo import ZOO, requires_zoo

Data = dict[str, Any]


def migrations_of(model: Any) -> list[str]:
    return [line.partition(":")[0] for line in model.strongbox_report.migrated]


def move(data: Data, old: str, new: str) -> None:
    data[new] = data.pop(old)


def policy_kwargs(data: Data, **kwargs: Any) -> None:
    data["policy_kwargs"] = {**data["policy_kwargs"], **kwargs}


def test_every_migration_says_what_it_is_about() -> None:
    names = [migration.name for migration in MIGRATIONS]
    assert len(names) == len(set(names))
    assert all(migration.versions and migration.explanation for migration in MIGRATIONS)


# -- attributes and settings ----------------------------------------------------------------------

SAME_AGENT: list[tuple[str, str, Callable[[Data], Any], str]] = [
    ("renamed_attributes", "ppo", lambda data: move(data, "_last_episode_starts", "_last_dones"), "1.0"),
    (
        "renamed_attributes",
        "ppo",
        lambda data: move(data, "_current_progress_remaining", "_current_progress"),
        "0.8",
    ),
    (
        "forgotten_attributes",
        "ppo",
        lambda data: data.update(tb_writer=None, rollout_data=None, n_episodes_rollout=-1),
        "0.8",
    ),
    ("null_networks", "dqn", lambda data: data.update(actor=None), "1.0"),
    ("saved_device", "dqn", lambda data: policy_kwargs(data, device="cuda"), "1.0"),
    ("sde_net_arch", "dqn", lambda data: policy_kwargs(data, sde_net_arch=None), "1.6"),
    ("train_freq", "sac", lambda data: data.update(train_freq=1), "0.9"),
    ("train_freq", "sac", lambda data: data.update(train_freq=[1, "step"]), "1.0"),
    ("train_freq", "sac", lambda data: data.update(train_freq=None), "0.9"),
    ("net_arch", "ppo", lambda data: policy_kwargs(data, net_arch=[{"pi": [4], "vf": [4]}]), "1.7"),
]


@pytest.mark.parametrize(("migration", "name", "change", "version"), SAME_AGENT)
def test_the_agent_is_the_same(
    migration: str, name: str, change: Callable[[Data], Any], version: str, tmp_path: Path
) -> None:
    path = change_data(sb3_archive(name, tmp_path), change)
    change_archive(path, {"_stable_baselines3_version": version.encode(), "system_info.txt": None})
    model = load(path, device="cpu")
    assert migration in migrations_of(model)
    agent = make_agent(name)
    assert_same_agent(agent, model, attributes=migration not in ("net_arch",))


def test_a_count_of_episodes_becomes_the_train_frequency(tmp_path: Path) -> None:
    path = change_data(sb3_archive("sac", tmp_path), lambda data: data.update(train_freq=-1, n_episodes_rollout=2))
    model = load(path)
    assert model.train_freq == TrainFreq(2, TrainFrequencyUnit.EPISODE)
    assert {"train_freq", "forgotten_attributes"} <= set(migrations_of(model))


def test_a_network_of_its_own_for_exploration_is_refused(tmp_path: Path) -> None:
    path = change_data(sb3_archive("ppo", tmp_path), lambda data: policy_kwargs(data, sde_net_arch=[4]))
    with pytest.raises(UnsupportedError, match="sde_net_arch"):
        load(path)


def test_moved_classes_are_found(tmp_path: Path) -> None:
    content = b"\x80\x02cstable_baselines3.ppo.policies\nPPOPolicy\nq\x00."
    old = {":type:": "<class 'abc.ABCMeta'>", ":serialized:": base64.b64encode(content).decode()}
    model = load(change_data(sb3_archive("ppo", tmp_path), lambda data: data.update(policy_class=old)), device="cpu")
    assert_same_agent(make_agent("ppo"), model)


@pytest.mark.parametrize("name", ["_stats_window_size", "_num_timesteps_at_start", "rollout_buffer_class"])
def test_attributes_that_came_later_get_their_defaults(name: str, tmp_path: Path) -> None:
    model = load(change_data(sb3_archive("ppo", tmp_path), lambda data: data.pop(name)), device="cpu")
    assert getattr(model, name) == getattr(make_agent("ppo"), name)
    assert not model.strongbox_report.left


def test_calls_are_counted_where_the_file_does_not(tmp_path: Path) -> None:
    model = load(change_data(sb3_archive("dqn", tmp_path), lambda data: data.pop("_n_calls")), device="cpu")
    agent = make_agent("dqn")
    assert migrations_of(model) == ["n_calls"]
    assert model._n_calls == agent._n_calls == agent.num_timesteps // agent.n_envs


class MyDQN(DQN):
    """Somebody's own algorithm."""


def test_an_algorithm_of_ones_own_migrates_as_the_one_it_is_derived_from(tmp_path: Path) -> None:
    path = change_data(sb3_archive("dqn", tmp_path), lambda data: data.pop("_n_calls"))
    model = load(path, cls=MyDQN, device="cpu")
    assert migrations_of(model) == ["n_calls"]
    assert model.strongbox_report.algorithm == f"{__name__}.MyDQN"


def test_settings_of_her_that_are_gone_are_dropped(tmp_path: Path) -> None:
    def add(data: Data) -> None:
        kwargs = {"n_sampled_goal": 2, "online_sampling": True, "max_episode_length": 50}
        data["replay_buffer_kwargs"] = kwargs

    model = load(change_data(sb3_archive("her-sac", tmp_path), add), device="cpu")
    assert model.replay_buffer_kwargs == {"n_sampled_goal": 2}
    assert migrations_of(model) == ["her_settings"]


# -- parameters -----------------------------------------------------------------------------------


def test_names_of_compiled_networks_are_stripped(tmp_path: Path) -> None:
    def compiled(state: Any) -> Any:
        return OrderedDict((f"_orig_mod.{key}", value) for key, value in state.items())

    model = load(change_tensors(sb3_archive("ppo", tmp_path), "policy.pth", compiled), device="cpu")
    assert migrations_of(model) == ["compiled_names"]
    assert_same_agent(make_agent("ppo"), model)


@pytest.mark.parametrize("name", ["sac", "td3"])
def test_critics_get_their_numbers(name: str, tmp_path: Path) -> None:
    def older(state: Any) -> Any:
        renamed = ((key.replace("qf0", "q1_net").replace("qf1", "q2_net"), value) for key, value in state.items())
        return OrderedDict(renamed)

    model = load(change_tensors(sb3_archive(name, tmp_path), "policy.pth", older), device="cpu")
    assert migrations_of(model) == ["critics"]
    assert_same_agent(make_agent(name), model)


def test_the_linear_policy_of_ars_gets_its_number(tmp_path: Path) -> None:
    def bare(state: Any) -> Any:
        return OrderedDict((key.replace("action_net.0", "action_net"), value) for key, value in state.items())

    model = load(change_tensors(sb3_archive("ars-linear", tmp_path), "policy.pth", bare), device="cpu")
    assert migrations_of(model) == ["linear_policy"]
    assert_same_agent(make_agent("ars-linear"), model)


def test_features_extractors_get_their_other_names(tmp_path: Path) -> None:
    def before(state: Any) -> Any:
        return OrderedDict((key, value) for key, value in state.items() if not key.startswith(("pi_", "vf_")))

    model = load(change_tensors(sb3_archive("ppo-image", tmp_path), "policy.pth", before), device="cpu")
    assert migrations_of(model) == ["features_extractors"]
    assert_same_agent(make_agent("ppo-image"), model)


@pytest.mark.parametrize("name", ["dqn", "qrdqn"])
def test_the_target_leaves_the_optimizer(name: str, tmp_path: Path) -> None:
    def doubled(state: Any) -> Any:
        count = len(state["param_groups"][0]["params"])
        state["param_groups"][0]["params"] = list(range(2 * count))
        return state

    model = load(change_tensors(sb3_archive(name, tmp_path), "policy.optimizer.pth", doubled), device="cpu")
    assert migrations_of(model) == ["target_in_optimizer"]
    assert_same_agent(make_agent(name), model)


class SharedLayers(torch.nn.Module):
    """The policy of SB3 before 1.8 for net_arch=[5, {"pi": [4], "vf": [3]}], as its networks were applied."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.state = state

    def layer(self, name: str, value: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(value, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def forward(self, observation: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        shared = torch.tanh(self.layer("mlp_extractor.shared_net.0", observation))
        policy = torch.tanh(self.layer("mlp_extractor.policy_net.0", shared))
        value = torch.tanh(self.layer("mlp_extractor.value_net.0", shared))
        return self.layer("action_net", policy), self.layer("value_net", value)


OLD_SHAPES = {
    "mlp_extractor.shared_net.0": (5, 3),
    "mlp_extractor.policy_net.0": (4, 5),
    "mlp_extractor.value_net.0": (3, 5),
    "action_net": (3, 4),
    "value_net": (1, 3),
}


def old_shared_state() -> OrderedDict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    state: OrderedDict[str, torch.Tensor] = OrderedDict()
    for name, (outputs, inputs) in OLD_SHAPES.items():
        state[f"{name}.weight"] = torch.randn(outputs, inputs, generator=generator)
        state[f"{name}.bias"] = torch.randn(outputs, generator=generator)
    return state


def test_shared_layers_become_two_copies_that_compute_the_same(tmp_path: Path) -> None:
    state = old_shared_state()
    names = list(state)

    def old_optimizer(new: Any) -> Any:
        group = {**new["param_groups"][0], "params": list(range(len(names)))}
        moments = {
            index: {"step": torch.tensor(7.0), "exp_avg": state[key] + 1, "exp_avg_sq": state[key].abs() + 2}
            for index, key in enumerate(names)
        }
        return {"state": moments, "param_groups": [group]}

    path = sb3_archive("ppo", tmp_path)
    change_tensors(path, "policy.pth", lambda new: state)
    change_tensors(path, "policy.optimizer.pth", old_optimizer)
    change_data(path, lambda data: policy_kwargs(data, net_arch=[5, {"pi": [4], "vf": [3]}]))
    model = load(path, device="cpu")
    assert "shared_layers" in migrations_of(model)
    assert model.policy_kwargs["net_arch"] == {"pi": [5, 4], "vf": [5, 3]}

    observation = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
    logits, values = SharedLayers(state)(observation)
    assert torch.equal(model.policy.get_distribution(observation).distribution.logits.argmax(1), logits.argmax(1))
    assert torch.allclose(model.policy.predict_values(observation), values)
    # Every parameter keeps the moments that belong to it, both copies of a shared one included.
    sources = {"policy_net.2": "policy_net.0", "value_net.2": "value_net.0", "policy_net.0": "shared_net.0"}
    sources["value_net.0"] = "shared_net.0"
    for key, parameter in model.policy.named_parameters():
        _, _, layer = key.partition("mlp_extractor.")
        old = next((f"mlp_extractor.{layer.replace(new, old)}" for new, old in sources.items() if new in layer), key)
        moments = model.policy.optimizer.state[parameter]
        assert torch.equal(moments["exp_avg"], state[old] + 1), key


def test_a_list_of_widths_was_shared_layers(tmp_path: Path) -> None:
    state = OrderedDict(
        (key, value) for key, value in old_shared_state().items() if "policy_net" not in key and "r.value_" not in key
    )
    state["action_net.weight"], state["value_net.weight"] = torch.ones(3, 5), torch.ones(1, 5)
    path = change_tensors(sb3_archive("ppo", tmp_path), "policy.pth", lambda new: state)
    change_data(path, lambda data: policy_kwargs(data, net_arch=[5]))
    model = load(path, skip="policy.optimizer", device="cpu")
    assert model.policy_kwargs["net_arch"] == {"pi": [5], "vf": [5]}
    assert torch.equal(model.policy.mlp_extractor.value_net[0].weight, state["mlp_extractor.shared_net.0.weight"])


# -- whole files ------------------------------------------------------------------------------------


def test_the_variables_of_the_oldest_files_have_another_member(tmp_path: Path) -> None:
    path = sb3_archive("sac", tmp_path)
    with zipfile.ZipFile(path) as archive:
        variables = archive.read("pytorch_variables.pth")
    change_archive(path, {"pytorch_variables.pth": None, "tensors.pth": variables})
    assert_same_agent(make_agent("sac"), load(path, device="cpu"))


@requires_zoo
def test_her_of_1_0_is_a_replay_buffer_now() -> None:
    model = load(ZOO / "her-FetchReach-v1_1-FetchReach-v1.zip", device="cpu")
    assert type(model).__name__ == "SAC"
    assert model.replay_buffer_class is HerReplayBuffer
    assert model.replay_buffer_kwargs["n_sampled_goal"] == 4
    assert not hasattr(model, "model_class")
    assert {"her", "renamed_attributes"} <= set(migrations_of(model))


@requires_zoo
def test_spaces_of_gym_become_those_of_gymnasium_bit_for_bit() -> None:
    assert importlib.util.find_spec("gym") is None
    model = load(ZOO / "ppo-LunarLander-v2_1-LunarLander-v2.zip", device="cpu")
    assert type(model.action_space).__module__ == "gymnasium.spaces.discrete"
    assert type(model.observation_space).__module__ == "gymnasium.spaces.box"
    state = model.action_space._np_random.bit_generator.state
    assert state["bit_generator"] == "MT19937"
    assert model.action_space.contains(model.action_space.sample())
    assert numpy.isinf(model.observation_space.high).all()
