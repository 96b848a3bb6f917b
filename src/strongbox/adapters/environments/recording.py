"""A recorder on an environment: what its last reset started from, and the actions since.

The environment's own class is replaced by one derived from it, made for this one environment, whose ``reset`` and
``step`` record and then do what they did. Nothing is added to the environment's attributes: its own code and a copy or
pickle of it see the class that it had. Calls that an environment makes to itself (LunarLander steps once while it
resets) belong to the call from outside and are not recorded.

It costs a copy of the action and of the observation at each step, and a copy of the plain attributes at each reset.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy

from ...errors import StrongboxError
from ...values import same
from .actions import ActionLog
from .atari import is_atari, read_before_reset
from .parts import parts_of
from .plain import NotPlain, copy_plain
from .worlds import renew_world

if TYPE_CHECKING:
    import gymnasium

__all__ = [
    "GENERATOR",
    "Recorder",
    "bits_of",
    "own_parts",
    "plain_attributes",
    "plain_parts",
    "record",
    "recorder_of",
    "same_bits",
]

LARGEST = 1 << 20
"""Bytes of an array, and parts of other data, above which an attribute counts as data that no reset changes."""

MOST_DRAWS = 200_000

GENERATOR = "_np_random"
"""The attribute with the environment's generator, which others draw from, too."""

SET_CLASS = object.__dict__["__class__"].__set__
"""Sets an object's class, whatever its ``__class__`` says."""

MARK = "_strongbox_recorder"


