"""A policy's methods: what they take, what they give back, what they say where something does not fit."""

from __future__ import annotations

import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy
import pytest

from strongbox.errors import MismatchError, UnsupportedError
from strongbox.policies import Categories, Gaussian, Policy, open_policy
from strongbox.policies.layers import Linear
from strongbox.values import Box, ClassReference, Discrete, MultiDiscrete
from tests.core.policies.agents import ARCHIVES, BOX, VECTOR, actor_critic, box, linear, make_policy, mlp, nature

GENERATOR = numpy.random.default_rng(0)


def zeros(*shape: int) -> Any:
    return numpy.zeros(shape, numpy.float32)


def small(name: str) -> Policy:
    return open_policy(ARCHIVES / f"{name}.zip")


CNN = ClassReference("stable_baselines3.common.policies", "ActorCriticCnnPolicy")
DISCRETE = make_policy(actor_critic())
CONTINUOUS = make_policy({**actor_critic(outputs=2), "log_std": zeros(2)}, action=BOX)
RECURRENT, MASKED, Q_NETWORK = small("recurrent-ppo"), small("maskable-ppo"), small("dqn")
BATCH = GENERATOR.standard_normal((5, 4)).astype(numpy.float32)


@pytest.mark.parametrize("policy", [DISCRETE, CONTINUOUS, Q_NETWORK], ids=["discrete", "continuous", "q network"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "uint64", "bool", ">f4", ">f8"])
def test_numbers_of_any_type_one_or_a_batch(policy: Policy, dtype: str) -> None:
    batch = (BATCH * 3).astype(dtype)
    expected, _ = policy.predict(batch.astype("float32"))
    numpy.testing.assert_allclose(policy.predict(batch)[0], expected, rtol=1e-6)
    for _ in range(2):
        numpy.testing.assert_allclose(policy.predict(batch[1])[0], expected[1], rtol=1e-5, atol=1e-6)
    numpy.testing.assert_allclose(policy.predict(batch[1].tolist())[0], expected[1], rtol=1e-5, atol=1e-6)


def test_arrays_in_any_order_of_memory() -> None:
    expected, _ = CONTINUOUS.predict(BATCH)
    numpy.testing.assert_array_equal(CONTINUOUS.predict(numpy.asfortranarray(BATCH))[0], expected)
    numpy.testing.assert_array_equal(CONTINUOUS.predict(numpy.repeat(BATCH, 2, axis=1)[:, ::2])[0], expected)
    one, _ = CONTINUOUS.predict(BATCH[0])
    numpy.testing.assert_array_equal(CONTINUOUS.predict(numpy.repeat(BATCH[0], 3)[::3])[0], one)


def test_the_types_of_actions_are_those_of_sb3() -> None:
    single, _ = DISCRETE.predict(BATCH[0])
    assert isinstance(single, numpy.ndarray)
    assert (single.shape, single.dtype.name) == ((), "int64")
    assert DISCRETE.predict(BATCH)[0].shape == (5,)
    action, _ = CONTINUOUS.predict(BATCH[0])
    assert (action.shape, action.dtype.name) == ((2,), "float32")
    low, high = numpy.full(2, -1.0), numpy.full(2, 1.0)
    wide = Box(low=low, high=high, shape=(2,), dtype=numpy.dtype("float64"))
    assert (
        make_policy({**actor_critic(outputs=2), "log_std": zeros(2)}, action=wide).predict(BATCH[0])[0].dtype == float
    )


def test_actions_are_the_callers_own() -> None:
    first, _ = CONTINUOUS.predict(BATCH[0])
    kept = first.copy()
    first[...] = 7
    second, _ = CONTINUOUS.predict(BATCH[0])
    CONTINUOUS.predict(BATCH[1])
    numpy.testing.assert_array_equal(second, kept)


def test_an_observation_is_left_as_it_was() -> None:
    normalized = open_policy(
        ARCHIVES / "ppo-gsde-normalized.zip", normalize=ARCHIVES / "ppo-gsde-normalized.vecnormalize.pkl"
    )
    for policy, width in ((DISCRETE, 4), (normalized, 3)):
        batch = BATCH[:, :width].astype(float)
        kept = batch.copy()
        policy.predict(batch)
        policy.predict(batch[0])
        policy.predict(batch, deterministic=False)
        numpy.testing.assert_array_equal(batch, kept)


def test_a_state_that_does_not_matter_is_handed_back() -> None:
    state = (zeros(1), zeros(1))
    for observation in (BATCH[0], BATCH):
        for deterministic in (True, False):
            for _ in range(2):
                assert DISCRETE.predict(observation, state, deterministic=deterministic)[1] is state


