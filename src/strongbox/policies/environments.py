"""Environments of gymnasium, made as a policy needs them: the right spaces, and what Atari agents are used to.

gymnasium, and ale-py for Atari, load when an environment is made; this module alone imports them.

What has to fit is what acting takes: the kind of space, its shape and size, whole or broken numbers, the bounds
of actions. Bounds of observations change from one version of an environment to the next (CartPole's did) and
nothing depends on them. Images may have their channels first or last, as SB3 turns them.

An agent whose observations are a stack of 84×84 images was trained behind SB3's ``AtariWrapper`` and
``VecFrameStack`` (``stable_baselines3/common/atari_wrappers.py``, ``common/vec_env/stacked_observations.py``).
:class:`AtariGame` gives it the same: every fourth frame, grey, the last frames together, empty ones before the
first, and the game begun for it where that takes FIRE. Unlike in training, rewards are not clipped, and an
episode is the whole game: after a lost life only the frames begin anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import numpy

from ..errors import MismatchError, MissingExtra
from ..values import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Space
from .episodes import Environment
from .layers import Array
from .spec import PolicySpec

__all__ = ["AtariGame", "check_spaces", "explain_refusals", "make_environment"]

SIDE = 84
"""Rows and columns of the images that Atari agents see."""
LONGEST_TEXT = 200
"""Characters of a space in a message."""
SHOWN = {"human": "shows itself in a window", "rgb_array": "draws pictures"}
BEGIN = (1, 2)
"""The actions that ``FireResetEnv`` begins a game with: FIRE, and the one after it."""


def make_environment(name: str, spec: PolicySpec, *, show: str | None = None) -> Environment:
    """The environment of an id, with the wrappers that a policy with this ``spec`` needs.

    ``show`` is ``"human"`` for a window, ``"rgb_array"`` for pictures that its ``render()`` gives, both as
    gymnasium calls them. Raises MissingExtra without gymnasium, and MismatchError where there is no such
    environment, it cannot be made or shown, or its spaces do not fit the policy's.
    """
    environment = _make(name, render_mode=show)
    try:
        if show is not None and environment.render_mode != show:
            raise MismatchError(f"expected an environment that {SHOWN[show]}, found {name}.")
        if _wants_frames(spec.observation_space) and hasattr(environment.unwrapped, "ale"):
            environment.close()
            environment = _make_atari(name, show)
            check_spaces(name, {"action": (spec.action_space, environment.action_space)})
            return AtariGame(environment, spec.observation_space)
        check_spaces(
            name,
            {
                "observation": (spec.observation_space, environment.observation_space),
                "action": (spec.action_space, environment.action_space),
            },
        )
    except MismatchError:
        environment.close()
        raise
    made: Environment = environment
    return made


@contextmanager
def explain_refusals(name: str) -> Iterator[None]:
    """Turn what gymnasium refuses, while an environment of this id is made or played, into MismatchError."""
    try:
        import gymnasium
    except ImportError:
        raise MissingExtra("gymnasium", "play", "playing an environment") from None
    try:
        yield
    except gymnasium.error.Error as error:
        reason = str(error).strip() or type(error).__name__
        raise MismatchError(f"expected an environment that can be played here, found {name!r}: {reason}") from None


def check_spaces(name: str, spaces: Mapping[str, tuple[Space, Any]]) -> None:
    """Compare a policy's spaces with those of gymnasium; raises MismatchError with the first difference.

    ``spaces`` maps ``"observation"`` and ``"action"`` to the policy's space and the environment's.
    """
    for kind, (wanted, found) in spaces.items():
        for place, expected, other in _differences(wanted, found, is_action=kind == "action"):
            where = f"the {kind} space{place}"
            raise MismatchError(
                f"expected {expected} as {where}, which is the policy's, found {other} in {name}.",
                hint="Play the environment that the agent was trained in.",
            )


class AtariGame:
    """An Atari environment behind gymnasium's ``AtariPreprocessing``, as SB3's agents know it.

    Gives observations of ``space``, uint8 (n, 84, 84) or (84, 84, n): the last n frames, the newest last.
    """

    metadata: Mapping[str, int] = MappingProxyType({"render_fps": 15})
    """One picture an action, which lasts four of the 60 frames that the console shows in a second."""

    def __init__(self, environment: Any, space: Space) -> None:
        assert isinstance(space, Box)
        self._environment = environment
        self._last = space.shape[0] == SIDE
        self._frames = numpy.zeros((min(space.shape[0], space.shape[-1]), SIDE, SIDE), numpy.uint8)
        self._lives = 0
        meanings = environment.unwrapped.get_action_meanings()
        self._begin = BEGIN if meanings[1:2] == ["FIRE"] and len(meanings) > 2 else ()

    def reset(self, *, seed: int | None = None) -> tuple[Array, dict[str, Any]]:
        """Begin a game: its first frame behind empty ones."""
        frame, information = self._environment.reset(seed=seed)
        for action in self._begin:
            frame, _, ended, cut, information = self._environment.step(action)
            if ended or cut:
                frame, information = self._environment.reset()
        return self._start(frame), information

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Act for four frames; where that costs a life, the next one begins."""
        frame, reward, ended, cut, information = self._environment.step(action)
        if self._count_lives() >= self._lives or ended or cut:
            return self._add(frame), float(reward), ended, cut, information
        for begun in self._begin:
            if not (ended or cut):
                frame, more, ended, cut, information = self._environment.step(begun)
                reward += more
        return self._start(frame), float(reward), ended, cut, information

    def render(self) -> Any:
        """The picture of the game, in colour, as it is now."""
        return self._environment.render()

    def close(self) -> None:
        """Give back what the environment holds."""
        self._environment.close()

    def _count_lives(self) -> int:
        return int(self._environment.unwrapped.ale.lives())

    def _start(self, frame: Array) -> Array:
        self._lives = self._count_lives()
        self._frames = numpy.zeros_like(self._frames)
        return self._add(frame)

    def _add(self, frame: Array) -> Array:
        self._lives = self._count_lives()
        self._frames = numpy.concatenate([self._frames[1:], frame[None]])
        return numpy.moveaxis(self._frames, 0, -1) if self._last else self._frames


