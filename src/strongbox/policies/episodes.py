"""Episodes: a policy acts in an environment until it is over, as often as is asked.

An environment is any object with gymnasium's ``reset`` and ``step``
(https://gymnasium.farama.org/api/env/); nothing of gymnasium is imported here. Rewards are the environment's
own: statistics of VecNormalize change what the policy sees, never what is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple, Protocol

from .policy import Policy, State

__all__ = ["Environment", "Episode", "play_episode", "play_episodes"]


class Environment(Protocol):
    """What playing takes of a gymnasium environment."""

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode: its first observation, and information that is not read."""

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act once: observation, reward, whether it ended or was cut short, and information."""

    def close(self) -> None:
        """Give back what the environment holds."""


class Episode(NamedTuple):
    """One episode: the sum of its rewards, how many actions were taken, and the seed that it began with."""

    returned: float
    length: int
    seed: int | None


def play_episodes(
    environment: Environment,
    policy: Policy,
    count: int,
    *,
    seed: int | None = None,
    watch: Callable[[int, int], None] | None = None,
) -> Iterator[Episode]:
    """Act ``count`` episodes long, deterministically, and give each when it is over.

    Episode k begins with ``seed + k``, so that any one of them can be seen again alone; without a seed the
    environment draws its own. ``watch`` is called with the episode's number and step before each action.
    """
    for number in range(count):
        drawn = None if seed is None else seed + number
        yield play_episode(environment, policy, seed=drawn, watch=partial(watch, number) if watch else None)


def play_episode(
    environment: Environment,
    policy: Policy,
    *,
    seed: int | None = None,
    watch: Callable[[int], None] | None = None,
) -> Episode:
    """Act one episode long: recurrent state and action masks are handed on where the policy takes them.

    Masks are what the environment's ``action_masks()`` gives, as in sb3-contrib; without that method every
    action is allowed. Raises MismatchError where an observation does not fit the policy.
    """
    masks = _find_masks(environment) if policy.spec.masked else None
    observation, _ = environment.reset(seed=seed)
    state: State = None
    returned, length, over = 0.0, 0, False
    while not over:
        if watch is not None:
            watch(length)
        allowed = None if masks is None else masks()
        action, state = policy.predict(observation, state, length == 0, action_masks=allowed)
        # environments look single actions up in tables: a numpy integer can be a key, an array cannot
        observation, reward, ended, cut, _ = environment.step(action[()] if action.ndim == 0 else action)
        returned, length, over = returned + float(reward), length + 1, bool(ended or cut)
    return Episode(returned, length, seed)


def _find_masks(environment: Any) -> Callable[[], Any] | None:
    """The method through all wrappers (gymnasium's own attribute look-up stops at the outermost one)."""
    find = getattr(environment, "get_wrapper_attr", partial(getattr, environment))
    try:
        masks: Callable[[], Any] = find("action_masks")
    except AttributeError:
        return None
    return masks
