"""The same actions as SB3's ``predict``, for every kind of agent: one, batches, sequences, masks."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch
from gymnasium import spaces

from tests.live.policies.agents import agent_of, names, observations, rows
from tests.live.policies.comparisons import assert_same, assert_same_state, masks_for

COUNT = 16


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", names())
def test_a_batch(name: str) -> None:
    agent, policy = agent_of(name)
    batch = observations(agent, COUNT)
    action, state = policy.predict(batch)
    expected, expected_state = agent.predict(batch, deterministic=True)
    assert_same(action, expected)
    assert_same_state(state, expected_state)


@pytest.mark.parametrize("name", names())
def test_one_at_a_time(name: str) -> None:
    """The first call makes the arrays, the others use them again."""
    agent, policy = agent_of(name)
    for observation in rows(observations(agent, 4, seed=2)):
        action, state = policy.predict(observation)
        expected, expected_state = agent.predict(observation, deterministic=True)
        assert_same(action, expected)
        assert_same_state(state, expected_state)


def test_the_agents_do_not_all_act_alike() -> None:
    constant = []
    for name in names():
        agent, _ = agent_of(name)
        actions, _ = agent.predict(observations(agent, COUNT), deterministic=True)
        if (actions == actions[0]).all():
            constant.append(name)
    assert constant == []


@pytest.mark.parametrize("name", names("recurrent"))
def test_sequences_with_episode_starts(name: str) -> None:
    agent, policy = agent_of(name)
    starts = numpy.random.default_rng(3).random((8, 3)) < 0.3
    starts[0] = True
    ours = theirs = None
    for step, start in enumerate(starts):
        batch = observations(agent, 3, seed=10 + step)
        action, ours = policy.predict(batch, ours, start)
        expected, theirs = agent.predict(batch, theirs, start, deterministic=True)
        assert_same(action, expected)
        assert_same_state(ours, theirs)


@pytest.mark.parametrize("name", names("recurrent"))
def test_whole_sequences_at_once(name: str) -> None:
    """SB3 takes n states and n * k observations for n sequences of k steps."""
    agent, policy = agent_of(name)
    _, state = agent.predict(observations(agent, 2), deterministic=True)
    batch = observations(agent, 10, seed=4)
    starts = numpy.arange(10) % 4 == 2
    action, ours = policy.predict(batch, state, starts)
    expected, theirs = agent.predict(batch, state, starts, deterministic=True)
    assert_same(action, expected)
    assert_same_state(ours, theirs)


@pytest.mark.parametrize("name", names("recurrent"))
def test_one_sequence_without_a_batch(name: str) -> None:
    agent, policy = agent_of(name)
    ours = theirs = None
    for step, observation in enumerate(rows(observations(agent, 6, seed=5))):
        start = numpy.array([step in (0, 3)])
        action, ours = policy.predict(observation, ours, start)
        expected, theirs = agent.predict(observation, theirs, start, deterministic=True)
        assert_same(action, expected)
        assert_same_state(ours, theirs)


@pytest.mark.parametrize("name", names("maskable"))
def test_masks(name: str) -> None:
    agent, policy = agent_of(name)
    batch: Any = observations(agent, COUNT)
    masks = masks_for(policy, COUNT)
    predict: Any = agent.predict
    expected, _ = predict(batch, deterministic=True, action_masks=masks)
    assert_same(policy.predict(batch, action_masks=masks)[0], expected)
    for observation, mask in zip(rows(batch), masks, strict=True):
        expected, _ = predict(observation, deterministic=True, action_masks=mask)
        assert_same(policy.predict(observation, action_masks=mask)[0], expected)
    nothing = numpy.zeros_like(masks)
    expected, _ = predict(batch, deterministic=True, action_masks=nothing)
    assert_same(policy.predict(batch, action_masks=nothing)[0], expected)


def test_images_with_their_channels_last() -> None:
    agent, policy = agent_of("ppo-Cnn-image-discrete")
    batch = observations(agent, COUNT)
    turned = batch.transpose(0, 2, 3, 1)
    assert isinstance(agent.observation_space, spaces.Box)
    assert agent.observation_space.shape == (3, 36, 40)
    assert_same(policy.predict(turned)[0], agent.predict(turned, deterministic=True)[0])
    assert_same(policy.predict(turned[0])[0], agent.predict(turned[0], deterministic=True)[0])


@pytest.mark.parametrize(
    ("name", "observation"),
    [
        ("ppo-Mlp-vector-discrete", [0.5, -1, 2, 0, 1]),
        ("ppo-Mlp-vector-discrete", numpy.arange(5)),
        ("ppo-Mlp-vector-discrete", numpy.arange(10, dtype=">f8").reshape(2, 5)),
        ("ppo-Mlp-vector-discrete", numpy.ones((5, 3), numpy.float16).T),
        ("ppo-Mlp-vector-box", numpy.zeros((0, 5), numpy.float32)),
        ("ppo-Mlp-vector-discrete", numpy.ones((1, 5), bool)),
        ("a2c-Mlp-discrete-one", 3),
        ("a2c-Mlp-discrete-one", numpy.int8(3)),
        ("a2c-Mlp-discrete-one", numpy.array(2.7)),
        ("a2c-Mlp-discrete-one", [1, 2]),
        ("a2c-Mlp-multi_discrete-multi_discrete", [1, 3, 0]),
        ("a2c-Mlp-multi_binary-discrete", numpy.ones((4, 6), bool)),
    ],
)
def test_whatever_else_sb3_takes_for_an_observation(name: str, observation: Any) -> None:
    agent, policy = agent_of(name)
    native = numpy.asarray(observation)
    expected, _ = agent.predict(native.astype(native.dtype.newbyteorder("=")), deterministic=True)
    assert_same(policy.predict(observation)[0], expected)


def test_many_rows_run_in_parts() -> None:
    agent, policy = agent_of("ppo-Cnn-image-box-separate")
    batch = observations(agent, 70)
    assert_same(policy.predict(batch)[0], agent.predict(batch, deterministic=True)[0])
    agent, policy = agent_of("recurrent-MlpLstm-vector-box-two_layers")
    batch = observations(agent, 9000)
    action, ours = policy.predict(batch)
    expected, theirs = agent.predict(batch, deterministic=True)
    assert_same(action, expected)
    assert_same_state(ours, theirs)
