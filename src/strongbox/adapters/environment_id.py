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

from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv, VecEnvWrapper

from ..archive import is_environment_id

__all__ = ["find_environment_id", "keep_environment_id"]

WORKER_TEXT = re.compile(r"(?:<\w+)+<([^<>]+)>+")
"""``<TimeLimit<CartPoleEnv<CartPole-v1>>>``, as ``gymnasium.Env.__str__`` writes it."""

_KEPT: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def keep_environment_id(model: Any, environment: str) -> None:
    """Keep the id for a model that was loaded without an environment, for when it is saved again."""
    _KEPT[model] = environment


def find_environment_id(model: Any) -> str | None:
    """The id of a live model's environment, or of the archive it was loaded from; None where nothing tells it."""
    if model.env is None:
        return _KEPT.get(model)
    try:
        found = set(_read_ids(model.env))
    except Exception:  # noqa: BLE001 - environments are foreign code, and a save does not depend on them
        return None
    only = found.pop() if len(found) == 1 else None
    return only if only is not None and is_environment_id(only) else None


def _read_ids(environment: VecEnv) -> list[str | None]:
    while isinstance(environment, VecEnvWrapper):
        environment = environment.venv
    if isinstance(environment, SubprocVecEnv):
        if environment.closed or environment.waiting:
            return []
        texts = [WORKER_TEXT.fullmatch(text) for text in environment.env_method("__str__")]
        return [text[1] if text else None for text in texts]
    return [getattr(each.unwrapped.spec, "id", None) for each in getattr(environment, "envs", ())]