def test_a_recurrent_state_goes_round() -> None:
    _, first = RECURRENT.predict(BATCH[0])
    assert first is not None
    assert [part.shape for part in first] == [(1, 1, 4)] * 2
    kept = [part.copy() for part in first]
    _, second = RECURRENT.predict(BATCH[0], first)
    assert second is not None
    for part, old, new in zip(first, kept, second, strict=True):
        numpy.testing.assert_array_equal(part, old)
        assert (part != new).any()
    _, again = RECURRENT.predict(BATCH[0], second, [True])
    assert again is not None
    numpy.testing.assert_array_equal(again[0], kept[0])


@pytest.mark.parametrize(
    ("state", "start", "message"),
    [
        (zeros(1, 1, 4), None, "state of two arrays"),
        ((zeros(1, 5, 4),), None, "state of two arrays"),
        ((zeros(1, 5, 4), zeros(1, 5, 3)), None, r"state of shape \(1, 5, 4\)"),
        ((zeros(5, 4), zeros(5, 4)), None, "state of shape"),
        ((zeros(2, 5, 4), zeros(2, 5, 4)), None, "state of shape"),
        ((zeros(1, 2, 4), zeros(1, 2, 4)), None, "state of shape"),
        ((zeros(1, 0, 4), zeros(1, 0, 4)), None, "state of shape"),
        ((zeros(1, 5, 4), zeros(1, 1, 4)), None, "state of shape"),
        ((zeros(1, 5, 4).astype(str), zeros(1, 5, 4)), None, "state of shape"),
        (None, [True], r"episode_start of shape \(5,\)"),
        (None, ["a"] * 5, "episode_start"),
    ],
)
def test_states_that_do_not_fit(state: Any, start: Any, message: str) -> None:
    with pytest.raises(MismatchError, match=message):
        RECURRENT.predict(BATCH, state, start)


def test_masks_that_do_not_fit() -> None:
    with pytest.raises(MismatchError, match=r"action masks of shape \(2, 6\)"):
        MASKED.predict([0, 1], action_masks=numpy.ones(6))
    with pytest.raises(MismatchError, match="action masks"):
        MASKED.predict([0, 1], action_masks=["a"] * 12)
    with pytest.raises(MismatchError, match="expected no action masks"):
        DISCRETE.predict(BATCH, action_masks=numpy.ones((5, 3)))
    with pytest.raises(MismatchError, match="expected no action masks"):
        DISCRETE.distribution(BATCH, action_masks=numpy.ones((5, 3)))


def test_masks_of_any_shape_and_type_with_the_right_number() -> None:
    masks = numpy.eye(6, dtype=bool)[[3, 1]]
    for given in (masks, masks.astype(int), masks.reshape(-1), masks.tolist(), list(masks)):
        numpy.testing.assert_array_equal(MASKED.predict([0, 1], action_masks=given)[0], [3, 1])
        numpy.testing.assert_array_equal(MASKED.predict([0, 1], deterministic=False, action_masks=given)[0], [3, 1])


def test_the_same_generator_draws_the_same_actions() -> None:
    for policy in (DISCRETE, CONTINUOUS, small("sac"), small("tqc")):
        shape = (6, *policy.spec.observation_space.shape)  # type: ignore[attr-defined]
        batch = GENERATOR.standard_normal(shape)
        drawn = [policy.predict(batch, deterministic=False, generator=numpy.random.default_rng(3))[0] for _ in range(2)]
        numpy.testing.assert_array_equal(drawn[0], drawn[1])
        others = [policy.predict(batch, deterministic=False)[0] for _ in range(8)]
        assert any((other != drawn[0]).any() for other in others)


def test_drawn_actions_keep_to_the_bounds() -> None:
    noisy = make_policy({**actor_critic(outputs=2), "log_std": zeros(2) + 3}, action=BOX)
    drawn, _ = noisy.predict(numpy.tile(BATCH, (50, 1)), deterministic=False)
    assert numpy.abs(drawn).max() == 1
    assert drawn.dtype == numpy.float32


