"""What is missing for an exact continuation, by algorithm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from strongbox.archive import Archive, Exact, check_archive, open_archive, write_archive
from strongbox.checkpoints import pack, write_checkpoint
from strongbox.cli.missing import RULES, find_missing
from strongbox.errors import FormatError
from tests.core.checkpoints.runs import add_segment, agent, begin_run, replay_of
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


def checkpoint(tmp_path: Path, inexact: dict[str, str] | None, **data: Any) -> Archive:
    resume = {"counters": {}} if inexact is None else {"counters": {}, "inexact": inexact}
    contents = agent(10, resume=resume, data={name: Exact(value) for name, value in data.items()})
    write_archive(tmp_path / "agent.zip", contents)
    return open_archive(tmp_path / "agent.zip")


def test_a_checkpoint_that_is_exact_lacks_nothing(tmp_path: Path) -> None:
    assert find_missing(checkpoint(tmp_path, {}, n_steps=5, use_sde=True)) == ()


def test_a_checkpoint_lacks_what_its_resume_state_names(tmp_path: Path) -> None:
    (missing,) = find_missing(checkpoint(tmp_path, {"environments[0]": "no handler knows it"}))
    assert (missing.name, missing.consequence) == ("environments[0]", "no handler knows it")


def test_a_replay_lies_beside_or_in_the_archive_or_is_missing(tmp_path: Path) -> None:
    archive = checkpoint(tmp_path, {}, buffer_size=1000)
    assert [missing.name for missing in find_missing(archive)] == ["replay buffer"]
    assert find_missing(archive, replay_beside=True) == ()
    folder = begin_run(tmp_path / "run")
    contents = agent(10, data={"buffer_size": Exact(1000)})
    replay = replay_of(add_segment(folder, b"transitions"))
    pack(write_checkpoint(folder, step=10, contents=contents, replay=replay), tmp_path / "packed.zip")
    assert find_missing(open_archive(tmp_path / "packed.zip")) == ()


def test_a_resume_state_that_does_not_say_what_is_exact_is_not_taken_for_exact(tmp_path: Path) -> None:
    (missing,) = find_missing(checkpoint(tmp_path, None))
    assert (missing.name, missing.consequence) == ("what is not exact", "the resume state does not say it")


@pytest.mark.parametrize("inexact", [{"place": 1}, "text", ["place"]])
def test_a_resume_state_that_says_it_in_another_form_is_a_fault(tmp_path: Path, inexact: Any) -> None:
    archive = checkpoint(tmp_path, inexact)
    with pytest.raises(FormatError, match=r"resume/inexact\.json'?: expected an object of texts, found another"):
        find_missing(archive)
    assert [finding.member for finding in check_archive(tmp_path / "agent.zip").findings] == ["resume/inexact.json"]


def test_every_rule_says_what_follows() -> None:
    assert all(missing.name and missing.consequence for missing, _ in RULES)
    assert len({missing.name for missing, _ in RULES}) == len(RULES)
