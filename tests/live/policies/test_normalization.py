"""Raw observations: the same actions as SB3's for observations that VecNormalize has normalized."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize, VecTransposeImage

from strongbox.errors import MismatchError
from strongbox.policies import Policy, open_policy
from tests.live.policies.agents import OBSERVATIONS, RandomEnv, draw, saved, shake
from tests.live.policies.comparisons import assert_close

ACTION = spaces.Box(-1, 1, (2,), numpy.float32)
SMALL = {"net_arch": [8], "features_extractor_kwargs": {"features_dim": 8}}


def train(policy: str, observation: spaces.Space[Any], settings: dict[str, Any], **options: Any) -> tuple[Any, Any]:
    """An agent that learnt behind VecNormalize, and its VecNormalize."""
    env: Any = VecNormalize(DummyVecEnv([lambda: RandomEnv(observation, ACTION)]), **options)
    env.obs_rms = statistics(env.obs_rms)
    agent = PPO(policy, env, n_steps=8, batch_size=8, n_epochs=1, policy_kwargs=settings, device="cpu", seed=0)
    agent.learn(8)
    shake(agent.policy, seed=3)
    return agent, env


def statistics(found: Any) -> Any:
    """Statistics that are neither zero nor one, so that they matter."""
    for part in found.values() if isinstance(found, dict) else [found]:
        part.mean = numpy.linspace(-0.5, 0.7, part.mean.size).reshape(part.mean.shape)
        part.var = numpy.linspace(0.2, 2.5, part.var.size).reshape(part.var.shape)
    return found


def assert_acts_on_raw(agent: Any, env: Any, policy: Policy, raw: Any) -> None:
    expected, _ = agent.predict(env.normalize_obs(raw), deterministic=True)
    for _ in range(2):
        assert_close(policy.predict(raw)[0], expected, rtol=1e-5, atol=1e-5)
    first = {key: part[0] for key, part in raw.items()} if isinstance(raw, dict) else raw[0]
    for _ in range(2):
        assert_close(policy.predict(first)[0], expected[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("observation", ["vector", "float64", "matrix", "bytes"])
def test_arrays(observation: str, tmp_path: Path) -> None:
    space = OBSERVATIONS[observation]
    agent, env = train("MlpPolicy", space, {"net_arch": [8]}, clip_obs=1.5)
    env.save(str(tmp_path / "vecnormalize.pkl"))
    raw = draw(space, 10, numpy.random.default_rng(1))
    policy = open_policy(saved(agent), normalize=tmp_path / "vecnormalize.pkl")
    assert policy.spec.normalized == ("",)
    assert_acts_on_raw(agent, env, policy, raw)
    plain = open_policy(saved(agent))
    assert plain.spec.normalized == ()
    assert_close(plain.predict(raw)[0], agent.predict(raw, deterministic=True)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("keys", [None, ["x"]])
def test_dictionaries_by_key(keys: list[str] | None, tmp_path: Path) -> None:
    space = spaces.Dict({"x": spaces.Box(-1, 1, (3,)), "y": spaces.Box(-1, 1, (2, 2))})
    agent, env = train("MultiInputPolicy", space, {"net_arch": [8]}, norm_obs_keys=keys)
    env.save(str(tmp_path / "statistics"))
    policy = open_policy(saved(agent), normalize=(tmp_path / "statistics").read_bytes())
    assert policy.spec.normalized == tuple(keys or ("x", "y"))
    assert_acts_on_raw(agent, env, policy, draw(space, 10, numpy.random.default_rng(2)))


def test_images_normalized_before_their_channels_are_moved(tmp_path: Path) -> None:
    """VecNormalize may stand below VecTransposeImage: its statistics then have the channels last."""
    space: Any = OBSERVATIONS["image"]
    inner: Any = VecNormalize(DummyVecEnv([lambda: RandomEnv(space, ACTION)]), norm_reward=False)
    inner.obs_rms = statistics(inner.obs_rms)
    inner.observation_space = space  # SB3 before 1.8 kept the space of images
    env = VecTransposeImage(inner)
    agent = PPO("CnnPolicy", env, n_steps=8, batch_size=8, n_epochs=1, policy_kwargs=SMALL, device="cpu", seed=0)
    shake(agent.policy, seed=4)
    inner.save(str(tmp_path / "statistics.pkl"))
    policy = open_policy(saved(agent), normalize=tmp_path / "statistics.pkl")
    raw = draw(space, 6, numpy.random.default_rng(3))
    expected, _ = agent.predict(env.transpose_observations(inner.normalize_obs(raw)), deterministic=True)
    assert_close(policy.predict(raw)[0], expected, rtol=1e-5, atol=1e-5)


def test_switched_off(tmp_path: Path) -> None:
    space = OBSERVATIONS["vector"]
    agent, env = train("MlpPolicy", space, {"net_arch": [8]})
    env.norm_obs = False
    env.save(str(tmp_path / "statistics.pkl"))
    policy = open_policy(saved(agent), normalize=tmp_path / "statistics.pkl")
    assert policy.spec.normalized == ()
    assert_acts_on_raw(agent, env, policy, draw(space, 4, numpy.random.default_rng(4)))


def test_statistics_of_another_agent_are_an_error(tmp_path: Path) -> None:
    vector, _ = train("MlpPolicy", OBSERVATIONS["vector"], {"net_arch": [8]})
    _, env = train("MlpPolicy", OBSERVATIONS["float64"], {"net_arch": [8]})
    env.save(str(tmp_path / "other.pkl"))
    with pytest.raises(MismatchError, match="statistics"):
        open_policy(saved(vector), normalize=tmp_path / "other.pkl")
    dictionary, _ = train("MultiInputPolicy", spaces.Dict({"x": spaces.Box(-1, 1, (3,))}), {"net_arch": [8]})
    with pytest.raises(MismatchError, match="statistics of the observations"):
        open_policy(saved(dictionary), normalize=tmp_path / "other.pkl")
