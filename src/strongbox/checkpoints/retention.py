"""Which checkpoints are kept and which are dropped, each with the reason: a pure function.

Every rule names checkpoints to keep, and one that any rule names is kept (after restic's snapshot policy,
internal/data/snapshot_policy.go). The newest is kept whatever the rules say: the run goes on from it, and the only
checkpoint is always the newest. Deciding twice changes nothing: what is kept would be kept again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ..errors import MismatchError

__all__ = [
    "DEFAULT_METRICS",
    "Decision",
    "Keep",
    "Ranked",
    "choose_metric",
    "decide",
    "say_unknown_metric",
]

DEFAULT_METRICS = ("eval/mean_reward", "rollout/ep_rew_mean")
"""What ``best`` goes by where no metric is named: the first of these that any checkpoint has."""


class Ranked(Protocol):
    """What retention knows of a checkpoint."""

    @property
    def step(self) -> int:
        """Steps of the environments."""

    @property
    def time(self) -> float:
        """Seconds since 1970-01-01 UTC."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """Numbers by name."""


RankedCheckpoint = TypeVar("RankedCheckpoint", bound=Ranked)


@dataclass(frozen=True)
class Keep:
    """Which checkpoints to keep; a checkpoint that any rule names stays.

    ``last`` newest ones; the first at or after every multiple of ``every`` steps; the ``best`` so many by
    ``metric``, higher being better (of equal ones the newer), and all as long as none has that metric; those
    ``newer_than`` so many seconds. None leaves a rule out. Raises MismatchError for rules that mean nothing.
    """

    last: int | None = 3
    every: int | None = None
    best: int | None = None
    metric: str | None = None
    newer_than: float | None = None

    def __post_init__(self) -> None:
        for name in ("last", "every", "best"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise MismatchError(f"expected a whole number, 1 or more, for {name}, found {value!r}.")
        if self.newer_than is not None and not self.newer_than >= 0:
            raise MismatchError(f"expected seconds, 0 or more, for newer_than, found {self.newer_than!r}.")
        if self.metric is not None and self.best is None:
            raise MismatchError("expected best with metric, found metric alone.", hint="Say how many: best=3.")
        if all(rule is None for rule in (self.last, self.every, self.best, self.newer_than)):
            raise MismatchError("expected at least one rule, found none.", hint="For example last=3.")


@dataclass(frozen=True)
class Decision(Generic[RankedCheckpoint]):
    """What becomes of a checkpoint, and why."""

    checkpoint: RankedCheckpoint
    kept: bool
    reason: str

    @property
    def step(self) -> int:
        """The checkpoint's step."""
        return self.checkpoint.step


def decide(checkpoints: Sequence[RankedCheckpoint], keep: Keep, now: float) -> tuple[Decision[RankedCheckpoint], ...]:
    """Decide for every checkpoint, in ascending order of steps; ``now`` in seconds since 1970-01-01 UTC."""
    ordered = sorted(checkpoints, key=lambda checkpoint: checkpoint.step)
    reasons: dict[int, list[str]] = {checkpoint.step: [] for checkpoint in ordered}
    for step, reason in _named(ordered, keep, now):
        reasons[step].append(reason)
    return tuple(
        Decision(checkpoint, bool(reasons[checkpoint.step]), "; ".join(reasons[checkpoint.step]) or "no rule keeps it")
        for checkpoint in ordered
    )


def choose_metric(checkpoints: Sequence[Ranked], keep: Keep) -> str:
    """The metric that ``best`` goes by."""
    if keep.metric is not None:
        return keep.metric
    present = _known_metrics(checkpoints)
    return next((name for name in DEFAULT_METRICS if name in present), DEFAULT_METRICS[0])


def _known_metrics(checkpoints: Sequence[Ranked]) -> tuple[str, ...]:
    """The metrics that any checkpoint has a number for, by name in order."""
    return tuple(
        sorted({name for each in checkpoints for name, value in each.metrics.items() if not math.isnan(value)})
    )


def say_unknown_metric(checkpoints: Sequence[Ranked], keep: Keep) -> str | None:
    """What a person should know where ``best`` drops nothing, since no checkpoint has its metric; else None."""
    metric, known = choose_metric(checkpoints, keep), _known_metrics(checkpoints)
    if keep.best is None or metric in known or len(checkpoints) <= keep.best:
        return None
    return (
        f"expected a checkpoint with the metric {metric!r}, which best={keep.best} goes by, found none. "
        f"All checkpoints are kept as long as that is so. There are: {', '.join(known[:10]) or 'no metrics'}."
    )


def _named(ordered: Sequence[Ranked], keep: Keep, now: float) -> Iterator[tuple[int, str]]:
    """The steps that rules name, each with the reason."""
    if ordered:
        yield ordered[-1].step, "the newest"
    if keep.last is not None:
        yield from ((checkpoint.step, f"last {keep.last}") for checkpoint in ordered[-keep.last :])
    if keep.every is not None:
        yield from _named_by_steps(ordered, keep.every)
    if keep.best is not None:
        yield from _named_by_metric(ordered, keep.best, choose_metric(ordered, keep))
    if keep.newer_than is not None:
        recent = (checkpoint for checkpoint in ordered if now - checkpoint.time <= keep.newer_than)
        yield from ((checkpoint.step, f"newer than {keep.newer_than:g} s") for checkpoint in recent)


def _named_by_steps(ordered: Sequence[Ranked], every: int) -> Iterator[tuple[int, str]]:
    """The first checkpoint at or after each multiple; a later one of the same multiple never takes its place."""
    seen = {0}
    for checkpoint in ordered:
        multiple = checkpoint.step // every
        if multiple not in seen:
            seen.add(multiple)
            yield checkpoint.step, f"every {every:,} steps"


def _named_by_metric(ordered: Sequence[Ranked], best: int, metric: str) -> Iterator[tuple[int, str]]:
    known = [c for c in ordered if not math.isnan(c.metrics.get(metric, math.nan))]
    if not known:
        # It may be misspelt, or yet to come: which are the best nobody knows, and what is dropped is gone.
        yield from ((checkpoint.step, f"none has {metric}, which best {best} goes by") for checkpoint in ordered)
    ranked = sorted(known, key=lambda checkpoint: (checkpoint.metrics[metric], checkpoint.step), reverse=True)
    for checkpoint in ranked[:best]:
        yield checkpoint.step, f"best {best} by {metric} ({checkpoint.metrics[metric]:g})"
