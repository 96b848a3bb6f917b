"""One agent of the script's own while a run trains it: what it is at a clean point, and how it becomes that again.

The counterpart of ``training.Session``, which does the same for a model of SB3. What the walk of the agent finds is
kept; the environments and the random states of the process come beside it, and a replay buffer of SB3's goes to the
run's replay store, row by row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ...archive import Archive, Contents
from ...errors import MismatchError
from ..environment_id import id_of_environment
from ..environments import capture_environments, outlive_signals, restore_environments
from ..environments.vectors import unwrap_vectors
from ..later import settle
from ..random_states import hold_random_states, restore_random_states
from .capture import class_name, contents_of
from .into import Plan, check_into, fill_into
from .staging import Staging
from .walk import Walk, walk

__all__ = ["Captured", "Saved", "Session"]

PARTS = ("environments", "random", "run")
"""The resume state of a checkpoint of a run that a loop of the script's own trains."""


@dataclass(frozen=True, kw_only=True)
class Captured:
    """An agent at a clean point: nothing in it refers to memory that training changes.

    ``staged`` and ``resume`` are what was copied; :attr:`contents` is made of it when it is first asked for, which may
    be in another thread. ``inexact`` maps what is not captured exactly to the reason, ``logs`` the paths of log files
    to their sizes in bytes. ``replay`` is what the replay buffer has more than the last time, where the agent has one.
    """

    staged: Contents
    resume: Mapping[str, Any]
    inexact: Mapping[str, str]
    logs: Mapping[str, int]
    replay: Any
    metrics: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def contents(self) -> Contents:
        """What the archive is written from."""
        return replace(self.staged, resume=settle(self.resume))


@dataclass(kw_only=True)
class Saved:
    """A checkpoint that fits an agent: ``plan`` is what fills it, ``parts`` the resume state by name.

    ``inexact`` is what is not restored to the last bit, by name with the reason.
    """

    plan: Plan
    parts: Mapping[str, Any]
    differences: Mapping[str, str] = field(default_factory=dict)
    inexact: dict[str, str] = field(default_factory=dict)


