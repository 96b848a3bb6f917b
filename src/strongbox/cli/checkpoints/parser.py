"""What ``strongbox checkpoints`` takes, and what it says of itself."""

from __future__ import annotations

import argparse
import math
from typing import Any

__all__ = ["ACTIONS", "DESCRIPTION", "EPILOG", "add_actions", "duration"]

DESCRIPTION = """\
Look after the checkpoints of a run, which is the folder that training with
strongbox.Run writes: list them, show what one restores and what it does not,
verify every digest, drop those that no rule keeps, pack one into a single zip."""

EPILOG = """\
examples:
  strongbox checkpoints list runs/pendulum
  strongbox checkpoints show runs/pendulum --step 20000
  strongbox checkpoints verify runs/pendulum
  strongbox checkpoints prune runs/pendulum --last 3 --every 100000 --dry-run
  strongbox checkpoints pack runs/pendulum --to pendulum.zip

strongbox checkpoints ACTION --help tells more of each action.

exit status: 0 done, 1 findings, 2 not readable or not done"""

ACTIONS = {
    "list": "list the checkpoints: step, time, metric, size, exactness",
    "show": "show one: what it restores exactly, what not, and why",
    "verify": "read all of it and compare every digest",
    "prune": "drop the checkpoints that no rule keeps",
    "pack": "write one checkpoint into a single zip",
}

LIST = """\
List the checkpoints of a run, newest first: step, time (UTC), one metric, size,
size of the replay segments that it needs (checkpoints share them), and whether a
continuation is exact. The metric is eval/mean_reward, or else
rollout/ep_rew_mean; --metric names another. Damaged ones are named below."""

LIST_EPILOG = """\
examples:
  strongbox checkpoints list runs/pendulum
  strongbox checkpoints list runs/pendulum --json | jq '.checkpoints[-1].step'

exit status: 0 listed, 1 one is damaged, 2 not readable"""

SHOW = """\
Show one checkpoint, the newest unless told: where it stands in training, its
metrics, what a continuation restores to the last bit, what it does not and why,
its files, and the logs that went on beside it."""

SHOW_EPILOG = """\
examples:
  strongbox checkpoints show runs/pendulum
  strongbox checkpoints show runs/pendulum --step 20000 --json | jq .inexact

The agent itself is on the page of: strongbox inspect runs/pendulum

exit status: 0 shown, 2 not readable"""

VERIFY = """\
Read every file of the checkpoints and compare its digest; check the archive as
strongbox check does; and see that every replay segment is there, its content
having the SHA-256 that is its name. Leftovers of a crash are no findings: they
do not count, and the next start of the training sweeps them."""

VERIFY_EPILOG = """\
examples:
  strongbox checkpoints verify runs/pendulum
  strongbox checkpoints verify runs/pendulum --step 20000
  strongbox checkpoints verify runs/pendulum --json | jq -r 'select(.exit_code > 0) | .path'

--json prints one object for each checkpoint, each on a line of its own.

exit status, the highest of all: 0 clean, 1 findings, 2 damaged or unreadable"""

PRUNE = """\
Drop the checkpoints that no rule keeps, and the replay segments that none of the
others needs. One that any rule names is kept, and so is the newest, in any case.
Nothing is dropped before one that is kept was verified. A run that a training
writes into is locked: it prunes by itself, with the same rules."""

PRUNE_EPILOG = """\
examples:
  strongbox checkpoints prune runs/pendulum --last 3 --dry-run
  strongbox checkpoints prune runs/pendulum --last 3 --every 100000 --best 2
  strongbox checkpoints prune runs/pendulum --best 5 --metric rollout/ep_rew_mean --newer-than 12h

exit status: 0 done, 2 not readable, locked, or no whole one would be left"""

PACK = """\
Write one checkpoint, the newest unless told, into a single zip that
strongbox.load and strongbox inspect read. With its replay segments it holds all
that the run has of it; without them it is the agent's archive, byte for byte."""

PACK_EPILOG = """\
examples:
  strongbox checkpoints pack runs/pendulum --to pendulum.zip
  strongbox checkpoints pack runs/pendulum --step 20000 --without-replay --to pendulum.zip

exit status: 0 packed, 2 not readable or not written"""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add_actions(parser: argparse.ArgumentParser) -> None:
    """Give the parser of the command its actions; ``arguments.action`` names the one that was asked for."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=type(parser))
    _add_list(actions)
    _add_show(actions)
    _add_verify(actions)
    _add_prune(actions)
    _add_pack(actions)


def duration(text: str) -> float:
    """Seconds from a number with a unit, such as ``90m``, ``12h`` or ``7d``; seconds where it has none."""
    number, unit = (text[:-1], UNITS[text[-1]]) if text[-1:] in UNITS else (text, 1)
    try:
        seconds = float(number) * unit
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"expected a time such as 90m, 12h or 7d, found {text!r}")
    return seconds


def _add(actions: Any, name: str, description: str, epilog: str, *, step: str = "") -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=ACTIONS[name], description=description, epilog=epilog
    )
    parser.add_argument("run", metavar="RUN", help="the folder of the run")
    if step:
        parser.add_argument("--step", type=_step, metavar="N", help=step)
    parser.add_argument("--json", action="store_true", help="print the same as data")
    return parser


def _add_list(actions: Any) -> None:
    parser = _add(actions, "list", LIST, LIST_EPILOG)
    parser.add_argument("--metric", metavar="NAME", help="the metric to list")


def _add_show(actions: Any) -> None:
    _add(actions, "show", SHOW, SHOW_EPILOG, step="the checkpoint of this step (default: the newest)")


def _add_verify(actions: Any) -> None:
    _add(actions, "verify", VERIFY, VERIFY_EPILOG, step="only the checkpoint of this step (default: all)")


def _add_prune(actions: Any) -> None:
    parser = _add(actions, "prune", PRUNE, PRUNE_EPILOG)
    parser.add_argument("--last", type=_count, metavar="N", help="keep the N newest")
    parser.add_argument("--every", type=_count, metavar="STEPS", help="keep the first at or after each multiple")
    parser.add_argument("--best", type=_count, metavar="N", help="keep the N best by a metric, higher being better")
    parser.add_argument("--metric", metavar="NAME", help="the metric of --best")
    parser.add_argument("--newer-than", type=duration, metavar="TIME", help="keep what is newer: 90m, 12h, 7d")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be dropped, and why")


def _add_pack(actions: Any) -> None:
    parser = _add(actions, "pack", PACK, PACK_EPILOG, step="the checkpoint of this step (default: the newest)")
    parser.add_argument("--to", required=True, metavar="FILE", help="what to write; an old file is replaced whole")
    parser.add_argument("--without-replay", action="store_true", help="leave the replay segments out")


def _step(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"expected a number of steps, found {text!r}")
    return int(text)


def _count(text: str) -> int:
    count = int(text) if text.isdecimal() and len(text) < 19 else 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more, found {text!r}")
    return count
