"""Which environment an agent was trained in: the id under which gymnasium knows it, where it knows it.

The id is the one that ``gymnasium.make`` left on the innermost environment (its ``spec``), behind whatever wrappers
and vectors there are; an environment that was made in another way has none. A worker process is asked for its
environment's text, which ends in the id: a spec that a worker cannot send would end the worker, and with it the
training. Saving never fails for want of an id.
"""

from __future__ import annotations

import re
from typing import Any
from weakref import WeakKeyDictionary

from ..archive import is_environment_id
from .environments.vectors import unwrap_vectors

__all__ = ["find_environment_id", "id_of_environment", "keep_environment_id"]

WORKER_TEXT = re.compile(r"(?:<\w+)+<([^<>]+)>+")
"""``<TimeLimit<CartPoleEnv<CartPole-v1>>>``, as ``gymnasium.Env.__str__`` writes it."""

_KEPT: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def keep_environment_id(model: Any, environment: str) -> None:
    """Keep the id for a model that was loaded without an environment, for when it is saved again."""
    _KEPT[model] = environment


def find_environment_id(model: Any) -> str | None:
    """The id of a live model's environment, or of the archive it was loaded from; None where nothing tells it."""
    return _KEPT.get(model) if model.env is None else id_of_environment(model.env)


def id_of_environment(environment: Any) -> str | None:
    """The id of an environment, or of all that are behind one; None where nothing tells it."""
    try:
        found = set(_read_ids(environment))
    except Exception:  # noqa: BLE001 - environments are foreign code, and a save does not depend on them
        return None
    only = found.pop() if len(found) == 1 else None
    return only if only is not None and is_environment_id(only) else None


def _read_ids(environment: Any) -> list[str | None]:
    _, base = unwrap_vectors(environment)
    if hasattr(base, "processes"):
        if base.closed or getattr(base, "waiting", False):
            return []
        ask = base.env_method if hasattr(base, "env_method") else base.call
        texts = [WORKER_TEXT.fullmatch(text) for text in ask("__str__")]
        return [text[1] if text else None for text in texts]
    return [getattr(each.unwrapped.spec, "id", None) for each in getattr(base, "envs", (base,))]
