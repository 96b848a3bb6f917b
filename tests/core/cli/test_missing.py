"""What is missing for an exact continuation, by algorithm."""

from __future__ import annotations

import pytest

from strongbox.archive import open_archive
from strongbox.cli.missing import RULES, find_missing
from tests.core.cli.archives import ARCHIVES

ALWAYS = {"random states", "environment", "last observation", "callbacks and logger"}
SB3 = {*ALWAYS, "normalization statistics"}


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("ppo", {*SB3, "rollout buffer", "horizon of schedules"}),
        ("a2c", {*SB3, "rollout buffer"}),
        ("recurrent-ppo", {*SB3, "rollout buffer", "recurrent state"}),
        ("ppo-gsde-normalized", {*SB3, "rollout buffer", "exploration matrices"}),
        ("dqn", {*SB3, "replay buffer", "horizon of schedules"}),
        ("sac", {*SB3, "replay buffer"}),
        ("her-sac", {*SB3, "replay buffer"}),
        ("ddpg", {*SB3, "replay buffer", "action noise"}),
        ("ars", SB3),
    ],
)
def test_missing(name: str, names: set[str]) -> None:
    with open_archive(ARCHIVES / f"{name}.zip") as archive:
        assert {missing.name for missing in find_missing(archive)} == names


def test_every_rule_says_what_follows() -> None:
    assert all(missing.name and missing.consequence for missing, _ in RULES)
    assert len({missing.name for missing, _ in RULES}) == len(RULES)