def test_epsilon_of_one_and_of_zero() -> None:
    policy = ClassReference("stable_baselines3.dqn.policies", "DQNPolicy")
    weights = mlp("q_net.q_net", 4, 6) | linear("q_net.q_net.2", 6, 3)
    space = Discrete(n=3, start=10)
    always = make_policy(weights, policy=policy, action=space, data={"exploration_rate": 1.0})
    drawn, _ = always.predict(numpy.tile(BATCH, (40, 1)), deterministic=False)
    assert set(drawn.tolist()) == {10, 11, 12}
    assert drawn.dtype == numpy.int64
    single, _ = always.predict(BATCH[0], deterministic=False)
    assert type(single) is numpy.ndarray
    assert (single.shape, single.dtype.name) == ((), "int64")
    never = make_policy(weights, policy=policy, action=space)
    assert not never.spec.stochastic
    numpy.testing.assert_array_equal(never.predict(BATCH, deterministic=False)[0], never.predict(BATCH)[0])


def test_what_a_policy_does_not_have_is_said() -> None:
    td3 = small("td3")
    with pytest.raises(UnsupportedError, match="TD3Policy, which has none"):
        td3.distribution(zeros(3))
    with pytest.raises(UnsupportedError, match="no value of a state"):
        td3.value(zeros(3))
    with pytest.raises(MismatchError, match="the action to be judged"):
        td3.q_values(zeros(3))
    with pytest.raises(UnsupportedError, match="policy with critics"):
        DISCRETE.q_values(zeros(4), 1)
    with pytest.raises(UnsupportedError, match="no value of a state"):
        Q_NETWORK.value(zeros(4))
    with pytest.raises(UnsupportedError, match="DQNPolicy, which has none"):
        Q_NETWORK.distribution(zeros(4))
    td3.reset_noise()


def test_shapes_of_values_and_opinions() -> None:
    assert DISCRETE.value(BATCH).shape == (5,)
    assert DISCRETE.value(BATCH[0]).shape == ()
    assert Q_NETWORK.q_values(BATCH).shape == (5, 2)
    assert Q_NETWORK.q_values(BATCH[0]).shape == (2,)
    td3 = small("td3")
    assert td3.q_values(BATCH[:, :3], zeros(5, 1)).shape == (5, 2)
    assert td3.q_values(BATCH[0, :3], [0.5]).shape == (2,)
    for observation, actions, shape in ((BATCH, zeros(5, 2), (5,)), (BATCH[0], zeros(2), ())):
        for part in CONTINUOUS.evaluate(observation, actions):
            assert part is not None
            assert part.shape == shape
    assert isinstance(CONTINUOUS.distribution(BATCH), Gaussian)
    assert isinstance(DISCRETE.distribution(BATCH[0]), Categories)


@pytest.mark.parametrize("actions", [zeros(4), zeros(5, 3), [["a"] * 2] * 5, None])
def test_actions_that_do_not_fit(actions: Any) -> None:
    with pytest.raises(MismatchError, match=r"actions of shape \(5, 2\)"):
        CONTINUOUS.evaluate(BATCH, actions)


def test_actions_of_several_parts() -> None:
    policy = make_policy(actor_critic(outputs=5), action=MultiDiscrete(nvec=numpy.array([3, 2])))
    action, _ = policy.predict(BATCH)
    assert action.shape == (5, 2)
    found = policy.evaluate(BATCH, action)
    numpy.testing.assert_allclose(found.log_prob, policy.distribution(BATCH).log_prob(action))
    with pytest.raises(MismatchError, match=r"actions of shape \(5, 2\)"):
        policy.evaluate(BATCH, action[:, 0])


def test_the_graph_is_all_that_acting_does() -> None:
    names = [item.name for item in RECURRENT.graph.inputs]
    assert names == ["observation", "hidden", "cell", "episode_start"]
    assert set(RECURRENT.graph.outputs) == {"logits", "action", "next_hidden", "next_cell"}
    assert set(CONTINUOUS.graph.outputs) == {"mean", "deviation", "action"}
    assert [item.optional for item in MASKED.graph.inputs] == [False, True]
    linears = [node.layer for node in DISCRETE.graph.nodes if isinstance(node.layer, Linear)]
    assert [layer.weight.shape for layer in linears] == [(6, 4), (3, 6)]


