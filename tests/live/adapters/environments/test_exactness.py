"""Every stack goes on after a restoring as it would have gone on without, to the last bit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from strongbox.adapters.environments import Captured, capture_environments, restore_environments
from strongbox.values import to_portable
from tests.live.adapters.environments.rolling import begin, differences, ending, proceed, roll, through_json
from tests.live.adapters.environments.stacks import STACKS

ROOT = Path(__file__).parents[4]

STEPS = {"Breakout": (130, 150), "Pong-sticky": (130, 60), "MountainCar": (150, 120), "BipedalWalker": (250, 250)}
"""Steps before the capture and after it, so that episodes end in both."""


def steps_after(stack: str) -> int:
    return STEPS.get(stack, (90, 120))[1]


def run(stack: str, folder: Path) -> tuple[Captured, dict[str, str], dict[str, Any]]:
    """What a stack's state was in the middle, copies of its files at that moment, and all that it did afterwards."""
    env = begin(stack, folder)
    roll(env, STEPS.get(stack, (90, 120))[0])
    captured = capture_environments(env)
    logs = {path: f"{path}.kept" for path in captured.logs}
    for path, copy in logs.items():
        shutil.copy(path, copy)
    seen = {"steps": roll(env, steps_after(stack)), "ending": ending(env)}
    env.close()
    return captured, logs, seen


def assert_equal(expected: dict[str, Any], seen: dict[str, Any]) -> None:
    assert seen["inexact"] == {}
    for index, (one, other) in enumerate(zip(expected["steps"], seen["steps"], strict=True)):
        assert differences(one, other) == [], f"step {index}"
    assert differences(expected["ending"], seen["ending"]) == []


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_goes_on_to_the_last_bit(stack: str, tmp_path: Path) -> None:
    captured, logs, expected = run(stack, tmp_path)
    assert captured.inexact == {}
    assert_equal(expected, proceed(stack, tmp_path, steps_after(stack), through_json(captured.state), logs))


@pytest.mark.parametrize("stack", ["BipedalWalker", "Breakout", "Hopper-wrapped", "Ant-workers"])
def test_a_new_process_goes_on_to_the_last_bit(stack: str, tmp_path: Path) -> None:
    captured, logs, expected = run(stack, tmp_path)
    given = {"state": to_portable(captured.state), "logs": logs, "steps": steps_after(stack)}
    (tmp_path / "state.json").write_text(json.dumps(given))
    program = [sys.executable, "-W", "ignore", "-m", "tests.live.adapters.environments.rolling", stack, str(tmp_path)]
    subprocess.run(program, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True)
    assert_equal(expected, json.loads((tmp_path / "seen.json").read_text()))


@pytest.mark.parametrize("stack", ["CartPole", "Humanoid", "LunarLander", "Breakout", "Hidden", "Pictures"])
def test_capturing_changes_nothing(stack: str, tmp_path: Path) -> None:
    _, _, expected = run(stack, tmp_path)
    env = begin(stack, tmp_path)
    roll(env, STEPS.get(stack, (90, 120))[0])
    steps = []
    for _ in range(steps_after(stack)):
        capture_environments(env)
        steps += roll(env, 1)
    assert differences(expected, {"steps": steps, "ending": ending(env)}) == []
    env.close()


@pytest.mark.parametrize("stack", ["CartPole", "LunarLander", "Humanoid", "Hidden", "Pictures-rows"])
def test_a_continued_stack_can_be_continued_again(stack: str, tmp_path: Path) -> None:
    _, _, expected = run(stack, tmp_path)
    env = begin(stack, tmp_path)
    roll(env, STEPS.get(stack, (90, 120))[0])
    steps: list[Any] = []
    while len(steps) < steps_after(stack):
        state = through_json(capture_environments(env).state)
        env.close()
        env = begin(stack, tmp_path, seed=len(steps))
        assert restore_environments(env, state) == {}
        steps += roll(env, steps_after(stack) // 3)
    assert differences(expected, {"steps": steps, "ending": ending(env)}) == []
    env.close()


def test_watching_an_environment_that_keeps_no_world_changes_nothing(tmp_path: Path) -> None:
    for stack in ("LunarLander", "Hidden", "Breakout"):
        watched = begin(stack, tmp_path)
        plain = STACKS[stack](str(tmp_path))
        plain.seed(7)
        plain.action_space.seed(7)
        plain.reset()
        assert differences(roll(plain, 60), roll(watched, 60)) == []
