"""The ways to the environments inside: they live here, in worker processes, or cannot be told apart."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from ..loaded import loaded_classes
from .inner import capture_inner, restore_inner, watch_inner, way_of
from .layers import capture_layers, restore_layers, watch_layers
from .notes import Notes
from .parts import class_name
from .worker_loops import capture_loops, finish_resets, restore_loops
from .workers import call_workers, capture_workers

__all__ = ["Inside", "find_inside"]

NOTHING: frozenset[str] = frozenset()


class Inside(Protocol):
    """The environments inside of one that makes many of them one."""

    @property
    def count(self) -> int:
        """How many states there are."""

    @property
    def has_layer(self) -> bool:
        """Whether what holds them is a layer with a state of its own."""

    @property
    def kept_inside(self) -> frozenset[str]:
        """Attributes of that layer that belong to the environments inside."""

    def watch(self) -> None:
        """Begin to record."""

    def capture(self, notes: Notes) -> list[tuple[Any, Notes]]:
        """The state of each, and what there is to say about it."""

    def restore(self, states: list[Any], notes: Notes) -> list[dict[str, str]]:
        """Put the states back; gives for each what is not as it was."""

    def outlive_signals(self, numbers: Collection[int]) -> None:
        """Let processes of their own go on after these signals, until this process ends them or is gone."""


def find_inside(base: Any) -> Inside | None:
    """The way into an environment that no vector's wrapper is around; None for what is no environment."""
    if isinstance(base, loaded_classes("gymnasium", "Env")):
        return _Here([base], has_layer=False)
    dummy, subprocesses, of_sb3 = _sb3("DummyVecEnv"), _sb3("SubprocVecEnv"), _sb3("VecEnv")
    sync, workers, of_gymnasium = _vector("SyncVectorEnv"), _vector("AsyncVectorEnv"), _vector("VectorEnv")
    if isinstance(base, dummy + sync):
        return _Here(base.envs)
    if isinstance(base, subprocesses):
        return _Workers(base)
    if isinstance(base, workers):
        return _AsyncWorkers(base)
    if isinstance(base, of_gymnasium) and way_of(base) in ("attributes", "protocol"):
        return _Whole(base)
    return _Unknown(base) if isinstance(base, of_sb3 + of_gymnasium) else None


def _sb3(name: str) -> tuple[Any, ...]:
    return loaded_classes("stable_baselines3.common.vec_env", name)


def _vector(name: str) -> tuple[Any, ...]:
    return loaded_classes("gymnasium.vector", name)


class _Here:
    """They live in this process, each a stack of wrappers."""

    kept_inside = NOTHING

    def __init__(self, environments: list[Any], *, has_layer: bool = True) -> None:
        self._environments = environments
        self.has_layer = has_layer
        self.count = len(environments)

    def watch(self) -> None:
        for each in self._environments:
            watch_layers(each)

    def capture(self, notes: Notes) -> list[tuple[Any, Notes]]:
        return [capture_layers(each) for each in self._environments]

    def restore(self, states: list[Any], notes: Notes) -> list[dict[str, str]]:
        return [
            restore_layers(each, state, notes.copies) for each, state in zip(self._environments, states, strict=True)
        ]

    def outlive_signals(self, numbers: Collection[int]) -> None:
        return


class _Workers:
    """Each lives in a worker process of SubprocVecEnv."""

    has_layer = True
    kept_inside = NOTHING

    def __init__(self, vector: Any) -> None:
        self._vector = vector
        self.count: int = vector.num_envs

    def watch(self) -> None:
        call_workers(self._vector, "strongbox_watch")

    def capture(self, notes: Notes) -> list[tuple[Any, Notes]]:
        return capture_workers(self._vector)

    def restore(self, states: list[Any], notes: Notes) -> list[dict[str, str]]:
        return call_workers(self._vector, "strongbox_restore", [(state, dict(notes.copies)) for state in states])

    def outlive_signals(self, numbers: Collection[int]) -> None:
        call_workers(self._vector, "strongbox_outlive_signals", [(tuple(numbers),)] * self.count)
        for process in self._vector.processes:
            # SIGTERM would not end them any more; and as multiprocessing ends those that are left when the
            # interpreter exits, and waits for them, it would wait for ever.
            process._popen.terminate = process._popen.kill


class _AsyncWorkers(_Workers):
    """Each lives in a worker process of AsyncVectorEnv, which keeps more than the environment."""

    kept_inside = frozenset(("observations",))

    def capture(self, notes: Notes) -> list[tuple[Any, Notes]]:
        captured = super().capture(notes)
        loops = capture_loops(self._vector, notes)
        return [({**state, "loop": loop}, own) for (state, own), loop in zip(captured, loops, strict=True)]

    def restore(self, states: list[Any], notes: Notes) -> list[dict[str, str]]:
        finish_resets(self._vector)
        inexact = super().restore(states, notes)
        restore_loops(self._vector, [state.get("loop") for state in states], notes)
        return inexact


class _Whole:
    """There is one object for all, whose state is known as that of a single environment is."""

    has_layer = False
    kept_inside = NOTHING
    count = 1

    def __init__(self, vector: Any) -> None:
        self._vector = vector

    def watch(self) -> None:
        watch_inner(self._vector)

    def capture(self, notes: Notes) -> list[tuple[Any, Notes]]:
        return [(capture_inner(self._vector, class_name(self._vector), notes), Notes())]

    def restore(self, states: list[Any], notes: Notes) -> list[dict[str, str]]:
        restore_inner(self._vector, states[0], class_name(self._vector), notes)
        return [{}]

    def outlive_signals(self, numbers: Collection[int]) -> None:
        return


class _Unknown:
    """There is no way into them, and that is said."""

    has_layer = True
    kept_inside = NOTHING
    count = 0

    def __init__(self, vector: Any) -> None:
        self._vector = vector

    def watch(self) -> None:
        return

    def capture(self, notes: Notes) -> list[tuple[Any, Notes]]:
        notes.add(class_name(self._vector), "there is no way into the environments of this class")
        return []

    def restore(self, states: list[Any], notes: Notes) -> list[dict[str, str]]:
        self.capture(notes)
        return []

    def outlive_signals(self, numbers: Collection[int]) -> None:
        return
