"""The same distributions as SB3's: their numbers exactly, what is drawn from them by statistics."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from strongbox.policies import Binary, Categories, Gaussian, Policy
from tests.live.policies.agents import agent_of, names, observations
from tests.live.policies.comparisons import assert_close, masks_for

COUNT = 12
ON_POLICY = names("ppo", "a2c", "trpo", "maskable")
SQUASHED = names("sac", "tqc", "crossq")


def sb3_distribution(agent: BaseAlgorithm, batch: Any, masks: Any = None) -> Any:
    """What SB3 itself makes of a batch, and its actions' parts."""
    policy: Any = agent.policy
    tensors, _ = policy.obs_to_tensor(batch)
    with torch.no_grad():
        if hasattr(policy, "actor"):
            mean, log_std, more = policy.actor.get_action_dist_params(tensors)
            return policy.actor.action_dist.proba_distribution(mean, log_std, **more)
        if hasattr(policy, "lstm_actor"):
            state = [torch.zeros(policy.lstm_actor.num_layers, COUNT, policy.lstm_actor.hidden_size)] * 2
            return policy.get_distribution(tensors, tuple(state), torch.zeros(COUNT))[0]
        return policy.get_distribution(tensors) if masks is None else policy.get_distribution(tensors, masks)


def log_prob(distribution: Any, actions: Any) -> Any:
    with torch.no_grad():
        return distribution.log_prob(torch.as_tensor(actions)).numpy()


def entropy(distribution: Any) -> Any:
    with torch.no_grad():
        found = distribution.entropy()
    return None if found is None else found.numpy()


def probabilities(distribution: Any) -> Any:
    parts = getattr(distribution, "distributions", None) or distribution.distribution
    parts = parts if isinstance(parts, list) else [parts]
    return torch.cat([part.probs for part in parts], dim=1).numpy()


@pytest.mark.parametrize("name", [*ON_POLICY, *SQUASHED, *names("recurrent")])
def test_the_numbers(name: str) -> None:
    agent, policy = agent_of(name)
    batch = observations(agent, COUNT)
    theirs, ours = sb3_distribution(agent, batch), policy.distribution(batch)
    if isinstance(ours, Gaussian):
        assert_close(ours.mean, theirs.distribution.mean.numpy())
        assert_close(ours.deviation, theirs.distribution.stddev.numpy())
    else:
        assert_close(ours.probabilities, probabilities(theirs))
    assert_judges_alike(ours, theirs)


@pytest.mark.parametrize("name", names("maskable"))
def test_the_numbers_under_masks(name: str) -> None:
    agent, policy = agent_of(name)
    batch, masks = observations(agent, COUNT), masks_for(policy, COUNT)
    theirs, ours = sb3_distribution(agent, batch, masks), policy.distribution(batch, action_masks=masks)
    assert isinstance(ours, Categories)
    assert_close(ours.probabilities, probabilities(theirs))
    assert (ours.probabilities[~masks] == 0).all()
    assert_judges_alike(ours, theirs)


def assert_judges_alike(ours: Gaussian | Categories | Binary, theirs: Any) -> None:
    """The same mode, and the same opinion of actions, SB3's and ours."""
    assert_close(ours.mode(), theirs.mode().numpy())
    torch.manual_seed(0)
    with torch.no_grad():
        drawn = theirs.sample().numpy()
    assert_close(ours.log_prob(drawn), log_prob(theirs, drawn))
    expected = entropy(theirs)
    found = ours.entropy()
    assert (found is None) == (expected is None)
    if found is not None:
        assert_close(found, expected)
    own = ours.sample(numpy.random.default_rng(1))
    assert own.dtype == drawn.dtype
    assert own.shape == drawn.shape
    assert_close(ours.log_prob(own), log_prob(theirs, own))


@pytest.mark.parametrize("name", ["ppo-Mlp-vector-discrete", "sac-Mlp-vector-box", "ppo-Mlp-vector-multi_binary"])
def test_one_observation_is_a_row_of_a_batch(name: str) -> None:
    agent, policy = agent_of(name)
    batch: Any = observations(agent, 3)
    many, one = policy.distribution(batch), policy.distribution(batch[1])
    assert_close(one.mode(), many.mode()[1])
    actions = many.sample(numpy.random.default_rng(2))
    assert_close(one.log_prob(actions[1]), many.log_prob(actions)[1])
    assert one.sample(numpy.random.default_rng(3), size=5).shape == (5, *actions.shape[1:])


# -- what is drawn: 20,000 actions for one observation, with a fixed seed ---------------------------

DRAWN = 20_000
CHI_SQUARE = {3: 16.3, 7: 24.3, 23: 49.7}
"""The 0.999 quantiles of the chi-square distribution, by degrees of freedom."""


def draw_actions(agent: BaseAlgorithm, policy: Policy, seed: int = 5) -> tuple[Any, Any]:
    """One observation, and many actions that ``predict`` draws for it."""
    batch = repeated(agent, DRAWN)
    actions, _ = policy.predict(batch, deterministic=False, generator=numpy.random.default_rng(seed))
    return repeated(agent, 1), actions


