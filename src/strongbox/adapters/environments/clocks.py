"""Attributes that hold a moment of a clock: the time that has elapsed goes on.

A run that stands still does not grow older. What is captured is how much time had elapsed; what is restored is the
moment that lies so far back now. So the times that Monitor writes go on from those of the last row.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy

from .notes import Notes

__all__ = ["clocks_of", "read_clocks", "write_clocks"]

CLOCKS: dict[str, dict[str, Callable[[], float]]] = {
    "Monitor": {"t_start": time.time},
    "VecMonitor": {"t_start": time.time},
    "RecordEpisodeStatistics": {"episode_start_time": time.perf_counter, "episode_start_times": time.perf_counter},
}
"""By class: the attributes that hold a moment, and the clock that it was read from."""

NONE: Mapping[str, Callable[[], float]] = {}

NEVER = -1
"""What RecordEpisodeStatistics holds before its first reset."""


def clocks_of(live: Any) -> Mapping[str, Callable[[], float]]:
    """The attributes of an object that hold a moment."""
    kind: Any = type(live)
    clocks = _clocks_of_class(kind)
    return {name: clock for name, clock in clocks.items() if _is_moment(vars(live).get(name))} if clocks else NONE


@functools.lru_cache(maxsize=512)
def _clocks_of_class(kind: Any) -> Mapping[str, Callable[[], float]]:
    return next((CLOCKS[base.__name__] for base in kind.__mro__ if base.__name__ in CLOCKS), NONE)


def _is_moment(value: Any) -> bool:
    """A moment, or one for each of many environments."""
    return type(value) in (float, int) or (type(value) is numpy.ndarray and value.dtype == numpy.float64)


def read_clocks(live: Any) -> dict[str, Any]:
    """Seconds that have elapsed, by attribute; None where the clock has not been started."""
    clocks = clocks_of(live)
    if not clocks:
        return {}
    moments = {name: (clock, vars(live)[name]) for name, clock in clocks.items()}
    return {
        name: None if type(moment) is not numpy.ndarray and moment == NEVER else clock() - moment
        for name, (clock, moment) in moments.items()
    }


def write_clocks(live: Any, elapsed: Any, place: str, notes: Notes) -> None:
    """Set each moment so far back as time had elapsed."""
    elapsed = elapsed if type(elapsed) is dict else {}
    for name, clock in clocks_of(live).items():
        seconds, many = elapsed.get(name), isinstance(vars(live)[name], numpy.ndarray)
        if seconds is None and name in elapsed and not many:
            setattr(live, name, NEVER)
        elif _are_seconds(seconds, vars(live)[name]):
            setattr(live, name, clock() - seconds)
        else:
            notes.add(f"{place}.{name}", "expected how much time had elapsed, in seconds")


def _are_seconds(value: Any, live: Any) -> bool:
    """Whether a value is finite seconds, as many as there are moments."""
    if not _is_moment(value) or type(value) is int or numpy.shape(value) != numpy.shape(live):
        return False
    return bool(numpy.isfinite(value).all())
