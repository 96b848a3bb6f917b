"""A recorder on an environment: what its last reset started from, and the actions since.

The environment's own class is replaced by one derived from it, made for this one environment, whose ``reset`` and
``step`` record and then do what they did. Nothing is added to the environment's attributes: its own code and a copy or
pickle of it see the class that it had. Calls that an environment makes to itself (LunarLander steps once while it
resets) belong to the call from outside and are not recorded.

It costs a copy of the action and of the observation at each step, and a copy of the attributes at each reset.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from types import MethodType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy

from ...errors import StrongboxError
from ...values import same
from ..loaded import loaded_classes
from ..slots import fields_of
from .actions import ActionLog
from .atari import is_atari, read_before_reset
from .hiding import Hiding
from .parts import attributes_of, is_own, own_class, package_of, parts_of
from .plain import NotPlain, copy_plain
from .torch_state import hold_torch, torch_of
from .worlds import renew_world

if TYPE_CHECKING:
    import gymnasium

__all__ = [
    "GENERATOR",
    "Recorder",
    "bits_of",
    "plain_attributes",
    "plain_parts",
    "record",
    "recorder_of",
    "same_bits",
    "torch_of_all",
    "with_parts",
]

LARGEST = 1 << 20
"""Bytes of an array, and parts of other data, above which an attribute counts as data that no reset changes."""

Parts: TypeAlias = list[tuple[str, Any]]
"""Objects by label."""

SIMPLE = frozenset((type(None), bool, int, float, str, bytes, numpy.ndarray))
"""Types that hold no object of one's own."""

DEEPEST = 4
"""Objects inside each other that are looked into."""

MOST_DRAWS = 200_000

GENERATOR = "_np_random"
"""The attribute with the environment's generator, which others draw from, too."""

SET_CLASS = object.__dict__["__class__"].__set__
"""Sets an object's class, whatever its ``__class__`` says."""

MARK = "_strongbox_recorder"


class Recorder:
    """What was recorded of one environment since its last reset."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        self.inside = False
        self.problem: str | None = "it has not been reset since watching began"
        self.before: dict[str, Any] = {}
        self.parts: dict[str, dict[str, Any]] = {}
        self.of_torch: dict[str, Any] = {}
        self.hiding = Hiding(env)
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
        parts = with_parts(env)
        self.before, self.parts = plain_attributes(env), plain_parts(parts)
        self.of_torch = hold_torch(torch_of_all(parts), largest=LARGEST)[0]
        self.hiding.begin(parts)
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
    recorder = Recorder(env)

    @functools.wraps(own.reset)
    def reset(self: Any, *arguments: Any, **keywords: Any) -> Any:
        if recorder.inside:
            return own.reset(self, *arguments, **keywords)
        renew_world(self)
        recorder.begin(self, arguments, keywords)
        result = _call(own.reset, self, arguments, keywords)
        recorder.hiding.end(with_parts(self))
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
    for name, value in _fields(env):
        if name == GENERATOR or (isinstance(value, numpy.ndarray) and value.nbytes > LARGEST):
            continue
        try:
            found[name] = copy_plain(value, most=LARGEST // 64)
        except NotPlain:
            continue
    return found


def plain_parts(parts: Parts) -> dict[str, dict[str, Any]]:
    """The plain attributes of an environment's own objects, by label: one that lives on over a reset may count."""
    return {label: plain_attributes(part) for label, part in parts if label}


def torch_of_all(parts: Parts) -> dict[str, Any]:
    """The tensors and generators of torch that an environment and its own objects hold, by label."""
    found: dict[str, Any] = {}
    for label, part in parts if loaded_classes("torch", "Tensor") else ():
        found |= {f"{label}.{name}" if label else name: item for name, item in torch_of(_fields(part)).items()}
    return found


def _fields(live: Any) -> list[tuple[str, Any]]:
    """The attributes of an object, without torch's own of a network, whose tensors have labels."""
    network = isinstance(live, loaded_classes("torch.nn", "Module"))
    return attributes_of(live) if network else list(fields_of(live).items())


def with_parts(env: gymnasium.Env[Any, Any]) -> Parts:
    """An environment, with no label, and its own objects by label, those inside of them included.

    Its own are those whose classes are of its own package or the script's.
    """
    return [("", env), *_own_parts(env, package_of(type(env)), {id(env)}, DEEPEST)]


def _own_parts(live: Any, package: str, seen: set[int], depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in _fields(live):
        for label, part in parts_of(name, value) if _may_hold_own(value, package) else ():
            if id(part) in seen or not is_own(own_class(part), package):
                continue
            seen.add(id(part))
            yield label, part
            if depth > 1:
                inner = _own_parts(part, package, seen, depth - 1)
                yield from ((f"{label}.{deeper}", item) for deeper, item in inner)


def _may_hold_own(value: Any, package: str) -> bool:
    """Whether an attribute may hold an object of its own, told by classes alone: it is asked of all at each reset."""
    if type(value) in SIMPLE:
        return False
    if type(value) in (dict, list, tuple):
        kinds = set(map(type, value.values() if type(value) is dict else value)) - SIMPLE
        return any(_may_be_own(kind, package) for kind in kinds)
    return _may_be_own(own_class(value), package)


@functools.lru_cache(maxsize=512)
def _may_be_own(kind: Any, package: str) -> bool:
    """The same of a class; networks and methods of any package's may have objects of one's own in or behind them."""
    return is_own(kind, package) or issubclass(kind, (MethodType, *loaded_classes("torch.nn", "Module")))


def _copy(observation: Any) -> Any:
    if isinstance(observation, numpy.ndarray):
        return observation.copy()
    if type(observation) is dict:
        return {name: _copy(item) for name, item in observation.items()}
    return copy.deepcopy(observation)
