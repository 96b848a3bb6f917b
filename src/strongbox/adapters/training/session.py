"""One live model while a run trains it: what it is at a clean point, and how it becomes that again.

A checkpoint is put back in two parts, because SB3's ``learn()`` does things of its own on the way to the
first rollout. At its start (:meth:`Session.prepare`) come parameters, counters, the replay buffer and the logs,
so that whatever looks at them does as it would have done; at the clean point itself (:meth:`Session.restore`)
everything that has been overwritten or drawn in between, the random states last of all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from ...archive import Archive, Contents, Typed
from ...errors import MismatchError
from ...values import SCHEDULE_NAMES, ConstantSchedule, Normalization
from ..attributes import known_base
from ..capture import HeldAgent, hold_agent
from ..environment_id import find_environment_id
from ..environments import capture_environments, outlive_signals, restore_environments, watch_environments
from ..into import fill_into
from ..later import settle
from ..normalization import capture_normalization
from ..random_states import hold_random_states, restore_random_states
from ..replay import CapturedReplay, ReplayReader, ReplayRecorder, check_fit, restore_replay
from ..schedules import known_schedule
from .agent import NOISE, STATELESS_NOISE, capture_agent, leave_out_misfits
from .callback import RunCallback
from .callbacks import capture_callbacks, evaluated_environments, restore_callbacks, walk_callbacks, watch_callbacks
from .expected import OBSERVED, Expected, expect
from .logs import LogPositions, continue_logs, discard_logs, opened_events, remove_events
from .networks import Networks
from .pending import capture_pending, continue_iterations, restore_pending
from .saved import Saved, read_saved
from .settings import is_state
from .staging import Staging
from .state_dicts import StateDicts

__all__ = ["Captured", "Session"]


@dataclass(frozen=True, kw_only=True)
class Captured:
    """A model at a clean point: nothing in it refers to memory that training changes.

    ``agent`` and ``resume`` are what was copied; :attr:`contents` and :attr:`inexact` are made of it when they are
    first asked for, which may be in another thread. ``logs`` maps the paths of log files to their sizes in bytes,
    ``metrics`` names to numbers that checkpoints are compared by. ``replay`` is what the replay buffer has
    more than the last time, where the model has one.
    """

    expected: Expected
    agent: HeldAgent
    normalization: Normalization | None
    noise: str
    resume: Mapping[str, Any]
    noticed: Mapping[str, str]
    logs: Mapping[str, int]
    metrics: Mapping[str, float]
    replay: CapturedReplay | None

    @cached_property
    def contents(self) -> Contents:
        """What the archive is written from; raises CheckpointError where no run could go on from it."""
        contents = self.agent.contents(normalization=self.normalization)
        return leave_out_misfits(self.expected, replace(contents, resume=settle(self.resume)))

    @cached_property
    def inexact(self) -> Mapping[str, str]:
        """What is not captured exactly, by name with the reason: what was noticed at the clean point, and since."""
        return {**_lost(self.expected.algorithm, self.noise, self.contents), **self.noticed}


class Session:
    """A live model that a run trains; every environment that it has is watched from here on."""

    learns = True
    """SB3's ``learn()`` trains it."""

    def __init__(self, model: Any) -> None:
        if not isinstance(model, BaseAlgorithm):
            raise MismatchError(f"expected a model of Stable-Baselines3 from make_model, found {type(model).__name__}.")
        environment = model.get_env()
        if environment is None:
            raise MismatchError("expected a model with an environment from make_model, found one without.")
        self.model: BaseAlgorithm = model
        self.iterations = 0
        self._environment = environment
        self._expected = expect(model)
        self._callback: BaseCallback | None = None
        self._state_dicts = StateDicts()
        self._networks = Networks(model)
        self._variables = Staging()
        self._positions = LogPositions()
        self._before_draw: dict[str, Any] = {}
        self._end_iterations: Callable[[], None] | None = None
        self._recorder: ReplayRecorder | None = None
        watch_environments(environment)

    # -- what it is -----------------------------------------------------------------------------------

    @property
    def recorder(self) -> ReplayRecorder | None:
        """What follows the replay buffer, where the model has one; another buffer in its place is followed anew."""
        buffer = getattr(self.model, "replay_buffer", None)
        if self._recorder is None or self._recorder.buffer is not buffer:
            self._recorder = None if buffer is None else ReplayRecorder(buffer)
        return self._recorder

    @property
    def algorithm(self) -> str:
        """The full name of the model's class."""
        return f"{type(self.model).__module__}.{type(self.model).__qualname__}"

    @cached_property
    def environment_id(self) -> str | None:
        """The id of the environment as an archive names it; workers are asked for it once."""
        return find_environment_id(self.model)

    @property
    def steps(self) -> int:
        """SB3's own counter of steps."""
        return int(self.model.num_timesteps)

    def set_steps(self, steps: int) -> None:
        """Put SB3's counter of steps somewhere else."""
        self.model.num_timesteps = steps

    @property
    def total(self) -> int:
        """The counter at which the current call of ``learn()`` ends."""
        return int(self._learn_locals.get("total_timesteps", self.model._total_timesteps))

    @property
    def logs_here(self) -> bool:
        """Whether a continuation from here logs after the same rollouts: SB3 counts them anew in each ``learn()``.

        So it does, too, where no row is to come any more.
        """
        interval, rollout = self._log_interval, self._rollout
        if interval is None or self.iterations % interval == 0:
            return True
        return interval - self.iterations % interval > -(-(self.total - self.steps) // rollout)

    @property
    def steps_between_logs(self) -> int | None:
        """Steps from one row of the log to the next, where checkpoints have to wait for one; None where not."""
        return None if self._log_interval is None else self._log_interval * self._rollout

    @property
    def logs_every_rollout(self) -> bool:
        """Whether the log has a row for each rollout, and could have no more of them."""
        return self._log_interval == 1

    @property
    def moving_schedules(self) -> list[str]:
        """The names of the schedules that follow the progress towards the total of ``learn()``."""
        live = {name: getattr(self.model, name, None) for name in sorted(SCHEDULE_NAMES - {"learning_rate"})}
        return [
            name
            for name, schedule in live.items()
            if callable(schedule) and not isinstance(known_schedule(schedule), ConstantSchedule)
        ]

    @property
    def _log_interval(self) -> int | None:
        interval = self._learn_locals.get("log_interval")
        known = isinstance(self.model, OnPolicyAlgorithm) and isinstance(interval, int) and interval >= 1
        return interval if known else None

    @property
    def _rollout(self) -> int:
        """Steps of one rollout of an on-policy algorithm."""
        return int(getattr(self.model, "n_steps", 1)) * self.model.n_envs

    @property
    def _elapsed(self) -> int:
        """Nanoseconds for which ``learn()`` has gone on; none where somebody has put the clock back."""
        return max(0, time.time_ns() - int(self.model.start_time))

    @property
    def _draws_early(self) -> bool:
        return known_base(type(self.model)).__name__ == "ARS"

    @property
    def _learn_locals(self) -> Mapping[str, Any]:
        return {} if self._callback is None else self._callback.locals

    @property
    def _root(self) -> BaseCallback:
        assert self._callback is not None
        root = self._learn_locals.get("callback")
        return root if isinstance(root, BaseCallback) else self._callback

    def metrics(self) -> dict[str, float]:
        """Numbers that checkpoints are compared by: the last evaluation, and the episodes of late."""
        found: dict[str, float] = {}
        for _, callback in walk_callbacks(self._root):
            if isinstance(callback, EvalCallback) and numpy.isfinite(callback.last_mean_reward):
                found.setdefault("eval/mean_reward", float(callback.last_mean_reward))
        episodes = [episode["r"] for episode in self.model.ep_info_buffer or () if "r" in episode]
        if episodes:
            found["rollout/ep_rew_mean"] = float(numpy.mean(episodes))
        return found

    def outlive_signals(self, numbers: Collection[int]) -> None:
        """Let the processes in which the environments live go on after signals, by number."""
        for environment in (self._environment, *evaluated_environments(self._root)):
            outlive_signals(environment, numbers)

    def opened_logs(self) -> list[str]:
        """The files that this call of ``learn()`` has opened for TensorBoard, by path."""
        return opened_events(self.model.logger)

    def remove_logs(self, paths: Iterable[str], *, kept: Collection[str]) -> None:
        """Remove such files that were opened after the checkpoint which the run goes on from."""
        remove_events(self.model, paths, kept=kept)

    # -- from live to kept -------------------------------------------------------------------------------

    def begin(self, callback: BaseCallback) -> None:
        """Take notice that ``learn()`` begins, and of all its callbacks."""
        self._callback = callback
        runs = [inner for _, inner in walk_callbacks(self._root) if isinstance(inner, RunCallback)]
        if len(runs) > 1:
            raise MismatchError(
                f"expected one callback of a run in learn(callback=...), found {len(runs)}.",
                hint="Ask one run.callback(...) for everything: every, keep, on_signal.",
            )
        self.iterations = 0
        watch_callbacks(self._root)
        self.note_draws()

    def end(self) -> None:
        """Take notice that ``learn()`` ends."""
        if self._end_iterations is not None:
            self._end_iterations()
            self._end_iterations = None

    def note_draws(self) -> None:
        """Keep the random states that ARS draws its next perturbations from, before the rollout begins."""
        if self._draws_early:
            self._before_draw = hold_random_states()

    def capture(self, run: Mapping[str, Any], *, steps: int, replay: bool = True) -> Captured:
        """Everything at this clean point, copied; ``run`` is what the run itself adds to the resume state.

        ``steps`` are those of the run as a whole; ``replay`` says whether to capture the replay buffer too.
        """
        model = self.model
        live = model.get_vec_normalize_env()
        normalization = None if live is None else capture_normalization(live)
        parameters = self._state_dicts.copy(model, modules=self._networks.look())
        agent = hold_agent(model, exclude=OBSERVED, environment=self.environment_id, parameters=parameters)
        variables = self._variables.copy(agent.variables)
        environments = capture_environments(self._environment)
        callbacks, inexact, logs = capture_callbacks(self._root, without=self._callback)
        pending, unwritten = capture_pending(model.logger)
        networks, hidden = self._networks.capture()
        resume = {
            "agent": capture_agent(model),
            "callbacks": callbacks,
            "environments": environments.held,
            "networks": networks,
            "log": {"pending": pending, "rows": self._positions.rows(model.logger)},
            "random": {"now": hold_random_states(), "before": self._before_draw},
            "run": {**run, "iterations": self.iterations, "elapsed": self._elapsed},
        }
        buffer = self.recorder.capture(steps // model.n_envs) if self.recorder is not None and replay else None
        inexact.update({} if buffer is None else buffer.inexact)
        if self.recorder is not None and not replay:
            inexact["replay_buffer"] = "it was left out, as replay=False asks"
        return Captured(
            expected=self._expected,
            agent=replace(agent, variables=variables),
            normalization=normalization,
            noise=type(getattr(model, NOISE, None)).__name__,
            resume=resume,
            noticed={**environments.inexact, **inexact, **unwritten, **hidden},
            replay=buffer,
            logs={**self._positions.sizes(model.logger), **environments.logs, **logs},
            metrics=self.metrics(),
        )

    # -- from kept to live -------------------------------------------------------------------------------

    def read(self, archive: Archive) -> Saved:
        """Read a checkpoint's archive and compare it with the model; neither is changed."""
        return read_saved(self.model, self._expected, archive)

    def put_parameters(self, saved: Saved) -> None:
        """Put networks, optimizers and variables into the model."""
        fill_into(self.model, saved.archive, saved.draft)

    def check_replay(self, manifest: Any) -> None:
        """Raise CheckpointError where the model's replay buffer is another than the one that a manifest describes."""
        if self.recorder is not None:
            check_fit(self.recorder.buffer, manifest)

    def put_replay(self, manifest: Any, store: ReplayReader, *, steps: int) -> Mapping[str, str]:
        """Fill the replay buffer with what a manifest names; gives what is inexact."""
        if self.recorder is None:
            return {"replay_buffer": "the checkpoint has one, and the model of the script has none"}
        inexact = restore_replay(self.recorder.buffer, manifest, store)
        self.recorder.resume(steps // self.model.n_envs, manifest)
        return inexact

    def prepare(self, saved: Saved, logs: Mapping[str, int], copies: Mapping[str, str]) -> None:
        """Put back what must be there before SB3 looks at it, when ``learn()`` begins.

        ``logs`` are the sizes of log files at the checkpoint, ``copies`` says by path where their content was kept.
        """
        self.put_parameters(saved)
        saved.inexact.update(self._networks.restore(saved.parts["networks"]))
        saved.inexact.update(saved.agent.restore(self.model))
        self.iterations = saved.iterations
        self.model.start_time = time.time_ns() - saved.elapsed
        if isinstance(self.model, OnPolicyAlgorithm):
            self._end_iterations = continue_iterations(self.model.logger, saved.iterations)
        saved.inexact.update(continue_logs(self.model, logs, saved.rows, copies))
        self._positions.go_on(logs)
        if self._draws_early:
            restore_random_states(saved.parts["random"].get("before"))

    def restore(self, saved: Saved, copies: Mapping[str, str]) -> None:
        """Put back everything that SB3's own preparations have overwritten, at the clean point itself.

        ``copies`` says by path where the content of Monitor's files was kept.
        """
        saved.inexact.update(saved.agent.restore(self.model))
        saved.inexact.update(self._networks.restore(saved.parts["networks"]))
        saved.inexact.update(restore_environments(self._environment, saved.parts["environments"], logs=copies))
        callbacks = saved.parts["callbacks"]
        saved.inexact.update(restore_callbacks(self._root, callbacks, without=self._callback, copies=copies))
        restore_pending(self.model.logger, saved.parts["log"].get("pending"))
        saved.inexact.update(restore_random_states(saved.parts["random"].get("now")))

    def pass_over(self, *, last: bool) -> None:
        """Let ``learn()`` end at once: what it would do was done before, and the ``last`` of it is put back after."""
        if not last:
            discard_logs(self.model)
        self.set_steps(max(self.steps, self.total))


def _lost(kind: type[BaseAlgorithm], noise: str, contents: Contents) -> dict[str, str]:
    """State that stands in no archive, or not as it is, by name with the reason."""
    lost = {name: reason for name, reason in contents.left_out.items() if is_state(name, kind)}
    for place, reason in contents.shortened.items():
        if is_state(place.partition(":")[0], kind):
            lost[place] = reason
    for name, entry in contents.data.items():
        matters = is_state(name, kind) or (name == NOISE and noise not in STATELESS_NOISE)
        if matters and isinstance(entry, Typed) and entry.opaque:
            lost[name] = entry.opaque[0][1].reason
    return lost