def test_layers_that_both_sides_share() -> None:
    """SB3 before 1.8: net_arch=[5, dict(pi=[6], vf=[6])]."""
    weights = {**actor_critic(inputs=5), **mlp("mlp_extractor.shared_net", 4, 5)}
    policy = make_policy(weights)
    expected = numpy.tanh(
        BATCH @ weights["mlp_extractor.shared_net.0.weight"].T + weights["mlp_extractor.shared_net.0.bias"]
    )
    above = make_policy(
        actor_critic(inputs=5),
        observation=Box(
            low=numpy.full(5, -1, "float32"), high=numpy.full(5, 1, "float32"), shape=(5,), dtype=numpy.dtype("float32")
        ),
    )
    numpy.testing.assert_array_equal(policy.predict(BATCH)[0], above.predict(expected)[0])
    numpy.testing.assert_allclose(policy.value(BATCH), above.value(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [4, 6])
def test_features_of_noise_from_a_network_of_their_own(rows: int) -> None:
    """SB3 before 1.7: sde_net_arch, where [] stands for the observation itself."""
    weights = {**actor_critic(outputs=2), "log_std": zeros(rows, 2)}
    plain = make_policy(weights, action=BOX)
    features = plain.graph.values[plain.graph.outputs["noise_features"]]
    assert features.shape == (rows,)
    own = {**weights, **mlp("sde_features_extractor", 4, rows)}
    policy = make_policy(own, action=BOX)
    source = policy.graph.outputs["noise_features"]
    assert source.startswith("sde_features_extractor")
    numpy.testing.assert_allclose(policy.predict(BATCH)[0], plain.predict(BATCH)[0], rtol=1e-6)
    assert policy.predict(BATCH, deterministic=False)[0].shape == (5, 2)


def test_weights_that_torch_compiled() -> None:
    weights = {f"_orig_mod.{name}": array for name, array in actor_critic().items()}
    numpy.testing.assert_array_equal(make_policy(weights).predict(BATCH)[0], DISCRETE.predict(BATCH)[0])


def test_no_observations_give_no_actions() -> None:
    for policy in (DISCRETE, CONTINUOUS, Q_NETWORK):
        assert policy.predict(zeros(0, 4))[0].shape == (0, *policy.predict(BATCH)[0].shape[1:])
    action, state = RECURRENT.predict(zeros(0, 4))
    assert state is not None
    assert (action.shape, state[0].shape) == ((0,), (1, 0, 4))


def peak_of(policy: Policy, observation: Any) -> int:
    """The most bytes that are held at once during one action, above what is held before."""
    for _ in range(3):
        policy.predict(observation)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    policy.predict(observation)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak - before


def test_acting_allocates_its_outputs_and_next_to_nothing_else() -> None:
    """What lies between the layers takes 100 kB and more here; numpy's own buffer for adding a row takes 33 kB."""
    wide = make_policy({**actor_critic(hidden=4000, outputs=2), "log_std": zeros(2)}, action=BOX)
    assert peak_of(wide, BATCH[0]) < 2_000
    assert peak_of(wide, numpy.tile(BATCH, (20, 1))) < 50_000
    pictures = make_policy(nature(), policy=CNN, observation=box(3, 44, 44, low=0, high=255, dtype="uint8"))
    assert peak_of(pictures, numpy.zeros((3, 44, 44), numpy.uint8)) < 50_000
    assert peak_of(pictures, numpy.zeros((20, 3, 44, 44), numpy.uint8)) < 50_000


AGENTS = ("ppo", "sac", "recurrent-ppo", "ppo-dict", "qrdqn")


@pytest.mark.parametrize("name", AGENTS)
def test_several_threads_use_one_policy(name: str) -> None:
    """Each with an observation of its own, single and batched in turn; all meet before every action."""
    policy, threads, turns = small(name), 4, 60
    shape = VECTOR.shape
    if name == "ppo-dict":
        observations: list[Any] = [{"vec": GENERATOR.random(5)} for _ in range(threads)]
    else:
        shape = policy.spec.observation_space.shape  # type: ignore[attr-defined]
        observations = list(GENERATOR.standard_normal((threads, *shape)))
    expected = [policy.predict(observation)[0] for observation in observations]
    barrier = threading.Barrier(threads)

    def act(number: int) -> bool:
        one = observations[number]
        batch = {"vec": one["vec"][None]} if isinstance(one, dict) else one[None]
        barrier.wait()
        right = True
        for _ in range(turns):
            right &= numpy.allclose(policy.predict(one)[0], expected[number], rtol=1e-5, atol=1e-6)
            right &= numpy.allclose(policy.predict(batch)[0][0], expected[number], rtol=1e-5, atol=1e-6)
        return bool(right)

    with ThreadPoolExecutor(threads) as pool:
        assert all(pool.map(act, range(threads)))


def test_two_policies_in_two_threads() -> None:
    policies = [small("ppo"), small("a2c")]
    expected = [policy.predict(BATCH)[0] for policy in policies]

    def act(number: int) -> bool:
        return all((policies[number].predict(BATCH)[0] == expected[number]).all() for _ in range(200))

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(act, range(2)))
