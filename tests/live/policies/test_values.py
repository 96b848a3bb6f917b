"""The same values, Q-values and opinions of actions as SB3's networks."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch
from sb3_contrib.common.recurrent.type_aliases import RNNStates

from tests.live.policies.agents import agent_of, names, observations, rows
from tests.live.policies.comparisons import assert_close, masks_for

COUNT = 10


def tensors(agent: Any, batch: Any) -> Any:
    return agent.policy.obs_to_tensor(batch)[0]


@pytest.mark.parametrize("name", names("ppo", "a2c", "trpo", "maskable"))
def test_values(name: str) -> None:
    agent, policy = agent_of(name)
    batch = observations(agent, COUNT)
    network: Any = agent.policy
    with torch.no_grad():
        expected = network.predict_values(tensors(agent, batch)).numpy()[:, 0]
    found = policy.value(batch)
    assert_close(found, expected)
    assert found.dtype == numpy.float32
    one = policy.value(rows(batch)[3])
    assert one.shape == ()
    assert_close(one, expected[3])


@pytest.mark.parametrize("name", names("recurrent"))
def test_values_of_sequences(name: str) -> None:
    agent, policy = agent_of(name)
    network: Any = agent.policy
    batch = observations(agent, COUNT)
    generator = numpy.random.default_rng(1)
    shape = (network.lstm_actor.num_layers, 2, network.lstm_actor.hidden_size)
    state = tuple(generator.standard_normal(shape).astype(numpy.float32) for _ in range(2))
    starts = generator.random(COUNT) < 0.3
    given = tuple(torch.from_numpy(part) for part in state)
    with torch.no_grad():
        expected = network.predict_values(tensors(agent, batch), given, torch.as_tensor(starts, dtype=torch.float32))
    feed_forward = network.critic is not None
    found = policy.value(batch, None if feed_forward else state, starts)
    assert_close(found, expected.numpy()[:, 0])


@pytest.mark.parametrize("name", names("ppo", "a2c", "trpo", "maskable"))
def test_opinions_of_actions(name: str) -> None:
    agent, policy = agent_of(name)
    network: Any = agent.policy
    batch = observations(agent, COUNT)
    actions = policy.distribution(batch).sample(numpy.random.default_rng(2))
    masks = masks_for(policy, COUNT) if policy.spec.masked else None
    more = () if masks is None else (torch.from_numpy(masks),)
    with torch.no_grad():
        expected = network.evaluate_actions(tensors(agent, batch), torch.as_tensor(actions), *more)
    found = policy.evaluate(batch, actions, action_masks=masks)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert_close(ours, theirs.numpy().reshape(ours.shape))


@pytest.mark.parametrize("name", names("recurrent"))
def test_opinions_of_actions_in_sequences(name: str) -> None:
    agent, policy = agent_of(name)
    network: Any = agent.policy
    batch = observations(agent, COUNT)
    actions = policy.distribution(batch).sample(numpy.random.default_rng(3))
    shape = (network.lstm_actor.num_layers, 2, network.lstm_actor.hidden_size)
    generator = numpy.random.default_rng(4)
    states = [tuple(generator.standard_normal(shape).astype(numpy.float32) for _ in range(2)) for _ in range(2)]
    starts = generator.random(COUNT) < 0.3
    given = RNNStates(*(tuple(torch.from_numpy(part) for part in state) for state in states))
    if network.shared_lstm:
        states[1] = states[0]
    with torch.no_grad():
        expected = network.evaluate_actions(
            tensors(agent, batch), torch.as_tensor(actions), given, torch.as_tensor(starts, dtype=torch.float32)
        )
    found = policy.evaluate(batch, actions, (states[0], states[1]), starts)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours is not None
        assert_close(ours, theirs.numpy().reshape(ours.shape))


@pytest.mark.parametrize("name", names("dqn", "qrdqn"))
def test_q_values(name: str) -> None:
    agent, policy = agent_of(name)
    network: Any = agent.policy
    batch = observations(agent, COUNT)
    with torch.no_grad():
        if hasattr(network, "q_net"):
            expected = network.q_net(tensors(agent, batch))
        else:
            expected = network.quantile_net(tensors(agent, batch)).mean(dim=1)
    assert_close(policy.q_values(batch), expected.numpy())
    assert_close(policy.q_values(rows(batch)[0]), expected.numpy()[0])


@pytest.mark.parametrize("name", names("sac", "tqc", "crossq", "td3", "ddpg"))
def test_what_critics_think_of_actions(name: str) -> None:
    agent, policy = agent_of(name)
    network: Any = agent.policy
    batch = observations(agent, COUNT)
    actions, _ = policy.predict(observations(agent, COUNT, seed=9))
    scaled = torch.as_tensor(network.scale_action(actions).reshape(COUNT, -1), dtype=torch.float32)
    with torch.no_grad():
        estimates = network.critic(tensors(agent, batch), scaled)
    if isinstance(estimates, tuple):
        expected = torch.cat(estimates, dim=1).numpy()
    else:
        expected = estimates.mean(dim=2).numpy()
    found = policy.q_values(batch, actions)
    assert_close(found, expected)
    assert_close(policy.q_values(rows(batch)[2], actions[2]), expected[2])
