"""What a logger holds that is not written yet, and how often SB3 has written: both go on where they were.

On-policy algorithms log what they learned one iteration later, and count their iterations in a variable of
``learn()`` itself, where nothing can put a number back: the logger adds what was done before.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy
from stable_baselines3.common.logger import Logger

from ...errors import MismatchError

__all__ = ["capture_pending", "continue_iterations", "restore_pending"]

ITERATIONS = "time/iterations"
PLAIN = (bool, int, float, str, type(None))


def capture_pending(logger: Logger) -> tuple[dict[str, Any], dict[str, str]]:
    """The values that were recorded and not written, with their counts and exclusions; and those that are not kept."""
    pending: dict[str, Any] = {}
    inexact: dict[str, str] = {}
    for name, value in logger.name_to_value.items():
        if isinstance(value, PLAIN) or (isinstance(value, numpy.generic) and value.dtype.kind in "biuf"):
            excluded = logger.name_to_excluded.get(name)
            pending[name] = [value, logger.name_to_count.get(name, 0), None if excluded is None else list(excluded)]
        else:
            inexact[f"log {name}"] = f"it was recorded, and not written yet, as a {type(value).__name__}"
    return pending, inexact


def restore_pending(logger: Logger, pending: Any) -> None:
    """Put back what was recorded and not written."""
    rows = {name: _checked(name, row) for name, row in _items(pending)}
    logger.name_to_value.clear()
    logger.name_to_count.clear()
    logger.name_to_excluded.clear()
    for name, (value, count, excluded) in rows.items():
        logger.name_to_value[name] = value
        if count:
            logger.name_to_count[name] = count
        if excluded is not None:
            logger.name_to_excluded[name] = tuple(excluded)


def _items(pending: Any) -> Any:
    if not isinstance(pending, Mapping):
        raise MismatchError("expected a mapping of what was recorded in resume/log.json, found none.")
    return pending.items()


def _checked(name: Any, row: Any) -> tuple[Any, int, Any]:
    if isinstance(name, str) and isinstance(row, list) and len(row) == 3:
        value, count, excluded = row
        names = [] if excluded is None else excluded
        plain = isinstance(value, PLAIN) or (isinstance(value, numpy.generic) and value.dtype.kind in "biuf")
        if plain and type(count) is int and isinstance(names, list) and all(isinstance(item, str) for item in names):
            return value, count, excluded
    raise MismatchError("expected a value, a count and names for each value in resume/log.json, found something else.")


def continue_iterations(logger: Logger, done: int) -> Callable[[], None]:
    """Let a logger add iterations that were done before to those that SB3 counts; gives what ends that."""
    plain = logger.record

    @functools.wraps(plain)
    def record(key: str, value: Any, *arguments: Any, **keywords: Any) -> None:
        plain(key, value + done if key == ITERATIONS else value, *arguments, **keywords)

    vars(logger)["record"] = record
    return lambda: vars(logger).pop("record", None) and None