class Session:
    """An agent, and its environment or None, which has been watched since it was made."""

    learns = False
    """A loop of the script's own trains it."""

    def __init__(self, agent: Any, environment: Any) -> None:
        self.agent = agent
        self.environment = environment
        self.recorder: Any = None
        """What follows the agent's replay buffer, where it has one of SB3's."""
        self._staging = Staging()
        self._replay_name: str | None = None
        self._rows = _Rows()
        self._find_replay_buffer(walk(agent))

    # -- what it is -----------------------------------------------------------------------------------

    @property
    def algorithm(self) -> str:
        """The full name of the agent's class."""
        return class_name(type(self.agent))

    @cached_property
    def environment_id(self) -> str | None:
        """The id of the environment in gymnasium's registry, where it is of it; workers are asked for it once."""
        return None if self.environment is None else id_of_environment(self.environment)

    def _find_replay_buffer(self, found: Walk) -> None:
        """Follow the first replay buffer that the agent has; another is not followed any more."""
        for name, buffer in found.replay_buffers.items():
            if self.recorder is None or self.recorder.buffer is not buffer:
                from ..replay import ReplayRecorder

                self.recorder, self._replay_name, self._rows = ReplayRecorder(buffer), name, _Rows()
            return

    # -- from live to kept -------------------------------------------------------------------------------

    def capture(self, run: Mapping[str, Any], *, steps: int, replay: bool = True) -> Captured:
        """Everything at this clean point, copied; ``run`` is what the run itself adds to the resume state.

        ``steps`` are those of the environments; ``replay`` says whether to capture the replay buffer too.
        """
        found = walk(self.agent)
        contents = contents_of(self.agent, found)
        self._find_replay_buffer(found)
        inexact = self._lost(found, replay)
        logs: Mapping[str, int] = {}
        environments = None
        if self.environment is not None:
            captured = capture_environments(self.environment)
            environments, logs = captured.held, captured.logs
            inexact.update(captured.inexact)
        buffer = self._capture_replay(steps) if replay and self.recorder is not None else None
        inexact.update({} if buffer is None else buffer.inexact)
        resume = {"environments": environments, "random": {"now": hold_random_states()}, "run": dict(run)}
        staged = replace(self._staging.copy(contents), environment=self.environment_id)
        return Captured(staged=staged, resume=resume, inexact=inexact, logs=logs, replay=buffer)

    def _capture_replay(self, steps: int) -> Any:
        if not self._rows.count(self.recorder.buffer, steps):
            self.recorder.forget()
        return self.recorder.capture(self._rows.added)

    def _lost(self, found: Walk, replay: bool) -> dict[str, str]:
        """State that stands in no archive, by name with the reason."""
        buffers = found.replay_buffers
        lost = {name: left.reason for name, left in found.left_out.items() if left.is_state and name not in buffers}
        for name in buffers:
            if name != self._replay_name:
                lost[name] = f"it is another replay buffer than {self._replay_name!r}, and a run keeps one"
            elif not replay:
                lost[name] = "it was left out, as replay=False asks"
        given = set(map(id, _inside(self.environment)))
        for name, environment in found.environments.items():
            if not given & set(map(id, _inside(environment))):
                lost[name] = "it is an environment that the run was not given: run.resume(..., envs=...)"
        return lost

    # -- from kept to live -------------------------------------------------------------------------------

    def read(self, archive: Archive) -> Saved:
        """Read a checkpoint's archive and compare it with the agent; neither is changed.

        Raises MismatchError where a part of it cannot be the agent's, and what reading a damaged archive raises.
        """
        if not set(PARTS) <= archive.resume.keys():
            raise MismatchError(
                f"expected the checkpoint of a training run, with {', '.join(PARTS)} in resume/, found another.",
                hint="Is it an agent that was saved without a run? Load it in make_agent: strongbox.load(...).",
            )
        parts = {name: archive.resume[name] for name in PARTS}
        if not isinstance(parts["random"], Mapping):
            raise MismatchError("expected a mapping in resume/random.json, found none.", path=archive.path)
        return Saved(plan=check_into(self.agent, archive), parts=parts)

    def put_parameters(self, saved: Saved) -> None:
        """Put everything into the agent that its archive has."""
        fill_into(saved.plan)

    def check_replay(self, manifest: Any) -> None:
        """Raise CheckpointError where the agent's replay buffer is another than the one that a manifest describes."""
        if self.recorder is not None:
            from ..replay import check_fit

            check_fit(self.recorder.buffer, manifest)

    def put_replay(self, manifest: Any, store: Any, *, steps: int) -> Mapping[str, str]:
        """Fill the replay buffer with what a manifest names; gives what is inexact."""
        self._find_replay_buffer(walk(self.agent))
        if self.recorder is None:
            return {"replay_buffer": "the checkpoint has one, and the agent of the script has none"}
        from ..replay import restore_replay

        inexact: Mapping[str, str] = restore_replay(self.recorder.buffer, manifest, store)
        self._rows = _Rows(steps, self.recorder.buffer.pos)
        self.recorder.resume(self._rows.added, manifest)
        return inexact

    def outlive_signals(self, numbers: Collection[int]) -> None:
        """Let the processes in which the environments live go on after signals, by number."""
        if self.environment is not None:
            outlive_signals(self.environment, numbers)

    def opened_logs(self) -> list[str]:
        """None: logs are the script's own."""
        return []

    def remove_logs(self, paths: Iterable[str], *, kept: Collection[str]) -> None:
        """Nothing is removed: logs are the script's own."""

    def prepare(self, saved: Saved, logs: Mapping[str, int], copies: Mapping[str, str]) -> None:
        """There is nothing to do before the clean point."""

    def restore(self, saved: Saved, copies: Mapping[str, str]) -> None:
        """Put back everything that the script's preparations have overwritten, the random states last.

        ``copies`` says by path where the content of Monitor's files was kept.
        """
        fill_into(saved.plan)
        state = saved.parts["environments"]
        if self.environment is not None and state is not None:
            saved.inexact.update(restore_environments(self.environment, state, logs=copies))
        elif self.environment is not None or state is not None:
            where = "the checkpoint" if state is None else "the script"
            saved.inexact["environments"] = f"{where} has none"
        saved.inexact.update(restore_random_states(saved.parts["random"].get("now")))


class _Rows:
    """How many rows were added to a replay buffer, from where its next row goes.

    A buffer does not say how often it went round. Every row takes a step of the environments at least, so that it
    cannot have gone round where fewer steps were done.
    """

    def __init__(self, steps: int = 0, position: int = 0) -> None:
        self.added = 0
        self._steps = steps
        self._position = position

    def count(self, buffer: Any, steps: int) -> bool:
        """Count up to now; False where the buffer may have gone round since the last time."""
        moved = (buffer.pos - self._position) % buffer.buffer_size
        known = bool(steps - self._steps < buffer.buffer_size + moved)
        self.added += moved
        self._steps, self._position = steps, buffer.pos
        return known


def _inside(environment: Any) -> Iterable[Any]:
    """An environment, and all those that it is made of and that live here."""
    if environment is None:
        return
    layers, base = unwrap_vectors(environment)
    yield from layers
    for each in (base, *getattr(base, "envs", ())):
        yield each
        inner = each
        while (inner := getattr(inner, "env", None)) is not None:
            yield inner
