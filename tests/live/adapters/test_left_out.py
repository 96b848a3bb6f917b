"""What the save left out already, and what SB3 makes anew: said where it matters, and only there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from strongbox.adapters import LeftBehind, load
from strongbox.adapters.attributes import defaulted_names, derived_from
from strongbox.adapters.capture import capture
from strongbox.archive import write_archive
from tests.live.adapters.tiny import AGENTS, make_agent


def incomplete(folder: Path, name: str = "ppo", **reasons: str) -> Path:
    """An archive of a tiny agent without some attributes, as a save that could not keep them writes it."""
    contents = capture(make_agent(name))
    data = {key: entry for key, entry in contents.data.items() if key not in reasons}
    write_archive(folder / "agent.zip", dataclasses.replace(contents, data=data, left_out=reasons), durable=False)
    return folder / "agent.zip"


def test_a_setting_that_was_not_kept_is_in_the_warning(tmp_path: Path) -> None:
    path = incomplete(tmp_path, clip_range="no function of the progress alone", my_lock="a lock", gamma="no reason")
    with pytest.warns(LeftBehind, match=r"clip_range.*no function of the progress alone") as caught:
        model = load(path, device="cpu")
    assert len(caught) == 1
    assert isinstance(caught[0].message, LeftBehind)
    assert set(caught[0].message.names) == {"clip_range", "gamma"}
    assert set(model.strongbox_report.left) == {"clip_range", "my_lock", "gamma"}
    assert "a lock" in str(model.strongbox_report)


def test_what_no_default_stands_in_for_is_in_the_report_alone(tmp_path: Path) -> None:
    reasons = {"my_lock": "a lock", "tensorboard_log": "a path", "policy_kwargs: best.zip": "a path, shortened"}
    contents = dataclasses.replace(capture(make_agent("ppo")), left_out=reasons)
    data = {key: entry for key, entry in contents.data.items() if key != "tensorboard_log"}
    write_archive(tmp_path / "agent.zip", dataclasses.replace(contents, data=data), durable=False)
    report = load(tmp_path / "agent.zip", device="cpu").strongbox_report
    assert set(report.left) == {"my_lock", "tensorboard_log"}
    assert report.notes == ("policy_kwargs: best.zip: a path, shortened",)


def test_what_was_left_out_may_be_given_or_skipped(tmp_path: Path) -> None:
    path = incomplete(tmp_path, learning_rate="no function", lr_schedule="no function")
    model = load(path, device="cpu", custom_objects={"learning_rate": 0.25})
    assert model.lr_schedule(1.0) == model.learning_rate == 0.25
    assert not model.strongbox_report.left
    assert load(path, device="cpu", skip=["learning_rate", "lr_schedule"]).strongbox_report.left == {}
    with pytest.warns(LeftBehind, match=r"learning_rate.*lr_schedule"):
        load(path, device="cpu")


def halve(progress: float) -> float:
    """Somebody's own schedule."""
    return progress / 2


def test_a_schedule_that_is_made_anew_is_no_loss(tmp_path: Path) -> None:
    agent = AGENTS["ppo"].algorithm("MlpPolicy", AGENTS["ppo"].make_env(), learning_rate=halve, device="cpu")
    agent.save(tmp_path / "agent.zip")
    model = load(tmp_path / "agent.zip", device="cpu", trust=f"{__name__}.halve")
    assert model.lr_schedule(0.5) == 0.25
    assert not model.strongbox_report.left
    assert any("lr_schedule" in note for note in model.strongbox_report.notes)
    with pytest.warns(LeftBehind, match="learning_rate"):
        load(tmp_path / "agent.zip", device="cpu")


def test_names_with_a_default() -> None:
    names = defaulted_names(AGENTS["dqn"].algorithm)
    assert {"learning_rate", "gamma", "exploration_fraction", "exploration_schedule", "seed"} <= names
    assert not names & {"env", "device", "tensorboard_log", "num_timesteps"}


def test_what_is_made_anew_needs_all_it_is_made_of() -> None:
    assert derived_from("lr_schedule", ["learning_rate"]) == ("learning_rate",)
    assert derived_from("exploration_schedule", ["exploration_fraction"]) == ()
    assert derived_from("gamma", ["learning_rate"]) == ()
