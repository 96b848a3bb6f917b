"""What an exact continuation of training would need, and the archive does not hold.

A loaded agent goes on learning, but not as if it had never stopped: part of what decided its next
step lived outside of the archive. Each rule names one such part, tells by the archive whether it was
of matter, and says what follows. (What SB3 keeps and drops was read from its 2.9 sources and shown by
runs of it.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ..archive import Archive, find_states
from ..records import record
from ..values import ClassReference, LinearSchedule, TableSchedule

__all__ = ["Missing", "find_missing"]

Applies: TypeAlias = Callable[[Archive], bool]


@record(frozen=True)
class Missing:
    """A part that the archive does not hold, and what follows for training that goes on from it."""

    name: str
    consequence: str


SAYS_NOTHING = "the resume state does not say it"
REPLAY_BESIDE = (
    "it is no part of this file: a run keeps it in its folder; without it, learning starts from an empty one"
)


def find_missing(archive: Archive, *, replay_beside: bool = False) -> tuple[Missing, ...]:
    """Everything that the archive lacks for an exact continuation.

    Of a checkpoint's archive that is what its resume state names as inexact, and the replay buffer where it
    is neither in the archive nor known to lie beside it.
    """
    if not archive.resume:
        rules = RULES_OF_OWN if archive.is_own else RULES
        return tuple(missing for missing, applies in rules if applies(archive))
    inexact = {"what is not exact": SAYS_NOTHING} if archive.inexact is None else archive.inexact
    missing = tuple(Missing(place, reason) for place, reason in inexact.items())
    if _is_off_policy(archive) and archive.replay is None and not replay_beside:
        missing += (Missing("replay buffer", REPLAY_BESIDE),)
    return missing


def _always(archive: Archive) -> bool:
    return True


def _keeps(name: str) -> Applies:
    """Whether the agent has an attribute, and it says something."""
    return lambda archive: not any(archive.data.get(name) is nothing for nothing in (None, False))


def _is_off_policy(archive: Archive) -> bool:
    return "buffer_size" in archive.data


def _is_recurrent(archive: Archive) -> bool:
    policy = archive.data.get("policy_class")
    return isinstance(policy, ClassReference) and ".recurrent." in f"{policy.module}."


def _has_steps(archive: Archive) -> bool:
    return "n_steps" in archive.data and not _is_off_policy(archive)


def _lacks_optimizer(archive: Archive) -> bool:
    kept = any("optimizer" in name for name in archive.parameters) or bool(find_states(archive.data))
    return not kept and "n_delta" not in archive.data


def _may_lack_statistics(archive: Archive) -> bool:
    return archive.manifest is None and archive.normalization is None


def _has_moving_schedule(archive: Archive) -> bool:
    return any(isinstance(archive.data[name], (LinearSchedule, TableSchedule)) for name in archive.data)


def _rule(name: str, consequence: str, applies: Applies = _always) -> tuple[Missing, Applies]:
    return Missing(name, consequence), applies


RULES = (
    _rule("optimizer state", "the first updates differ: the optimizer starts anew", _lacks_optimizer),
    _rule("replay buffer", "learning starts from an empty buffer", _is_off_policy),
    _rule("recurrent state", "the first steps see an empty memory", _is_recurrent),
    _rule(
        "normalization statistics",
        "if it was trained under VecNormalize, they lie in a file of their own",
        _may_lack_statistics,
    ),
    _rule("random states", "Python, numpy and torch draw other numbers; with a seed set, loading seeds them anew"),
    _rule("environment", "its state, its generators and the counters of its wrappers begin anew"),
    _rule("last observation", "the environment is reset, and the episode that was going on is cut short"),
    _rule("rollout buffer", "a partly filled one is collected again", _has_steps),
    _rule("exploration matrices", "gSDE draws them anew", _keeps("use_sde")),
    _rule("action noise", "it starts anew with every learn()", _keeps("action_noise")),
    _rule("horizon of schedules", "learn() stretches them over its own number of steps", _has_moving_schedule),
    _rule("callbacks and logger", "best results, counters and positions in logs begin anew"),
)

RULES_OF_OWN = (
    _rule("random states", "those that are not the agent's own begin anew: Python's, numpy's and torch's global ones"),
    _rule("environment", "its state, its generators and the counters of its wrappers begin anew"),
)
"""Of an agent of one's own, what is kept is told by name, and what was left out, too."""