class Recorder:
    """What was recorded of one environment since its last reset."""

    def __init__(self) -> None:
        self.inside = False
        self.problem: str | None = "it has not been reset since watching began"
        self.before: dict[str, Any] = {}
        self.parts: dict[str, dict[str, Any]] = {}
        self.generator: Any = None
        self.machine: dict[str, Any] | None = None
        self.arguments: dict[str, Any] = {}
        self.actions = ActionLog()
        self.draws: list[list[Any]] = []
        self.drawn: Any = None
        self.last: tuple[Any, ...] = ()
        self.total = 0.0

    def begin(self, env: gymnasium.Env[Any, Any], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        """Note what a reset starts from."""
        self.actions, self.draws, self.last, self.total, self.problem = ActionLog(), [], (), 0.0, None
        self.before, self.parts = plain_attributes(env), plain_parts(env)
        generator = vars(env).get(GENERATOR)
        self.generator = None if generator is None else copy_plain(generator)
        try:
            self.machine = read_before_reset(env) if is_atari(env) else None
            self.arguments = copy_plain(keywords)
        except (NotPlain, StrongboxError) as reason:
            self.problem = f"what its last reset was called with or started from is not known: {reason}"
        if arguments or not set(keywords) <= {"seed", "options"}:
            self.problem = "its last reset was called with more than a seed and options"

    def note_draws(self, before: Any, after: Any) -> None:
        """Keep where the generator stood before a step that drew from it, if someone else had drawn in between.

        Wrappers draw from the environment's own generator (NoopResetEnv, StickyAction). What they drew matters to a
        replay only where the environment draws, too.
        """
        if same_bits(before, after):
            return
        if not same_bits(before, self.drawn):
            self.draws.append([self.actions.count - 1, before])
        self.drawn = after
        if len(self.draws) > MOST_DRAWS:
            self.problem = f"others drew from its generator between more than {MOST_DRAWS:,} steps of one episode"
            self.draws.clear()

    def note(self, result: Any) -> None:
        """Keep what a call returned, the observation copied, since a wrapper may change it in place."""
        if type(result) is not tuple or len(result) not in (2, 5):
            self.problem = "it returned something else than gymnasium says"
            return
        self.last = (_copy(result[0]), *result[1:4]) if len(result) == 5 else (_copy(result[0]),)
        if len(result) == 5 and isinstance(result[1], int | float | numpy.number):
            self.total += float(result[1])


def record(env: gymnasium.Env[Any, Any]) -> bool:
    """Begin to record an environment, once; whether its class allows it."""
    if recorder_of(env) is not None:
        return True
    own: Any = type(env)
    recorder = Recorder()

    @functools.wraps(own.reset)
    def reset(self: Any, *arguments: Any, **keywords: Any) -> Any:
        if recorder.inside:
            return own.reset(self, *arguments, **keywords)
        renew_world(self)
        recorder.begin(self, arguments, keywords)
        result = _call(own.reset, self, arguments, keywords)
        recorder.drawn = bits_of(self)
        return result

    @functools.wraps(own.step)
    def step(self: Any, action: Any) -> Any:
        if recorder.inside:
            return own.step(self, action)
        recorder.actions.add(action)
        before = bits_of(self)
        result = _call(own.step, self, (action,), {})
        recorder.note_draws(before, bits_of(self))
        return result

    def _call(method: Any, self: Any, arguments: Any, keywords: Any) -> Any:
        recorder.inside = True
        try:
            result = method(self, *arguments, **keywords)
        except BaseException:
            recorder.problem = "its last call ended with an exception"
            raise
        finally:
            recorder.inside = False
        recorder.note(result)
        return result

    def reduce(self: Any, protocol: Any) -> Any:
        # A copy or a pickle is of the class that the environment had.
        SET_CLASS(self, own)
        try:
            return self.__reduce_ex__(protocol)
        finally:
            SET_CLASS(self, recording)

    body = {
        "__slots__": (),
        "__module__": own.__module__,
        "__qualname__": own.__qualname__,
        "__doc__": own.__doc__,
        "__class__": property(lambda self: own),
        "__reduce_ex__": reduce,
        "reset": reset,
        "step": step,
        MARK: recorder,
    }
    try:
        recording: Any = type(own)(own.__name__, (own,), body)
        SET_CLASS(env, recording)
    except TypeError:
        return False  # A class made in C, or one that may not be derived from.
    return True


def recorder_of(env: gymnasium.Env[Any, Any]) -> Recorder | None:
    """The recorder of an environment that is being recorded."""
    found = vars(type(env)).get(MARK)
    return found if isinstance(found, Recorder) else None


def bits_of(env: Any) -> Any:
    """Where the environment's generator stands, as numpy tells it; None where it has none."""
    generator = vars(env).get(GENERATOR)
    return generator.bit_generator.state if isinstance(generator, numpy.random.Generator) else None


def same_bits(left: Any, right: Any) -> bool:
    """Whether a generator stands at the same place; PCG64, which gymnasium uses, is told by numbers alone."""
    try:
        return bool(left == right)
    except ValueError:
        return same(left, right)  # some other bit generator, told by arrays


def plain_attributes(env: gymnasium.Env[Any, Any]) -> dict[str, Any]:
    """The attributes of an environment that are plain data and not large."""
    found: dict[str, Any] = {}
    for name, value in vars(env).items():
        if name == GENERATOR or (isinstance(value, numpy.ndarray) and value.nbytes > LARGEST):
            continue
        try:
            found[name] = copy_plain(value, most=LARGEST // 64)
        except NotPlain:
            continue
    return found


def plain_parts(env: gymnasium.Env[Any, Any]) -> dict[str, dict[str, Any]]:
    """The plain attributes of an environment's own objects, by label: one that lives on over a reset may count."""
    found: dict[str, dict[str, Any]] = {}
    for label, part in own_parts(env):
        found[label] = plain_attributes(part)
    return found


def own_parts(env: gymnasium.Env[Any, Any]) -> Iterator[tuple[str, Any]]:
    """The objects of an environment that are of no package's classes but of its own package."""
    package = type(env).__module__.partition(".")[0]
    for name, value in list(vars(env).items()):
        for label, part in parts_of(name, value):
            if type(part).__module__.partition(".")[0] == package:
                yield label, part


def _copy(observation: Any) -> Any:
    if isinstance(observation, numpy.ndarray):
        return observation.copy()
    if type(observation) is dict:
        return {name: _copy(item) for name, item in observation.items()}
    return copy.deepcopy(observation)
