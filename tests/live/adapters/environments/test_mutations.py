"""States that were changed at random: the answer is a StrongboxError or a reason, never anything else."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from strongbox.adapters.environments import capture_environments, restore_environments
from strongbox.errors import CheckpointError, StrongboxError
from strongbox.values import ClassReference, from_portable, to_portable
from tests.live.adapters.environments.rolling import begin, ending, roll
from tests.live.adapters.environments.stacks import STACKS

STACKS_TO_BREAK = (
    "CartPole",
    "Hopper-wrapped",
    "Hidden",
    "WithProtocol",
    "Pictures",
    "Pendulum-normalized",
)
ROUNDS = 120

STRANGERS: list[Any] = [
    *(None, True, -1, 2**62, 1e300, float("nan"), "", "__class__", [], {}, [[]], {"a": 1}),
    to_portable(b"bytes"),
    to_portable(numpy.zeros((3, 1))),
    to_portable(numpy.float32(1)),
    to_portable((1, 2)),
    to_portable(ClassReference("os", "system")),
    to_portable(10**30),
]


def nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a tree of JSON with each of its keys."""
    if isinstance(tree, dict | list):
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            yield tree, key
            yield from nodes(tree[key])


def mutate(tree: Any, dice: random.Random) -> str:
    """Change one node of a tree of JSON; returns what was done."""
    container, key = dice.choice(list(nodes(tree)))
    kind = dice.choice(("replace", "remove", "swap", "rename"))
    if kind == "remove":
        del container[key]
    elif kind == "rename" and isinstance(container, dict):
        container[dice.choice(("__class__", "__dict__", "step", "reset", "env", "x"))] = container.pop(key)
    elif kind == "swap":
        other, its = dice.choice(list(nodes(tree)))
        container[key] = json.loads(json.dumps(other[its]))
    else:
        container[key] = dice.choice(STRANGERS)
    return f"{kind} {key}"


@pytest.mark.parametrize("stack", STACKS_TO_BREAK)
def test_a_changed_state_is_an_error_or_a_reason(stack: str, tmp_path: Path) -> None:
    env = begin(stack, tmp_path)
    roll(env, 12)
    whole = json.dumps(to_portable(capture_environments(env).state))
    dice = random.Random(stack)
    outcomes = {"error": 0, "reason": 0, "equal": 0}
    for _ in range(ROUNDS):
        tree = json.loads(whole)
        done = mutate(tree, dice)
        try:
            state = from_portable(tree)
            inexact = restore_environments(env, state)
        except StrongboxError:
            outcomes["error"] += 1
            continue
        assert all(isinstance(reason, str) and reason for reason in inexact.values()), done
        outcomes["reason" if inexact else "equal"] += 1
    assert min(outcomes["error"], outcomes["reason"]) > 0
    # After all of that, the whole state still brings everything back.
    assert restore_environments(env, from_portable(json.loads(whole))) == {}
    again = json.dumps(to_portable(capture_environments(env).state))
    assert json.loads(again)["environments"] is not None
    env.close()


@pytest.mark.parametrize(
    "state", [None, [], {}, {"vectors": [], "environments": {}}, {"vectors": 1, "environments": [1]}]
)
def test_what_is_no_state_is_refused(state: Any, tmp_path: Path) -> None:
    env = STACKS["Acrobot"](str(tmp_path))
    with pytest.raises(CheckpointError):
        restore_environments(env, state)


def test_a_state_names_no_method_and_no_class(tmp_path: Path) -> None:
    env = begin("Hidden", tmp_path)
    state: Any = capture_environments(env).state
    methods = dict.fromkeys(("step", "reset", "env", "__class__", "__dict__", "unwrapped", "np_random", "nothing"), 1)
    for wrapper in state["environments"][0]["wrappers"]:
        wrapper["attributes"].update(methods)
    state["vectors"][0]["attributes"].update(methods)
    inexact = restore_environments(env, state)
    for name in methods:
        assert inexact[f"environment 0, Monitor.{name}"]
        assert inexact[f"DummyVecEnv.{name}"]
    assert roll(env, 3)
    assert ending(env)
