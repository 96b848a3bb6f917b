"""Which attributes of a file a live model takes.

SB3's ``load`` sets whatever the file names. But the device, the environment and the logger are this
process's and the caller's; the buffers and networks are built, not read; what the class holds for all of
its agents is no agent's own; and a counter that is no number makes learning fail much later. Such
attributes stay behind, with the reason.
"""

from __future__ import annotations

import math
from typing import Any

import numpy
from stable_baselines3.common.base_class import BaseAlgorithm

from .classes import ALGORITHMS

__all__ = ["known_base", "refuse_counter", "reserved_names"]

COUNTERS = frozenset(("num_timesteps", "_num_timesteps_at_start", "_episode_num", "_n_updates", "_n_calls", "n_envs"))
"""Attributes that count something, and are never anything else."""

AMOUNTS = frozenset(("_total_timesteps", "_current_progress_remaining"))
"""Attributes that are numbers, whole or not: ``learn(1e6)`` is common."""


def known_base(algorithm: type) -> type:
    """The algorithm of SB3 or sb3-contrib that a class is or is derived from; any other is its own."""
    listed = (cls for cls in algorithm.__mro__ if cls.__name__ in ALGORITHMS.get(cls.__module__, ()))
    return next(listed, algorithm)


def reserved_names(algorithm: type[BaseAlgorithm]) -> dict[str, str]:
    """The names that no file may set on an agent of a class, each with the reason.

    Methods are not among them: a file that has one is none that SB3 wrote.
    """
    base: Any = known_base(algorithm)
    shared = (name for name in dir(base) if not callable(getattr(base, name)))
    reasons = dict.fromkeys(shared, "it belongs to the class, not to an agent")
    # SB3 asks an instance, but no instance is needed for the answer.
    excluded = base._excluded_save_params(object.__new__(base))
    reasons.update(dict.fromkeys(excluded, "it belongs to the running process, and SB3 saves none"))
    reasons["logger"] = reasons["_logger"]
    return reasons


def refuse_counter(name: str, value: Any) -> str | None:
    """Why a restored value is none that an attribute may count with, or None where it is."""
    number = isinstance(value, int | numpy.integer) and not isinstance(value, bool)
    if name in COUNTERS and not (number and value >= (name == "n_envs")):
        return f"expected a whole number, found {_shown(value)}."
    if name in AMOUNTS and not (number or (isinstance(value, float | numpy.floating) and math.isfinite(value))):
        return f"expected a number, found {_shown(value)}."
    return None


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, int | float) else type(value).__name__
