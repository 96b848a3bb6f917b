"""Small agents of sbx, and what it means that two are the same."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

sbx = pytest.importorskip("sbx", reason="agents on JAX: make test-sbx runs these in an environment of their own")

import jax  # noqa: E402

__all__ = ["NAMES", "assert_same", "jax", "leaves", "made", "observations", "saved", "sbx"]

OFF_POLICY: dict[str, Any] = {"learning_starts": 20, "batch_size": 8, "buffer_size": 100}
ON_POLICY: dict[str, Any] = {"n_steps": 32, "batch_size": 16, "n_epochs": 2}
NAMES = ("CrossQ", "DDPG", "DQN", "PPO", "SAC", "TD3", "TQC")
STATES = ("step", "params", "target_params", "batch_stats", "opt_state")


def environment(name: str) -> str:
    """The environment that an algorithm is tried in: one of its kind of actions."""
    return "CartPole-v1" if name in ("DQN", "PPO") else "Pendulum-v1"


def made(name: str, **settings: Any) -> Any:
    """An agent of an algorithm that has learnt a little."""
    kind = ON_POLICY if name == "PPO" else OFF_POLICY
    keywords = {"seed": 0, "policy_kwargs": {"net_arch": [8]}, **kind, **settings}
    model = getattr(sbx, name)("MlpPolicy", environment(name), **keywords)
    return model.learn(64)


@functools.cache
def saved(name: str, folder: Path) -> Path:
    """The archive that sbx itself writes of such an agent, made once for each folder."""
    path = folder / f"{name}.zip"
    made(name).save(path)
    return path


def leaves(model: Any) -> dict[str, Any]:
    """Every array and number of a model's states and keys, by name."""
    found: dict[str, Any] = {}
    for place, holder in (("policy.", model.policy), ("", model)):
        for name, value in vars(holder).items():
            if name in ("key", "noise_key"):
                found[f"{place}{name}"] = value
            elif hasattr(value, "opt_state"):
                found.update((f"{place}{name}{path}", leaf) for path, leaf in state_leaves(value))
    return found


def state_leaves(state: Any) -> Iterator[tuple[str, Any]]:
    trees = {name: getattr(state, name) for name in STATES if hasattr(state, name)}
    for path, leaf in jax.tree_util.tree_flatten_with_path(trees)[0]:
        yield jax.tree_util.keystr(path), leaf


def observations(model: Any) -> Any:
    """Some observations, the same each time."""
    random = numpy.random.default_rng(0)
    return random.normal(size=(20, *model.observation_space.shape)).astype("float32")


def assert_same(first: Any, second: Any) -> None:
    """Insist on two agents with the same leaves, to the bit, and the same actions."""
    left, right = leaves(first), leaves(second)
    assert left.keys() == right.keys()
    for name, leaf in left.items():
        arrays = [numpy.asarray(item) for item in (leaf, right[name])]
        assert arrays[0].dtype == arrays[1].dtype, name
        assert arrays[0].tobytes() == arrays[1].tobytes(), name
        assert getattr(leaf, "weak_type", None) == getattr(right[name], "weak_type", None), name
    seen = observations(first)
    for deterministic in (True, False):
        # To the bit: CrossQ's batch renormalization gives NaN so early in training.
        assert act(first, seen, deterministic).tobytes() == act(second, seen, deterministic).tobytes()


def act(model: Any, seen: Any, deterministic: bool) -> Any:
    """A model's actions; DQN draws its exploration from numpy's own generator."""
    numpy.random.seed(0)
    return model.predict(seen, deterministic=deterministic)[0]
