"""Every stack goes on after a restoring as it would have gone on without, to the last bit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from strongbox.adapters.environments import capture_environments
from strongbox.values import to_portable
from tests.live.adapters.environments.rolling import begin, differences, ending, proceed, roll, through_json
from tests.live.adapters.environments.stacks import STACKS

STEPS = {"Breakout": (130, 150), "Pong-sticky": (130, 60), "MountainCar": (150, 120), "BipedalWalker": (250, 250)}
"""Steps before the capture and after it, so that episodes end in both."""


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_goes_on_to_the_last_bit(stack: str, tmp_path: Path) -> None:
    before, after = STEPS.get(stack, (90, 120))
    env = begin(stack, tmp_path)
    roll(env, before)
    captured = capture_environments(env)
    assert captured.inexact == {}
    assert to_portable(capture_environments(env).state["environments"]) is not None
    logs = {path: f"{path}.kept" for path in captured.logs}
    for path, copy in logs.items():
        shutil.copy(path, copy)
    expected = {"steps": roll(env, after), "ending": ending(env)}
    env.close()

    seen = proceed(stack, tmp_path, after, through_json(captured.state), logs)
    assert seen["inexact"] == {}
    for index, (one, other) in enumerate(zip(expected["steps"], seen["steps"], strict=True)):
        assert differences(one, other) == [], f"step {index}"
    assert differences(expected["ending"], seen["ending"]) == []