def _make(name: str, **options: Any) -> Any:
    with explain_refusals(name):
        import gymnasium

        if name not in gymnasium.registry:
            _register_atari()
        try:
            return gymnasium.make(name, disable_env_checker=True, **options)
        except ImportError as error:  # of the package before the colon, or of what the environment needs
            raise MismatchError(f"expected an environment that can be made, found {name!r}: {error}") from None
        except gymnasium.error.Error:
            raise
        except Exception as error:  # An environment is other people's code, and may raise what it likes.
            reason = f"{type(error).__name__}: {error}"
            raise MismatchError(f"expected an environment that can be made, found {name!r}: {reason}") from error


def _make_atari(name: str, show: str | None) -> Any:
    from gymnasium.wrappers import AtariPreprocessing

    environment = _make(name, render_mode=show, frameskip=1)  # the preprocessing skips frames itself
    with explain_refusals(name):
        return AtariPreprocessing(environment, noop_max=30, frame_skip=4, screen_size=SIDE)


def _register_atari() -> None:
    """ale-py names its games to gymnasium when it is imported; without it there are none to play."""
    try:
        import ale_py  # noqa: F401
    except ImportError:
        return


def _wants_frames(space: Space) -> bool:
    if not isinstance(space, Box) or space.dtype != numpy.uint8 or len(space.shape) != 3:
        return False
    return space.shape[1:] == (SIDE, SIDE) or space.shape[:2] == (SIDE, SIDE)


def _differences(wanted: Space, found: Any, *, is_action: bool, place: str = "") -> Iterator[tuple[str, str, str]]:
    """Where two spaces differ: the place, what was expected there, and what was found."""
    if type(wanted).__name__ not in {base.__name__ for base in type(found).__mro__}:
        yield place, _text(wanted), _text(found)
    elif isinstance(wanted, Dict):
        if set(wanted.spaces) != set(found.spaces):
            yield place, f"a Dict of {sorted(wanted.spaces)}", f"one of {sorted(found.spaces)}"
        else:
            for key, part in wanted.spaces.items():
                yield from _differences(part, found.spaces[key], is_action=is_action, place=f"{place} of {key!r}")
    elif not _fits(wanted, found, is_action=is_action):
        yield place, _text(wanted), _text(found)


def _text(space: object) -> str:
    """A space in one line of readable length; gymnasium's show every bound."""
    text = f"a Dict of {sorted(space.spaces)}" if isinstance(space, Dict) else " ".join(repr(space).split())
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 3]}..."


def _fits(wanted: Space, found: Any, *, is_action: bool) -> bool:
    """Whether two spaces of one kind are the same to a policy."""
    if isinstance(wanted, Box):
        return _box_fits(wanted, found, is_action=is_action)
    if isinstance(wanted, Discrete):
        return (wanted.n, wanted.start) == (int(found.n), int(found.start))
    if isinstance(wanted, MultiDiscrete):
        starts = numpy.zeros_like(wanted.nvec) if wanted.start is None else wanted.start
        same_start = numpy.array_equal(starts, getattr(found, "start", numpy.zeros_like(found.nvec)))
        return numpy.array_equal(wanted.nvec, found.nvec) and same_start
    return isinstance(wanted, MultiBinary) and wanted.shape == found.shape


def _box_fits(wanted: Box, found: Any, *, is_action: bool) -> bool:
    if wanted.dtype != found.dtype and not (wanted.dtype.kind == found.dtype.kind == "f"):
        return False
    if is_action:
        bounds = ((wanted.low, found.low), (wanted.high, found.high))
        return wanted.shape == found.shape and all(numpy.allclose(ours, other) for ours, other in bounds)
    if wanted.shape == found.shape:
        return True
    is_image = len(wanted.shape) == len(found.shape) == 3 and wanted.dtype == numpy.uint8
    return is_image and wanted.shape == (found.shape[2], *found.shape[:2])
