"""How far an agent was trained: the counters that SB3 keeps, and how its last episodes went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from math import fsum, isfinite
from typing import Any

import numpy

from ..records import record

__all__ = ["TRAINING_NAMES", "Training", "read_training"]

COUNTERS = (
    "num_timesteps",
    "_total_timesteps",
    "_num_timesteps_at_start",
    "_current_progress_remaining",
    "_current_progress",
    "_episode_num",
    "_n_updates",
    "_n_calls",
    "exploration_rate",
    "old_count",
)
"""Attributes of SB3's algorithms that training moves on; ``_current_progress`` is of SB3 0.8 and before."""

EPISODES, SUCCESSES, START = "ep_info_buffer", "ep_success_buffer", "start_time"
TRAINING_NAMES = frozenset((*COUNTERS, EPISODES, SUCCESSES, START))

NANOSECONDS = 1_000_000_000


@record(frozen=True, kw_only=True)
class Training:
    """Counters by their names, and means over the last episodes that Monitor reported.

    ``episodes`` is how many of them the archive keeps (at most 100 unless set otherwise); the means
    are None where there are none. ``started`` is the start of the last call of ``learn()``, in UTC.
    """

    counters: Mapping[str, Any]
    episodes: int = 0
    mean_return: float | None = None
    mean_length: float | None = None
    success_rate: float | None = None
    started: str | None = None


def read_training(data: Mapping[str, Any]) -> Training:
    """The state of training that ``data`` tells of; what is not there, or not a number, is left out."""
    episodes = [item for item in _items(data.get(EPISODES)) if isinstance(item, Mapping)]
    return Training(
        counters={name: data[name] for name in COUNTERS if name in data},
        episodes=len(episodes),
        mean_return=_mean(item.get("r") for item in episodes),
        mean_length=_mean(item.get("l") for item in episodes),
        success_rate=_mean(_items(data.get(SUCCESSES))),
        started=_moment(data.get(START)),
    )


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) or hasattr(value, "maxlen") else []


def _mean(values: Iterable[Any]) -> float | None:
    numbers = [number for number in map(_number, values) if number is not None]
    return fsum(numbers) / len(numbers) if numbers else None


def _number(value: Any) -> float | None:
    """A finite number as a float; a mean over NaN or infinity would tell nothing."""
    if isinstance(value, (bool, int, float, numpy.bool_, numpy.integer, numpy.floating)):
        number = float(value)
        return number if isfinite(number) else None
    if isinstance(value, numpy.ndarray) and value.size == 1 and value.dtype.kind in "biuf":
        return _number(value.item())
    return None


def _moment(value: Any) -> str | None:
    """The time that SB3 keeps, seconds as a float before 1.6 and whole nanoseconds since, in words."""
    number = _number(value)
    if not number:
        return None
    seconds = number / NANOSECONDS if number > NANOSECONDS * 1000 else number
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, OSError, ValueError):
        return None
