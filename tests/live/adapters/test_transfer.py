"""Some of an archive's tensors, under other names or of other shapes, in a model for another task."""

from __future__ import annotations

import io
import re
from typing import Any

import gymnasium
import numpy
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import TQC
from stable_baselines3 import A2C, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.envs import BitFlippingEnv
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

import strongbox
from strongbox.adapters.fitting import live_tensors
from strongbox.adapters.transfer import rename_tensors, select
from strongbox.errors import MismatchError
from tests.live.adapters.tiny import AGENTS, OwnExtractor, TinyEnv, make_agent

FIRST, LAST = "policy.mlp_extractor.policy_net.0.weight", "policy.action_net.weight"


class Wider(gymnasium.ObservationWrapper[Any, Any, Any]):
    """The same task, with two more numbers to see."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        space: Any = env.observation_space
        low, high = numpy.append(space.low, [-1.0, -1.0]), numpy.append(space.high, [1.0, 1.0])
        self.observation_space = spaces.Box(low.astype(numpy.float32), high.astype(numpy.float32))

    def observation(self, observation: Any) -> Any:
        return numpy.append(observation, [0.5, -0.5]).astype(numpy.float32)


def saved(model: Any) -> bytes:
    file = io.BytesIO()
    strongbox.save(model, file)
    return file.getvalue()


def tensors(model: BaseAlgorithm) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in live_tensors(model).items()}


def cartpole_agent(cls: type = PPO, **options: Any) -> Any:
    options = {"n_steps": 16, "policy_kwargs": {"net_arch": [8]}, "device": "cpu", "seed": 1, **options}
    if cls is PPO:
        options["batch_size"] = 8
    return cls("MlpPolicy", gymnasium.make("CartPole-v1"), **options).learn(32)


# -- other spaces --------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [PPO, A2C])
def test_cartpole_with_a_wider_observation_takes_the_common_block(cls: type) -> None:
    old = cartpole_agent(cls)
    env = Wider(gymnasium.make("CartPole-v1"))
    model = strongbox.load(saved(old), env=env, on_mismatch="overlap", device="cpu")
    before, after = tensors(old), tensors(model)
    assert model.observation_space == env.observation_space
    assert before[FIRST].shape == (8, 4)
    assert after[FIRST].shape == (8, 6)
    assert after[FIRST][:, :4].equal(before[FIRST])
    assert after[FIRST][:, 4:].abs().max() > 0
    assert all(after[name].equal(before[name]) for name in before if "0.weight" not in name)
    report = model.strongbox_report
    assert set(report.cut) == {FIRST, FIRST.replace("policy_net", "value_net"), "policy.optimizer"}
    assert report.cut[FIRST] == "(8, 4) in the archive, (8, 6) in the model"
    assert LAST in report.taken
    assert not report.left
    assert any("observation_space" in line for line in report.migrated)
    model.learn(32)


def test_moments_are_cut_like_their_tensors() -> None:
    old = cartpole_agent()
    model = strongbox.load(saved(old), env=Wider(gymnasium.make("CartPole-v1")), on_mismatch="overlap", device="cpu")
    live, kept = model.policy.optimizer.state, old.policy.optimizer.state
    first = live[dict(model.policy.named_parameters())["mlp_extractor.policy_net.0.weight"]]
    moments = kept[dict(old.policy.named_parameters())["mlp_extractor.policy_net.0.weight"]]
    for key in ("exp_avg", "exp_avg_sq"):
        assert first[key].shape == (8, 6)
        assert first[key][:, :4].equal(moments[key])
        assert not first[key][:, 4:].any()
    assert first["step"].equal(moments["step"])
    last = live[model.policy.action_net.weight]
    assert last["exp_avg"].equal(kept[old.policy.action_net.weight]["exp_avg"])


def test_skip_leaves_what_does_not_fit() -> None:
    old = cartpole_agent()
    model = strongbox.load(saved(old), env=Wider(gymnasium.make("CartPole-v1")), on_mismatch="skip", device="cpu")
    before, after = tensors(old), tensors(model)
    assert not after[FIRST][:, :4].equal(before[FIRST])
    assert after[LAST].equal(before[LAST])
    report = model.strongbox_report
    assert "(8, 4)" in report.left[FIRST]
    assert FIRST in report.reset
    assert not report.cut
    assert model.policy.mlp_extractor.policy_net[0].weight not in model.policy.optimizer.state
    assert model.policy.action_net.weight in model.policy.optimizer.state
    assert report.reset["policy.optimizer"] == "for 2 of 8 parameters, whose tensors are not taken"
    model.learn(32)


def test_other_spaces_are_an_error_that_says_how_to_take_what_fits() -> None:
    with pytest.raises(MismatchError, match='on_mismatch="overlap"'):
        strongbox.load(saved(cartpole_agent()), env=Wider(gymnasium.make("CartPole-v1")))


@pytest.mark.parametrize("cls", [SAC, TD3, TQC, PPO])
def test_mujoco_with_another_number_of_actions(cls: Any) -> None:
    options: dict[str, Any] = {"policy_kwargs": {"net_arch": [8]}, "device": "cpu", "seed": 1}
    options |= (
        {"n_steps": 8, "batch_size": 8} if cls is PPO else {"buffer_size": 100, "learning_starts": 8, "batch_size": 4}
    )
    old = cls("MlpPolicy", gymnasium.make("Swimmer-v5"), **options).learn(16)
    assert old.action_space.shape == (2,)
    assert old.observation_space.shape == (8,)
    model = strongbox.load(saved(old), env=gymnasium.make("Hopper-v5"), on_mismatch="overlap", device="cpu")
    assert model.action_space.shape == (3,)
    assert model.observation_space.shape == (11,)
    before, after = tensors(old), tensors(model)
    for name, tensor in before.items():
        if re.search(r"qf\d\.0\.weight", name):
            # A critic sees the observation, and then the action.
            assert after[name][:, :8].equal(tensor[:, :8]), name
            assert after[name][:, 11:13].equal(tensor[:, 8:]), name
        else:
            assert after[name][tuple(slice(0, size) for size in tensor.shape)].equal(tensor), name
    if hasattr(model, "target_entropy"):
        assert (old.target_entropy, model.target_entropy) == (-2.0, -3.0)
    model.learn(16)
    back = strongbox.load(saved(model), env=gymnasium.make("Swimmer-v5"), on_mismatch="overlap", device="cpu")
    now = tensors(model)
    for name, tensor in tensors(back).items():
        if re.search(r"qf\d\.0\.weight", name):
            assert tensor.equal(now[name][:, [*range(8), 11, 12]]), name
        else:
            assert tensor.equal(now[name][tuple(slice(0, size) for size in tensor.shape)]), name
    back.learn(16)


def test_noise_for_other_actions_is_asked_for() -> None:
    noise = NormalActionNoise(numpy.zeros(2), numpy.ones(2))
    options: dict[str, Any] = {"policy_kwargs": {"net_arch": [8]}, "device": "cpu", "buffer_size": 50}
    content = saved(TD3("MlpPolicy", gymnasium.make("Swimmer-v5"), action_noise=noise, **options))
    hopper = gymnasium.make("Hopper-v5")
    with pytest.raises(MismatchError, match="noise for actions of"):
        strongbox.load(content, env=hopper, on_mismatch="overlap")
    model = strongbox.load(content, env=hopper, on_mismatch="overlap", action_noise=None)
    assert model.action_noise is None


def test_statistics_are_cut_with_the_observation() -> None:
    env: Any = VecNormalize(DummyVecEnv([lambda: gymnasium.make("CartPole-v1")]))
    old = PPO("MlpPolicy", env, n_steps=16, batch_size=8, policy_kwargs={"net_arch": [8]}, device="cpu").learn(32)
    model = strongbox.load(saved(old), env=Wider(gymnasium.make("CartPole-v1")), on_mismatch="overlap", device="cpu")
    live: Any = model.get_vec_normalize_env()
    assert numpy.array_equal(live.obs_rms.mean[:4], env.obs_rms.mean)
    assert live.obs_rms.mean[4:].tolist() == [0, 0]
    assert live.obs_rms.var[4:].tolist() == [1, 1]
    assert any("normalization" in line for line in model.strongbox_report.migrated)
    left = strongbox.load(saved(old), env=Wider(gymnasium.make("CartPole-v1")), on_mismatch="skip", device="cpu")
    assert left.get_vec_normalize_env() is None
    assert any("normalization: left behind" in line for line in left.strongbox_report.migrated)


def test_an_error_leaves_the_statistics_of_the_environment() -> None:
    agent = AGENTS["ppo-box-sde"]
    env: Any = agent.make_env()
    mean = env.obs_rms.mean.copy()
    with pytest.raises(MismatchError, match="matches nothing"):
        strongbox.load(saved(make_agent("ppo-box-sde")), env=env, freeze="policy.nothing")
    assert numpy.array_equal(env.obs_rms.mean, mean)
    strongbox.load(saved(make_agent("ppo-box-sde")), env=env)
    assert not numpy.array_equal(env.obs_rms.mean, mean)


def test_a_wider_layer_takes_the_narrower_one() -> None:
    old = cartpole_agent()
    model = strongbox.load(
        saved(old), env=gymnasium.make("CartPole-v1"), policy_kwargs={"net_arch": [12]}, on_mismatch="overlap"
    )
    before, after = tensors(old), tensors(model)
    assert after[FIRST].shape == (12, 4)
    assert after[FIRST][:8].equal(before[FIRST])
    assert after[LAST].shape == (2, 12)
    assert after[LAST][:, :8].equal(before[LAST])
    model.learn(16)


def test_the_keys_of_an_observation_are_matched_by_name() -> None:
    def agent(bits: int) -> Any:
        env = BitFlippingEnv(n_bits=bits, max_steps=5, continuous=True)
        options: dict[str, Any] = {"buffer_size": 50, "learning_starts": 4, "batch_size": 4, "device": "cpu"}
        return TD3("MultiInputPolicy", env, policy_kwargs={"net_arch": [4]}, **options).learn(8)

    old = agent(3)
    env = BitFlippingEnv(n_bits=5, max_steps=5, continuous=True)
    model = strongbox.load(saved(old), env=env, on_mismatch="overlap", device="cpu")
    first, critic = "policy.actor.mu.0.weight", "policy.critic.qf1.0.weight"
    before, after = tensors(old), tensors(model)
    assert before[critic].shape == (4, 12)
    assert after[critic].shape == (4, 20)
    assert after[first][:, [0, 1, 2, 5, 6, 7, 10, 11, 12]].equal(before[first])
    assert after[critic][:, [0, 1, 2, 5, 6, 7, 10, 11, 12, 15, 16, 17]].equal(before[critic])
    moments = model.critic.optimizer.state[live_tensors(model)[critic]]["exp_avg"]
    kept = old.critic.optimizer.state[live_tensors(old)[critic]]["exp_avg"]
    assert moments[:, [0, 1, 2, 5, 6, 7, 10, 11, 12, 15, 16, 17]].equal(kept)
    assert not moments[:, 18:].any()


def test_inputs_of_another_kind_in_a_tensor_of_the_same_shape_do_not_fit() -> None:
    """Three numbers seen and two done are as many as two seen and three done."""
    old = AGENTS["td3"].make()
    old.action_noise = None
    env = TinyEnv(action="box")
    env.observation_space, env.action_space = spaces.Box(-1.0, 1.0, (2,)), spaces.Box(-1.0, 1.0, (3,))
    critic = "policy.critic.qf0.0.weight"
    model = strongbox.load(saved(old), env=env, on_mismatch="overlap", device="cpu")
    before, after = tensors(old), tensors(model)
    assert before[critic].shape == after[critic].shape
    assert after[critic][:, :2].equal(before[critic][:, :2])
    assert after[critic][:, 2:4].equal(before[critic][:, 3:])
    skipped = strongbox.load(saved(old), env=env, on_mismatch="skip", device="cpu")
    assert "other inputs" in skipped.strongbox_report.left[critic]


def test_gates_are_not_mixed() -> None:
    agent = AGENTS["recurrent-ppo"]
    content = saved(make_agent("recurrent-ppo"))
    kwargs = {"lstm_hidden_size": 6}
    model = strongbox.load(content, env=agent.make_env(), policy_kwargs=kwargs, on_mismatch="overlap", device="cpu")
    report = model.strongbox_report
    assert "gates" in report.left["policy.lstm_actor.weight_ih_l0"]
    assert "policy.mlp_extractor.policy_net.0.weight" in report.cut
    model.learn(8)


def test_what_another_optimizer_kept_is_no_use() -> None:
    model = A2C("MlpPolicy", TinyEnv(), n_steps=8, use_rms_prop=False, policy_kwargs={"net_arch": [4]}, device="cpu")
    content = saved(make_agent("a2c"))
    with pytest.raises(MismatchError, match="what Adam keeps"):
        strongbox.load(content, into=model)
    strongbox.load(content, into=model, reset="policy.optimizer")
    model.learn(8)


# -- some of it ------------------------------------------------------------------------------------


def test_only_what_is_asked_for_is_taken() -> None:
    old = cartpole_agent()
    model = strongbox.load(
        saved(old), env=gymnasium.make("CartPole-v1"), parameters=["policy.mlp_extractor.policy_net.*"], device="cpu"
    )
    before, after = tensors(old), tensors(model)
    assert after[FIRST].equal(before[FIRST])
    assert not after[LAST].equal(before[LAST])
    report = model.strongbox_report
    assert report.taken == (FIRST, FIRST.replace("weight", "bias"))
    assert report.left[LAST] == "not asked for"
    assert LAST in report.reset
    assert report.left["policy.optimizer"] == "not asked for"
    assert not model.policy.optimizer.state
    model.learn(16)


def test_an_extractor_that_stands_under_three_names_is_taken_by_one_of_them() -> None:
    options = {"features_extractor_class": OwnExtractor, "net_arch": [4]}
    agent = AGENTS["ppo"]
    old = PPO("MlpPolicy", agent.make_env(), n_steps=8, batch_size=4, policy_kwargs=options, device="cpu").learn(16)
    trust = f"{OwnExtractor.__module__}.{OwnExtractor.__qualname__}"
    model = strongbox.load(
        saved(old), env=agent.make_env(), parameters="policy.features_extractor.*", trust=trust, device="cpu"
    )
    before, after = tensors(old), tensors(model)
    for name in ("features_extractor", "pi_features_extractor", "vf_features_extractor"):
        assert after[f"policy.{name}.linear.weight"].equal(before[f"policy.{name}.linear.weight"])
        assert f"policy.{name}.linear.weight" not in model.strongbox_report.reset
    assert not after[LAST].equal(before[LAST])


def test_names_are_changed_on_the_way() -> None:
    old, model = cartpole_agent(), cartpole_agent(seed=2)
    before = tensors(old)
    swap = {"policy.*.policy_net.*": "policy.*.value_net.*", "policy.*.value_net.*": "policy.*.policy_net.*"}
    strongbox.load(saved(old), into=model, rename=swap, reset="policy.optimizer")
    after = tensors(model)
    assert after[FIRST].equal(before[FIRST.replace("policy_net", "value_net")])
    assert after[FIRST.replace("policy_net", "value_net")].equal(before[FIRST])
    assert model.strongbox_report.renamed[FIRST] == FIRST.replace("policy_net", "value_net")


def test_what_an_optimizer_kept_is_not_given_to_another_parameter() -> None:
    swap = {"policy.*.policy_net.*": "policy.*.value_net.*", "policy.*.value_net.*": "policy.*.policy_net.*"}
    with pytest.raises(MismatchError, match="in another after renaming"):
        strongbox.load(saved(cartpole_agent()), into=cartpole_agent(seed=2), rename=swap)


def test_reset_begins_anew() -> None:
    old = cartpole_agent()
    model = strongbox.load(
        saved(old), env=gymnasium.make("CartPole-v1"), reset=["policy.optimizer", "policy.action_net.*"], device="cpu"
    )
    before, after = tensors(old), tensors(model)
    assert not model.policy.optimizer.state
    assert after[FIRST].equal(before[FIRST])
    assert not after[LAST].equal(before[LAST])
    assert set(model.strongbox_report.reset) == {"policy.optimizer", LAST, LAST.replace("weight", "bias")}
    model.learn(16)


def test_the_moments_of_what_begins_anew_do_so_too() -> None:
    model = strongbox.load(saved(cartpole_agent()), reset=["policy.action_net.*"], device="cpu")
    assert model.policy.action_net.weight not in model.policy.optimizer.state
    assert model.policy.value_net.weight in model.policy.optimizer.state


# -- requests that mean nothing --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (
            {"parameters": ["policy.nothing.*"]},
            "parameters, found 'policy.nothing.*', which matches nothing. There are",
        ),
        ({"parameters": []}, "expected patterns in parameters"),
        ({"parameters": 3}, "name or names in parameters"),
        ({"freeze": ["policy.action_net.wieght"]}, "freeze.*Did you mean policy.action_net.weight"),
        ({"reset": ["policy.optimiser"]}, "reset.*Did you mean policy.optimizer"),
        ({"rename": {"old.*": "new.*"}}, "rename, found 'old.*'"),
        ({"rename": {"policy.*": "new"}}, "as many"),
        ({"rename": ["policy.*"]}, "mapping from names to names"),
        ({"rename": {"policy.action_net.bias": "policy.value_net.bias"}}, "one name for each tensor"),
        ({"rename": {LAST: "policy.other"}}, "no tensor of the name policy.other"),
        ({"on_mismatch": "ignore"}, "'error', 'skip', 'overlap' for on_mismatch"),
        ({"policy_kwargs": {"net_arch": [5]}}, "expected a tensor of"),
        ({"policy_kwargs": {"net_arch": [5]}, "parameters": ["policy.mlp*"]}, "it is of .* and the model's of"),
        ({"into": "model"}, "a model of Stable-Baselines3 in into"),
    ],
)
def test_a_request_that_cannot_be_met_is_an_error(options: dict[str, Any], found: str) -> None:
    with pytest.raises(MismatchError, match=found):
        strongbox.load(saved(make_agent("ppo")), **options)


def test_patterns_and_names() -> None:
    names = ["policy.a.weight", "policy.b.weight", "policy.optimizer"]
    assert list(select(["policy.?.weight"], names, "parameters")) == names[:2]
    assert list(select(["policy.[!b]*"], names, "parameters")) == [names[0], names[2]]
    renamed = rename_tensors(names, {"policy.*.weight": "net.*.w"})
    assert list(renamed.values()) == ["net.a.w", "net.b.w", "policy.optimizer"]


def test_the_report_is_a_table() -> None:
    env = Wider(gymnasium.make("CartPole-v1"))
    model = strongbox.load(saved(cartpole_agent()), env=env, on_mismatch="overlap", gamma=0.5, device="cpu")
    lines = str(model.strongbox_report).splitlines()
    assert "  overridden   gamma" in "\n".join(lines)
    assert "0.99 → 0.5" in "\n".join(lines)
    columns = {line.index("(8, 4)") for line in lines if line.startswith("  cut") and "(8, 4)" in line}
    assert len(columns) == 1
    assert len(lines) == 1 + len(model.strongbox_report.rows())