def repeated(agent: BaseAlgorithm, count: int) -> Any:
    one = observations(agent, 1, seed=7)
    if isinstance(one, dict):
        return {key: numpy.repeat(part, count, axis=0) for key, part in one.items()}
    return numpy.repeat(one, count, axis=0)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("ppo-Mlp-vector-discrete", (4,)),
        ("ppo-Mlp-vector-multi_discrete", (3, 2, 4)),
        ("ppo-Mlp-vector-multi_binary", (2, 2, 2)),
        ("maskable-Mlp-vector-multi_binary", (2, 2, 2)),
        ("a2c-MultiInput-dict-multi_binary", (2, 2, 2)),
    ],
)
def test_discrete_actions_are_drawn_as_often_as_sb3_says(name: str, sizes: tuple[int, ...]) -> None:
    agent, policy = agent_of(name)
    observation, actions = draw_actions(agent, policy)
    table = numpy.stack(numpy.meshgrid(*map(numpy.arange, sizes), indexing="ij"), axis=-1).reshape(-1, len(sizes))
    every = table[:, 0] if actions.ndim == 1 else table.astype(actions.dtype)
    judged = repeated(agent, len(every))
    expected = numpy.exp(log_prob(sb3_distribution(agent, judged), every)) * DRAWN
    index = numpy.ravel_multi_index(tuple(actions.reshape(DRAWN, -1).T.astype(int)), sizes)
    counts = numpy.bincount(index, minlength=len(every))
    assert ((counts - expected) ** 2 / expected).sum() < CHI_SQUARE[len(every) - 1]
    assert observation is not None


def largest_gap(first: Any, second: Any) -> float:
    """The two-sample Kolmogorov-Smirnov statistic: how far two distributions of numbers are apart."""
    points = numpy.sort(numpy.concatenate([first, second]))
    places = [numpy.searchsorted(numpy.sort(part), points, side="right") / len(part) for part in (first, second)]
    return float(numpy.abs(places[0] - places[1]).max())


@pytest.mark.parametrize(
    "name",
    [
        "ppo-Mlp-vector-box",
        "a2c-Mlp-float64-box_float64",
        "ppo-Mlp-small_image-box_matrix",
        "sac-Mlp-vector-box",
        "sac-Mlp-vector-box_matrix",
        "tqc-Mlp-vector-box",
        "crossq-Mlp-vector-box",
        "recurrent-MlpLstm-vector-box-two_layers",
    ],
)
def test_continuous_actions_are_spread_as_those_of_sb3(name: str) -> None:
    agent, policy = agent_of(name)
    _, ours = draw_actions(agent, policy)
    torch.manual_seed(0)
    theirs, _ = agent.predict(repeated(agent, DRAWN), deterministic=False)
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    limit = 1.95 * (2 / DRAWN) ** 0.5  # the 0.999 quantile
    for first, second in zip(ours.reshape(DRAWN, -1).T, theirs.reshape(DRAWN, -1).T, strict=True):
        assert largest_gap(first, second) < limit


GSDE = [name for name in names() if "gsde" in name]


@pytest.mark.parametrize("name", GSDE)
def test_state_dependent_noise_is_a_matrix_that_stays(name: str) -> None:
    """Every action of one matrix is the mean plus the features times the matrix, until it is drawn again."""
    agent, policy = agent_of(name)
    batch = observations(agent, COUNT)
    policy.reset_noise(numpy.random.default_rng(8))
    first, _ = policy.predict(batch, deterministic=False)
    again, _ = policy.predict(batch, deterministic=False)
    numpy.testing.assert_array_equal(first, again)

    network: Any = agent.policy
    module = network if hasattr(network, "action_dist") else network.actor
    spread = module.action_dist.get_std(module.log_std).detach()
    drawn = numpy.random.default_rng(8).standard_normal(spread.shape, numpy.float32)
    module.action_dist.exploration_mat = torch.from_numpy(drawn) * spread
    expected, _ = agent.predict(batch, deterministic=False)
    assert_close(first, expected)

    policy.reset_noise(numpy.random.default_rng(9))
    other, _ = policy.predict(batch, deterministic=False)
    assert (other != first).any()


def test_state_dependent_noise_over_many_matrices_has_the_deviation_it_says() -> None:
    agent, policy = agent_of("sac-Mlp-vector-box-gsde")
    batch = repeated(agent, 1)
    said = policy.distribution(batch)
    assert isinstance(said, Gaussian)
    generator, drawn = numpy.random.default_rng(10), []
    space: Any = policy.spec.action_space
    for _ in range(2000):
        policy.reset_noise(generator)
        action, _ = policy.predict(batch, deterministic=False)
        drawn.append(numpy.arctanh((action[0] - space.low) / (space.high - space.low) * 2 - 1))
    assert_close(numpy.mean(drawn, axis=0), said.mean[0], atol=4 * said.deviation.max() / 2000**0.5)
    assert_close(numpy.std(drawn, axis=0), said.deviation[0], rtol=0.07)


@pytest.mark.parametrize("name", ["dqn-Mlp-vector-discrete", "qrdqn-Mlp-vector-discrete"])
def test_q_networks_explore_as_often_as_their_rate_says(name: str) -> None:
    agent, policy = agent_of(name)
    rate = policy.spec.exploration_rate
    assert rate == pytest.approx(agent.exploration_rate)  # type: ignore[attr-defined]
    assert 0 < rate < 1
    batch: Any = observations(agent, 50)
    greedy, _ = policy.predict(batch)
    generator = numpy.random.default_rng(11)
    random = 0
    for _ in range(2000):
        actions, _ = policy.predict(batch, deterministic=False, generator=generator)
        assert actions.dtype == numpy.int64
        random += bool((actions != greedy).any())
    assert abs(random / 2000 - rate) < 3.3 * (rate * (1 - rate) / 2000) ** 0.5


@pytest.mark.parametrize("name", names("td3", "ddpg", "ars"))
def test_policies_without_a_distribution_always_act_alike(name: str) -> None:
    agent, policy = agent_of(name)
    batch = observations(agent, COUNT)
    assert not policy.spec.stochastic
    expected, _ = agent.predict(batch, deterministic=False)
    found, _ = policy.predict(batch, deterministic=False)
    assert_close(found, expected)
