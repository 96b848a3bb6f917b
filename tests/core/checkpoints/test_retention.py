"""Retention: what each rule names, and what holds for every set of checkpoints and rules."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from strongbox.checkpoints import DEFAULT_METRICS, Keep, decide
from strongbox.checkpoints.retention import say_unknown_metric
from strongbox.errors import MismatchError
from tests.draws import drawn

NOW = 1_000_000.0
EXAMPLES = settings(max_examples=drawn(100), deadline=None, derandomize=True, database=None)


@dataclass(frozen=True)
class Point:
    step: int
    time: float = NOW
    metrics: dict[str, float] = field(default_factory=dict)


def kept(points: list[Point], **rules: Any) -> list[int]:
    return [decision.step for decision in decide(points, Keep(**{"last": None, **rules}), NOW) if decision.kept]


def every(*steps: int) -> list[Point]:
    return [Point(step) for step in steps]


def test_the_last() -> None:
    assert kept(every(10, 20, 30, 40), last=2) == [30, 40]
    assert kept(every(40, 10, 30, 20), last=3) == [20, 30, 40]
    assert kept(every(10), last=3) == [10]
    assert kept([], last=3) == []


def test_every_so_many_steps_the_first_that_reached_them() -> None:
    assert kept(every(0, 40, 90, 110, 190, 200, 210, 350), every=100) == [110, 200, 350]
    assert kept(every(30, 60, 120, 180, 260), every=100) == [120, 260]
    assert kept(every(30, 60), every=100) == [60], "the newest, though no multiple was reached"


def test_the_best_by_a_metric() -> None:
    scores = {10: 5.0, 20: 9.0, 30: 9.0, 40: math.nan, 50: 7.0, 60: -math.inf}
    points = [Point(step, metrics={"eval/mean_reward": score}) for step, score in scores.items()]
    assert kept([*points, Point(70)], best=1) == [30, 70], "of equals the newer"
    assert kept([*points, Point(70)], best=3) == [20, 30, 50, 70]
    assert kept([*points, Point(70)], best=9) == [10, 20, 30, 50, 60, 70], "no number is never best"


def test_the_metric_is_the_first_that_any_checkpoint_has() -> None:
    rollout = [Point(step, metrics={"rollout/ep_rew_mean": -step}) for step in (10, 20, 30)]
    assert kept(rollout, best=1) == [10, 30]
    evaluated = [*rollout, Point(40, metrics={"eval/mean_reward": 1.0}), Point(50)]
    assert kept(evaluated, best=1) == [40, 50]
    assert kept(evaluated, best=1, metric="rollout/ep_rew_mean") == [10, 50]


def test_no_best_is_dropped_by_a_metric_that_nobody_knows() -> None:
    scores = [Point(step, metrics={"eval/mean_reward": 1.0, "b": math.nan}) for step in (10, 20, 30)]
    assert kept(scores, best=1, metric="eval/mean_rewrad") == [10, 20, 30]
    assert kept(scores, best=1, last=1, metric="b") == [10, 20, 30], "no number is no metric"
    assert kept([*scores, Point(40, metrics={"b": 0.0})], best=1, metric="b") == [40], "once there is one, it counts"
    assert kept(every(10, 20, 30), best=2) == [10, 20, 30]
    assert decide(scores, Keep(best=1, metric="c"), NOW)[0].reason == "last 3; none has c, which best 1 goes by"


def test_a_metric_that_nobody_knows_is_told_with_those_that_there_are() -> None:
    scores = [Point(step, metrics={"eval/mean_reward": 1.0, "b": 2.0, "c": math.nan}) for step in (10, 20, 30)]
    told = say_unknown_metric(scores, Keep(best=2, metric="c"))
    assert told is not None
    assert "the metric 'c', which best=2 goes by, found none" in told
    assert told.endswith("There are: b, eval/mean_reward.")
    assert str(say_unknown_metric(every(10, 20), Keep(best=1))).endswith("There are: no metrics.")
    for keep in (Keep(best=3, metric="c"), Keep(best=1, metric="b"), Keep(best=1), Keep(last=1)):
        assert say_unknown_metric(scores, keep) is None, "nothing is kept that a known metric would drop"


def test_those_newer_than() -> None:
    points = [Point(step, time=NOW - age) for step, age in ((10, 7200), (20, 3600), (30, 3599), (40, -60))]
    assert kept(points, newer_than=3600) == [20, 30, 40]


def test_every_decision_has_its_reasons() -> None:
    points = [Point(step, metrics={"eval/mean_reward": step / 8}) for step in (100, 110, 120)]
    keep = Keep(last=1, every=100, best=2, newer_than=60)
    assert [(decision.step, decision.kept, decision.reason) for decision in decide(points, keep, NOW + 100)] == [
        (100, True, "every 100 steps"),
        (110, True, "best 2 by eval/mean_reward (13.75)"),
        (120, True, "the newest; last 1; best 2 by eval/mean_reward (15)"),
    ]
    assert decide(points, Keep(last=1), NOW)[0].reason == "no rule keeps it"


@pytest.mark.parametrize(
    "rules",
    [
        {"last": 0},
        {"last": -1},
        {"last": True},
        {"last": 1.5},
        {"every": 0},
        {"best": 0},
        {"newer_than": -1},
        {"newer_than": math.nan},
        {"metric": "a"},
        {"last": None},
    ],
)
def test_rules_that_mean_nothing_are_refused(rules: dict[str, Any]) -> None:
    with pytest.raises(MismatchError, match="expected"):
        Keep(**rules)


metrics = some.dictionaries(some.sampled_from(["eval/mean_reward", "rollout/ep_rew_mean", "x"]), some.floats())
points = some.lists(
    some.builds(Point, step=some.integers(0, 500), time=some.floats(0, 2 * NOW), metrics=metrics),
    max_size=20,
    unique_by=lambda point: point.step,
)
counts = some.none() | some.integers(1, 6)
keeps = some.builds(
    Keep,
    last=some.integers(1, 6),
    every=some.none() | some.integers(1, 200),
    best=some.integers(1, 6),
    metric=some.none() | some.sampled_from(["eval/mean_reward", "x"]),
    newer_than=some.none() | some.floats(0, 2 * NOW),
)


@EXAMPLES
@given(points, keeps)
def test_the_newest_is_always_kept_and_each_is_decided_once(points: list[Point], keep: Keep) -> None:
    decisions = decide(points, keep, NOW)
    assert [decision.step for decision in decisions] == sorted(point.step for point in points)
    assert all(decision.reason for decision in decisions)
    if decisions:
        assert decisions[-1].kept


@EXAMPLES
@given(points, keeps)
def test_deciding_again_changes_nothing(points: list[Point], keep: Keep) -> None:
    remaining = [decision.checkpoint for decision in decide(points, keep, NOW) if decision.kept]
    assert all(decision.kept for decision in decide(remaining, keep, NOW))


@EXAMPLES
@given(points, keeps)
def test_the_order_in_which_they_come_does_not_matter(points: list[Point], keep: Keep) -> None:
    assert decide(points, keep, NOW) == decide(points[::-1], keep, NOW)


@EXAMPLES
@given(points, keeps)
def test_a_rule_more_never_keeps_less(points: list[Point], keep: Keep) -> None:
    with_all = {decision.step for decision in decide(points, keep, NOW) if decision.kept}
    alone = {decision.step for decision in decide(points, Keep(last=keep.last), NOW) if decision.kept}
    assert alone <= with_all
    assert len(alone) == min(len(points), keep.last or 0)


@EXAMPLES
@given(points, keeps)
def test_the_best_of_all_is_among_them(points: list[Point], keep: Keep) -> None:
    name = keep.metric or next(
        (n for n in DEFAULT_METRICS if any(not math.isnan(p.metrics.get(n, math.nan)) for p in points)), "none"
    )
    values = {point.step: point.metrics[name] for point in points if not math.isnan(point.metrics.get(name, math.nan))}
    remaining = {decision.step for decision in decide(points, keep, NOW) if decision.kept}
    if values:
        assert max(values.values()) in {values[step] for step in remaining if step in values}
