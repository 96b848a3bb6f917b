"""What the workers of gymnasium's AsyncVectorEnv keep beside their environments.

A worker resets its environment at the step after the end of an episode; that it is about to do so stands in a
variable of the function that it runs, and nowhere else. It is read there. It is set by a step of which the
environment knows nothing: for one call, ``step`` gives what the last step gave, so that the worker takes note of it
as of any other. With it comes what was observed last, which lies in memory that the processes share, or in the parent.
"""

from __future__ import annotations

from typing import Any

import numpy

from .notes import Notes
from .parts import class_name
from .plain import NotPlain, copy_plain, revive
from .workers import call_workers, exchange

__all__ = ["capture_loops", "finish_resets", "restore_loops"]

OTHER_WORKER = "its workers run a function of the script's own, and whether they are about to reset is not known"


def capture_loops(vector: Any, notes: Notes) -> list[dict[str, Any]]:
    """For each worker, whether it is about to reset its environment, and what was observed last."""
    flags = call_workers(vector, "strongbox_is_resetting")
    observations = _observations(vector, notes)
    if _resets_later(vector) and None in flags:
        notes.add(class_name(vector), OTHER_WORKER)
    return [{"resets": bool(flag), "observed": seen} for flag, seen in zip(flags, observations, strict=True)]


def finish_resets(vector: Any) -> None:
    """Let every worker that is about to reset do so, before anything is put back into its environment."""
    flags = call_workers(vector, "strongbox_is_resetting")
    for pipe, flag in zip(vector.parent_pipes, flags, strict=True):
        if flag:
            pipe.send(("step", None))
            pipe.recv()


def restore_loops(vector: Any, loops: list[Any], notes: Notes) -> None:
    """Put both back; the environments stay as they are."""
    name = class_name(vector)
    if not all(_is_loop(loop) for loop in loops):
        notes.add(name, "the checkpoint does not say which workers are about to reset, or what was observed last")
        return
    seen = [revive(loop["observed"]) for loop in loops]
    if not all(_alike(now, then) for now, then in zip(_observations(vector, notes), seen, strict=True)):
        notes.add(f"{name}.observations", "expected observations of these environments' shape, found others")
        return
    armed = call_workers(
        vector,
        "strongbox_step_once",
        [(loop["resets"], observed) for loop, observed in zip(loops, seen, strict=True)],
    )
    if not all(armed):
        if _resets_later(vector):
            notes.add(name, OTHER_WORKER)
        return
    exchange(vector, "step", [None] * vector.num_envs)
    _put_observations(vector, seen)


def _is_loop(loop: Any) -> bool:
    return type(loop) is dict and set(loop) == {"resets", "observed"} and type(loop["resets"]) is bool


def _alike(now: Any, then: Any) -> bool:
    """Whether two observations are of one shape: the memory that the processes share has room for no other."""
    if isinstance(now, numpy.ndarray | numpy.generic):
        return isinstance(then, numpy.ndarray | numpy.generic) and (now.shape, now.dtype) == (then.shape, then.dtype)
    if type(now) is not type(then):
        return False
    if isinstance(now, dict):
        return now.keys() == then.keys() and all(_alike(now[name], then[name]) for name in now)
    return not isinstance(now, list | tuple) or (len(now) == len(then) and all(map(_alike, now, then)))


def _resets_later(vector: Any) -> bool:
    return bool(vector.autoreset_mode.name == "NEXT_STEP")


def _observations(vector: Any, notes: Notes) -> list[Any]:
    from gymnasium.vector.utils import iterate

    try:
        return [copy_plain(each) for each in iterate(vector.observation_space, vector.observations)]
    except NotPlain as reason:
        notes.add(f"{class_name(vector)}.observations", f"it is no plain data: {reason}")
        return [None] * vector.num_envs


def _put_observations(vector: Any, seen: list[Any]) -> None:
    """Where memory is not shared, the parent holds what was observed; elsewhere the workers have written it."""
    from gymnasium.vector.utils import concatenate

    if not vector.shared_memory:
        vector.observations = concatenate(vector.single_observation_space, seen, vector.observations)
