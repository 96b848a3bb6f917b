"""Which attributes of a file a live model takes.

SB3's ``load`` sets whatever the file names. But the device, the environment and the logger are this
process's and the caller's; the buffers and networks are built, not read; what the class holds for all of
its agents is no agent's own; and a counter that is no number makes learning fail much later. Such
attributes stay behind, with the reason.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection
from typing import Any

import numpy
from stable_baselines3.common.base_class import BaseAlgorithm

from ..values import SCHEDULE_NAMES
from .classes import ALGORITHMS

__all__ = ["defaulted_names", "derived_from", "known_base", "refuse_counter", "reserved_names"]

COUNTERS = frozenset(("num_timesteps", "_num_timesteps_at_start", "_episode_num", "_n_updates", "_n_calls", "n_envs"))
"""Attributes that count something, and are never anything else."""

AMOUNTS = frozenset(("_total_timesteps", "_current_progress_remaining"))
"""Attributes that are numbers, whole or not: ``learn(1e6)`` is common."""


DERIVED = {
    "lr_schedule": ("learning_rate",),
    "exploration_schedule": ("exploration_initial_eps", "exploration_final_eps", "exploration_fraction"),
}
"""Attributes that SB3 makes anew out of others whenever it sets up an agent."""

OF_THE_RUN = frozenset(("device", "env", "tensorboard_log"))
"""Arguments of constructors that are about where an agent runs, not about what it is."""


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


def defaulted_names(algorithm: type[BaseAlgorithm]) -> frozenset[str]:
    """The attributes that SB3 has a default for, which an agent without them would silently take."""
    taken = {name for cls in algorithm.__mro__ if "__init__" in vars(cls) for name in inspect.signature(cls).parameters}
    return frozenset(taken | SCHEDULE_NAMES) - OF_THE_RUN


def derived_from(name: str, attributes: Collection[str]) -> tuple[str, ...]:
    """The attributes that SB3 makes one from, where all of them are there; otherwise none."""
    sources = DERIVED.get(name, ())
    return sources if all(source in attributes for source in sources) else ()


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, int | float) else type(value).__name__
