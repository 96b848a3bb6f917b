"""Archives whose policy cannot be told, or whose parts do not fit: refused by name, and nothing else ever."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from io import BytesIO
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.errors import FormatError, MismatchError, StrongboxError, UnsupportedError
from strongbox.policies import open_policy
from strongbox.policies.weights import Weights
from strongbox.tensors import StateDict, StorageData, TensorData, plan_pth, read_pth
from strongbox.values import (
    Box,
    ClassReference,
    Dict,
    Discrete,
    MultiBinary,
    MultiDiscrete,
    Normalization,
    Opaque,
    RunningStatistics,
    Text,
    Tuple,
)
from tests.core.policies.agents import (
    ARCHIVES,
    BOX,
    EXAMPLES,
    actor_critic,
    box,
    linear,
    make_agent,
    make_policy,
    mlp,
    nature,
)

SAC = ClassReference("stable_baselines3.sac.policies", "SACPolicy")
DQN = ClassReference("stable_baselines3.dqn.policies", "DQNPolicy")
LSTM = ClassReference("sb3_contrib.common.recurrent.policies", "RecurrentActorCriticPolicy")
CNN = ClassReference("stable_baselines3.common.policies", "ActorCriticCnnPolicy")
MASKABLE = ClassReference("sb3_contrib.common.maskable.policies", "MaskableActorCriticPolicy")
CODE = Opaque(type="class Net of __main__", reason="its code is in the file by value", needs_code=True)


def zeros(*shape: int) -> Any:
    return numpy.zeros(shape, numpy.float32)


CLASSES = (
    (ClassReference("__main__", "MyPolicy"), "__main__.MyPolicy"),
    (ClassReference("stable_baselines3.common.policies", "BasePolicy"), "BasePolicy"),
    (ClassReference("stable_baselines3.common.policies.evil", "ActorCriticPolicy"), "evil"),
    (ClassReference("stable_baselines3xcommon.policies", "ActorCriticPolicy"), "stable_baselines3xcommon"),
    (ClassReference("stable_baselines3.sac.policies", "TD3Policy"), "sac.policies.TD3Policy"),
    (CODE, "class Net of __main__"),
    ("MlpPolicy", "MlpPolicy"),
)


@pytest.mark.parametrize(("policy", "name"), CLASSES, ids=[case[1] for case in CLASSES])
def test_policies_that_are_not_sb3s_own(policy: Any, name: str) -> None:
    with pytest.raises(UnsupportedError) as error:
        make_policy(actor_critic(), policy=policy)
    assert name in error.value.problem
    assert "strongbox.load" in (error.value.hint or "")


SETTINGS = (
    ({"features_extractor_class": ClassReference("__main__", "Extractor")}, "__main__.Extractor"),
    ({"features_extractor_class": ClassReference("my.FlattenExtractor", "FlattenExtractor")}, "my.Flatten"),
    ({"features_extractor_class": CODE}, "policy_kwargs"),
    ({"activation_fn": ClassReference("torch.nn.modules.activation", "MultiheadAttention")}, "MultiheadAttention"),
    (CODE, "class Net of __main__"),
)


@pytest.mark.parametrize(("settings", "name"), SETTINGS, ids=[case[1] for case in SETTINGS])
def test_settings_that_name_a_network_of_someones_own(settings: Any, name: str) -> None:
    with pytest.raises(UnsupportedError) as error:
        make_policy(actor_critic(), settings=settings)
    assert name in error.value.problem
    assert "strongbox.load" in (error.value.hint or "")


NETWORKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("my_layer.weight", {**actor_critic(), "my_layer.weight": zeros(2, 2)}),
    ("mlp_extractor.attention.weight", {**actor_critic(), "mlp_extractor.attention.weight": zeros(2, 2)}),
    ("features_extractor.linear.weight", {**actor_critic(), "features_extractor.linear.weight": zeros(4, 4)}),
    ("1.weight", {**actor_critic(), "mlp_extractor.policy_net.1.weight": zeros(6)}),
    ("net.0.weight", {**actor_critic(), "mlp_extractor.policy_net.net.0.weight": zeros(6, 4)}),
    ("3.bias", {**actor_critic(), **linear("mlp_extractor.policy_net.3", 6, 6)}),
)


@pytest.mark.parametrize(("name", "weights"), NETWORKS, ids=[case[0] for case in NETWORKS])
def test_weights_that_sb3s_networks_do_not_have(name: str, weights: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError) as error:
        make_policy(weights)
    assert name in error.value.problem


def lstm(inputs: int = 4, hidden: int = 3) -> dict[str, Any]:
    shapes = {"weight_ih_l0": (4 * hidden, inputs), "weight_hh_l0": (4 * hidden, hidden), "bias_ih_l0": (4 * hidden,)}
    weights = {f"lstm_actor.{name}": zeros(*shape) for name, shape in shapes.items()}
    return {**weights, "lstm_actor.bias_hh_l0": zeros(4 * hidden), **actor_critic(hidden)}


@pytest.mark.parametrize("name", ["weight_hr_l0", "weight_ih_l0_reverse", "weight_ih_l7"])
def test_recurrent_networks_of_another_kind(name: str) -> None:
    make_policy(lstm(), policy=LSTM)
    with pytest.raises(UnsupportedError, match=name):
        make_policy({**lstm(), f"lstm_actor.{name}": zeros(12, 3)}, policy=LSTM)
    with pytest.raises(UnsupportedError, match="batch_first"):
        make_policy(lstm(), policy=LSTM, settings={"lstm_kwargs": {"batch_first": True}})


REPEATED = TensorData(
    dtype="float32",
    shape=(3, 6),
    strides=(0, 1),
    storage_offset=0,
    storage=StorageData(buffer=bytes(24), dtype="float32"),
)
"""One row that stands for three."""

BROKEN: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("features of shape (4)", actor_critic(), {"observation": box(5)}),
    ("3 logits", actor_critic(outputs=4), {}),
    ("'action_net.weight'", mlp("mlp_extractor.policy_net", 4, 6), {}),
    ("float32, found int64", {**actor_critic(), "action_net.bias": numpy.zeros(3, "int64")}, {}),
    ("a tensor under 'action_net.bias'", {**actor_critic(), "action_net.bias": 3}, {}),
    ("each entry of", {**actor_critic(), "action_net.weight": zeros(0, 6)}, {}),
    ("each entry of", {**actor_critic(), "action_net.weight": REPEATED}, {}),
    ("biases of shape (3)", {**actor_critic(), "action_net.bias": zeros(4)}, {}),
    ("as many numbers as in a value of shape (2)", {**actor_critic(outputs=3), "log_std": zeros(3)}, {"action": BOX}),
    ("a deviation for each action", {**actor_critic(outputs=2), "log_std": zeros(3)}, {"action": BOX}),
    ("a deviation for each action", {**actor_critic(outputs=2), "log_std": zeros(2, 1, 1)}, {"action": BOX}),
    ("noise of actions", {**actor_critic(outputs=2), "log_std": zeros(6, 3)}, {"action": BOX}),
    ("features of shape", {**actor_critic(outputs=2), "log_std": zeros(5, 2)}, {"action": BOX}),
    ("features of shape", {**lstm(), "lstm_actor.weight_ih_l0": zeros(12, 7)}, {"policy": LSTM}),
    ("dimensions", {**lstm(), "lstm_actor.weight_hh_l0": zeros()}, {"policy": LSTM}),
    ("an image of shape", {}, {"policy": CNN}),
    ("a value for each action", mlp("q_net.q_net", 4, 7), {"policy": DQN}),
    ("a number that float32 holds", actor_critic(), {"settings": {"batch_norm_eps": float("nan")}}),
    ("a number that float32 holds", actor_critic(), {"data": {"exploration_rate": 1e300}}),
    ("to be true or false", actor_critic(), {"settings": {"normalize_images": 1}}),
    ("to be a mapping", actor_critic(), {"settings": [1, 2]}),
)


@pytest.mark.parametrize(("message", "weights", "parts"), BROKEN, ids=[case[0] for case in BROKEN])
def test_weights_and_settings_that_do_not_fit(message: str, weights: dict[str, Any], parts: dict[str, Any]) -> None:
    with pytest.raises(FormatError) as error:
        make_policy(weights or nature(64), **parts)
    assert message in str(error.value)


SPACES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"observation": Text(min_length=0, max_length=3, characters="ab")}, "observation space that SB3 takes"),
    ({"observation": Tuple(spaces=(BOX,))}, "observation space that SB3 takes"),
    ({"observation": Dict(spaces={"x": Dict(spaces={"y": BOX})})}, "observation space that SB3 takes"),
    ({"observation": MultiDiscrete(nvec=numpy.ones((2, 2), int))}, "observation space that SB3 takes"),
    ({"observation": CODE}, "class Net of __main__"),
    ({"observation": None}, "data['observation_space']"),
    ({"action": Dict(spaces={"x": BOX})}, "action space that ActorCriticPolicy takes"),
    ({"action": MultiBinary(n=(2, 2))}, "a number of binary actions"),
    ({"action": MultiDiscrete(nvec=numpy.ones((2, 2), int))}, "discrete actions in a row"),
    ({"action": BOX, "policy": MASKABLE}, "action space that MaskableActorCriticPolicy takes"),
    ({"policy": MASKABLE, "action": MultiBinary(n=2**48)}, "discrete actions in a row"),
    ({"policy": SAC}, "action space that SACPolicy takes"),
    ({"observation": Dict(spaces={"x": BOX})}, "one observation for the extractor"),
)


@pytest.mark.parametrize(("parts", "message"), SPACES, ids=[case[1] for case in SPACES])
def test_spaces_that_sb3_does_not_take(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(UnsupportedError) as error:
        make_policy(actor_critic(), **parts)
    assert message in str(error.value)


def test_a_box_of_booleans_is_no_action() -> None:
    space = Box(low=numpy.zeros(2, bool), high=numpy.ones(2, bool), shape=(2,), dtype=numpy.dtype(bool))
    with pytest.raises(UnsupportedError, match="Box of numbers"):
        make_policy({**actor_critic(outputs=2), "log_std": zeros(2)}, action=space)


@pytest.mark.parametrize(
    "observation", [Discrete(n=2**62), MultiDiscrete(nvec=numpy.array([2**62, 2**62])), MultiBinary(n=2**40)]
)
def test_a_space_of_any_size_takes_no_memory(observation: Any) -> None:
    with pytest.raises(FormatError, match="features of shape"):
        make_policy(actor_critic(), observation=observation)


def statistics(**observations: Any) -> Normalization:
    parts = {
        key: RunningStatistics(mean=numpy.zeros(shape), var=numpy.ones(shape), count=1.0)
        for key, shape in observations.items()
    }
    rewards = RunningStatistics(mean=numpy.zeros(()), var=numpy.ones(()), count=1.0)
    return Normalization(
        observations={key.removeprefix("_"): part for key, part in parts.items()},
        rewards=rewards,
        clip_obs=10.0,
        clip_reward=10.0,
        gamma=0.99,
        epsilon=1e-8,
    )


@pytest.mark.parametrize(
    ("observation", "normalization"),
    [
        (box(4), statistics(_=(5,))),
        (box(4), statistics(x=(4,))),
        (Discrete(n=4), statistics(_=())),
        (box(2, 2), statistics(_=(4,))),
    ],
)
def test_statistics_of_other_observations(observation: Any, normalization: Normalization) -> None:
    with pytest.raises(MismatchError, match="statistics"):
        make_policy(actor_critic(), observation=observation, normalization=normalization)


def test_statistics_of_a_goal_are_joined_as_the_observation_was() -> None:
    """HER of SB3 1.0: the dictionary became one row above VecNormalize."""
    parts = {"observation": (2,), "desired_goal": (2,), "achieved_goal": (2,)}
    joined = make_policy(actor_critic(), normalization=statistics(**parts))
    plain = make_policy(actor_critic(), normalization=statistics(_=(4,)))
    observation = numpy.arange(8.0).reshape(2, 4)
    assert joined.spec.normalized == ("",)
    numpy.testing.assert_array_equal(joined.predict(observation)[0], plain.predict(observation)[0])


def test_weights_keep_what_they_read_and_count_it() -> None:
    tree = {
        "_orig_mod.a.weight": zeros(3, 4),
        "a._orig_mod.bias": zeros(3),
        "half": numpy.ones(2, "float16"),
        7: zeros(9),
    }
    weights = Weights(StateDict(tree_of(tree)))
    assert weights.under("a.") == ["weight", "bias"]
    assert weights.shape("a.weight") == (3, 4)
    assert weights.count == 0
    assert weights.read("half").dtype == numpy.float32
    assert weights.read("a.weight") is weights.read("a.weight")
    assert not weights.read("a.weight").flags.writeable
    assert weights.read_if_present("b") is None
    assert (weights.count, weights.nbytes) == (14, 56)
    with pytest.raises(FormatError, match="'b', found none"):
        weights.read("b")


def tree_of(tree: dict[Any, Any]) -> Any:
    return read_pth(plan_pth(tree).to_bytes())


PLAIN = (ARCHIVES / "recurrent-ppo.zip").read_bytes()
with zipfile.ZipFile(BytesIO(PLAIN)) as _archive:
    MEMBERS = {name: _archive.read(name) for name in ("data", "policy.pth")}


@given(st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), min_size=1, max_size=4), st.booleans())
@EXAMPLES
def test_damage_of_any_kind_gives_an_action_or_an_error_of_ours(places: list[tuple[int, int]], in_data: bool) -> None:
    members = dict(MEMBERS)
    name = "data" if in_data else "policy.pth"
    content = bytearray(members[name])
    for place, change in places:
        content[place % len(content)] ^= change
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for member, part in {**members, name: bytes(content)}.items():
            archive.writestr(member, part)
    with suppress(StrongboxError), numpy.errstate(all="ignore"):
        open_policy(file.getvalue()).predict(numpy.zeros(4))


KEYS = st.sampled_from([*sorted(actor_critic()), "log_std", "lstm_actor.weight_ih_l0", "q_net.q_net.0.weight", "x"])
SHAPES = st.lists(st.integers(0, 6), max_size=4).map(tuple)
POLICIES = st.sampled_from([None, SAC, DQN, LSTM, CNN, MASKABLE])


@given(st.dictionaries(KEYS, SHAPES, max_size=5), st.sets(KEYS, max_size=2), POLICIES, st.sampled_from([None, BOX]))
@EXAMPLES
def test_weights_of_any_shape_give_a_policy_or_an_error_of_ours(
    changed: dict[str, tuple[int, ...]], removed: set[str], policy: Any, action: Any
) -> None:
    weights = {**actor_critic(), **{name: zeros(*shape) for name, shape in changed.items()}}
    weights = {name: array for name, array in weights.items() if name not in removed}
    parts = {} if policy is None else {"policy": policy}
    with suppress(StrongboxError):
        open_policy(make_agent(weights, action=action, **parts)).predict(numpy.zeros(4))


def test_networks_of_jax_are_told_from_none() -> None:
    with pytest.raises(UnsupportedError, match="found ones of JAX"):
        open_policy(ARCHIVES.parent / "sbx" / "dqn.zip")
