"""A training run that outlives its process: made, interrupted, and gone on with by the same script."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ..checkpoints import Keep
from ..errors import CheckpointError, MismatchError
from ..limits import DEFAULT_LIMITS, Limits
from .abandoned import close_abandoned, note_thread
from .learning import Learning, Options
from .live import LiveRun
from .report import RunReport, warn
from .sessions import Session
from .stepping import Stepping

if TYPE_CHECKING:
    from ..adapters.training import RunCallback

__all__ = ["Run"]

Agent = TypeVar("Agent")

UNSAID: Any = object()
"""Stands for environments of which nothing was said."""


class Run:
    """A training run in the folder ``path``: its checkpoints, and how training goes on from them.

    A model of SB3 is trained by its ``learn()``::

        run = strongbox.Run("runs/pendulum")
        model = run.resume(make_model)
        model.learn(200_000, callback=run.callback(every=10_000))

    An agent of one's own by a loop::

        run = strongbox.Run("runs/cartpole")
        agent = run.resume(make_agent, envs=envs)
        while agent.global_step < 200_000:
            run.step(agent, every=10_000)
            ...
        run.save(agent)

    Nothing is read or written before :meth:`resume`, which takes the run for this process until :meth:`close`, or the
    end of ``with strongbox.Run(...) as run:``. ``durable=False`` does not wait for the disk: a killed process loses
    nothing, a power failure may.
    """

    def __init__(self, path: str | os.PathLike[str], *, durable: bool = True, limits: Limits = DEFAULT_LIMITS) -> None:
        self._live = LiveRun(path, durable=durable, limits=limits)
        self._stepping: Stepping | None = None
        self._untrained: int | None = None
        """SB3's counter of steps as the model came, until it is known who trains it."""

    def __repr__(self) -> str:
        return f"<Run {self.path}>"

    @property
    def path(self) -> str:
        """The folder of the run."""
        return self._live.path

    @property
    def report(self) -> RunReport:
        """What a continuation is not exact in; complete once the training goes on."""
        return self._live.report

    @property
    def preempted(self) -> str | None:
        """The name of the signal that has stopped the training, or that came when it was about to end; or None."""
        return self._live.preempted

    @property
    def steps_done(self) -> int:
        """The steps that were trained for in this run, over all calls of ``learn()``."""
        return self._live.step

    def resume(self, make_agent: Callable[[], Agent], *, envs: Any = UNSAID) -> Agent:
        """The agent of ``make_agent``, with everything that the newest checkpoint has of it, if there is one.

        ``envs`` is the environment of a loop of one's own: of gymnasium, one or many at once, or SB3's VecEnv; None
        says that there is none. It is watched from here on, and so has to be new. A model of SB3 has its own.

        The run is taken for this process until :meth:`close`. Settings of a model of SB3 are those of ``make_agent``,
        and where the checkpoint was made with others, one warning says so; environments, random states and replay
        buffer go on when ``learn()`` or :meth:`step` is called. A ``learn()`` that was finished is passed over, and the
        model has the parameters of the newest checkpoint all the while.

        A run of this process that was left, as by a cell of a notebook that was interrupted, is closed, and a warning
        says so. Raises CheckpointError where another process has the run, or another thread of this one, where all
        checkpoints are damaged, and where they are of another class or of other spaces or networks: nothing is changed
        then.
        """
        made: list[Agent] = []

        def make_session() -> Session:
            if envs is not UNSAID and envs is not None:
                _watch(envs)
            made.append(make_agent())
            return _session_for(made[0], envs)

        close_abandoned(self.path)
        self._live.resume(make_session)
        note_thread(self._live)
        session: Any = self._live.session
        if session.learns:
            self._untrained = session.steps
        else:
            self._stepping = Stepping(self._live)
        return made[0]

    def callback(
        self,
        *,
        every: int | None = 10_000,
        keep: Keep | None = None,
        on_signal: bool = False,
        replay: bool = True,
        skip_if_busy: bool = False,
    ) -> RunCallback:
        """A callback for ``learn()`` that makes the run's checkpoints, and puts back what the newest one has.

        A checkpoint is made at the first start of a rollout after every ``every`` steps, and at the end of
        ``learn()``; retention then drops what ``keep`` does not name (None keeps all). ``on_signal`` makes one at the
        next start of a rollout after SIGTERM or SIGUSR1 and stops ``learn()``; ``run.preempted`` tells. The worker
        processes of environments go on after these signals.
        ``replay=False`` leaves the replay buffer out, and says in every checkpoint that it is not exact. A checkpoint
        that is due while the last one is still being written waits for it, or with ``skip_if_busy`` is left to the
        next start of a rollout.
        """
        from ..adapters.training import RunCallback

        self._check_every(every)
        self._check_keep(keep)
        return RunCallback(Learning(self._live, Options(every, keep, on_signal, replay, skip_if_busy)))

    def step(
        self,
        agent: Any,
        *,
        envs: Any = UNSAID,
        step: int | None = None,
        every: int | None = 10_000,
        keep: Keep | None = None,
        on_signal: bool = False,
        replay: bool = True,
        skip_if_busy: bool = False,
        metrics: Mapping[str, float] | None = None,
    ) -> bool:
        """The clean point of a loop of one's own: call it where an iteration begins and nothing is half done.

        The first call after :meth:`resume` puts back what the newest checkpoint has, once more: the agent, its replay
        buffer, the environments, and the random states last; whatever the script did before it is replaced. Every
        other call makes a checkpoint where ``step`` has passed a multiple of ``every`` since the last one. False says
        that training was stopped by a signal and its checkpoint is made; True that it goes on.

        ``agent`` and ``envs`` are those of :meth:`resume`. ``step`` counts the steps of the environments; it is the
        agent's ``global_step``, ``num_timesteps`` or ``steps`` unless given. ``metrics`` are numbers that
        checkpoints are compared by (``Keep(best=2, metric="return")``). The other options are those of
        :meth:`callback`.

        What one iteration hands on to the next belongs to the agent (its last observation, its counters): what stands
        in variables of the loop is in no checkpoint. Raises CheckpointError for another agent or other environments,
        and where nothing counts the steps.
        """
        self._check_every(every)
        self._check_keep(keep)
        options = Options(every, keep, on_signal, replay, skip_if_busy)
        return self._loop(agent, envs).step(agent, step, options, metrics or {})

    def save(
        self,
        agent: Any,
        *,
        envs: Any = UNSAID,
        step: int | None = None,
        keep: Keep | None = None,
        replay: bool = True,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Make a checkpoint of a loop of one's own now; it is committed when this returns.

        Call it after the loop. Where nothing was trained since the newest checkpoint, none is made, and everything is
        as it was there. The options are those of :meth:`step`.
        """
        self._check_keep(keep)
        options = Options(None, keep, False, replay, False)
        self._loop(agent, envs).save(agent, step, options, metrics or {})

    def replay_changed(self) -> None:
        """Say that rows of the replay buffer were changed by hand: the next checkpoint takes all of them anew.

        Without it a change is found, too, but perhaps some checkpoints later; until then they hold the rows as they
        were. Call it after the change. Raises CheckpointError where the agent has no replay buffer.
        """
        self._live.replay_changed()

    def wait(self) -> None:
        """Return when the last checkpoint is committed; raises the error that kept it from it."""
        self._live.wait()

    def close(self) -> None:
        """Wait for the last checkpoint and let go of the run; more than once does nothing.

        Warns where the model was trained by a ``learn()`` of which the run has not heard.
        """
        self._live.close()
        self._tell_unheard()

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _tell_unheard(self) -> None:
        """Warn, once, where the model was trained and nobody has told the run."""
        untrained, self._untrained = self._untrained, None
        if untrained is None or self._live.phases.begun:
            return
        session: Any = self._live.session
        if session.steps != untrained:
            lost = "nothing of its checkpoint but parameters was put back, and " if self._live.goes_on else ""
            warn(
                f"{self.path}: expected learn(..., callback=run.callback(...)), found that the model was trained "
                f"without it; {lost}no checkpoint was made."
            )

    def _check_every(self, every: Any) -> None:
        if every is not None and (not isinstance(every, int) or isinstance(every, bool) or every < 1):
            raise CheckpointError(f"expected a number of steps, 1 or more, for every, found {every!r}.", path=self.path)

    def _check_keep(self, keep: Any) -> None:
        if keep is not None and not isinstance(keep, Keep):
            hint = "For example keep=strongbox.Keep(last=3)"
            raise CheckpointError(f"expected a strongbox.Keep for keep, found {keep!r}.", path=self.path, hint=hint)

    def _loop(self, agent: Any, envs: Any) -> Stepping:
        """What keeps a loop of one's own; the agent and its environments have to be those that were resumed."""
        session: Any = self._live.session
        if self._stepping is None:
            raise CheckpointError(
                "expected an agent of your own in run.step(...), found a model of Stable-Baselines3.",
                path=self.path,
                hint="Its checkpoints are made by: model.learn(..., callback=run.callback(...))",
            )
        if agent is not session.agent:
            raise CheckpointError("expected the agent that run.resume(...) gave, found another.", path=self.path)
        if envs is not UNSAID and envs is not session.environment:
            raise CheckpointError(
                "expected the environments that run.resume(...) was given, found others.",
                path=self.path,
                hint="They are watched from there on: run.resume(make_agent, envs=envs)",
            )
        return self._stepping


def _watch(envs: Any) -> None:
    from ..adapters.environments import watch_environments

    watch_environments(envs)


def _session_for(agent: Any, envs: Any) -> Session:
    """A session for a model of SB3, or for any other object."""
    from ..adapters import is_sb3_class

    if is_sb3_class(type(agent)):
        from ..adapters.training import Session as LearningSession

        if envs is not UNSAID:
            raise MismatchError("expected no envs for a model of Stable-Baselines3, which has its own, found some.")
        return LearningSession(agent)
    from ..adapters.own.session import Session as OwnSession

    if envs is UNSAID:
        raise MismatchError(
            f"expected envs=... for an agent of your own ({type(agent).__name__}), found none.",
            hint="run.resume(make_agent, envs=envs), or envs=None where it is trained in no environment.",
        )
    return OwnSession(agent, envs)
