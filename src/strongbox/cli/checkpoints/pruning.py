"""``strongbox checkpoints prune``: what the rules drop, why, and only where a whole one stays."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

from ...checkpoints import Checkpoint, Decision, Keep, decide, prune
from ...errors import CheckpointError, MismatchError
from ..terminal import Line, Span, Terminal, size_text
from .listing import Listing, read_run, require_metric, sizes_of
from .verifying import verify

__all__ = ["run"]

Decisions = Sequence[Decision[Checkpoint]]


def run(arguments: argparse.Namespace) -> int:
    """Decide, say so, and carry it out unless told not to."""
    keep = _rules(arguments)
    folder = read_run(arguments.run).folder
    with nullcontext() if arguments.dry_run else folder.lock():
        listing = read_run(arguments.run)
        require_metric(listing, keep.metric)
        decisions = decide(folder.checkpoints(), keep, time.time())
        freed = _freed(decisions)
        if not arguments.dry_run and any(not decision.kept for decision in decisions):
            _require_whole(listing, decisions)
            prune(folder, decisions)
    output = Terminal(sys.stdout)
    if arguments.json:
        output.print(json.dumps(_json(decisions, freed, dry_run=arguments.dry_run)))
    else:
        output.print_all(_lines(decisions, freed, dry_run=arguments.dry_run))
    return 0


def _rules(arguments: argparse.Namespace) -> Keep:
    """The rules; none is an error here, since what is dropped is gone."""
    given = {name: getattr(arguments, name) for name in ("last", "every", "best", "metric", "newer_than")}
    if all(value is None for value in given.values()):
        raise MismatchError(
            "expected a rule that says what to keep, found none.",
            hint="For example --last 3; --dry-run shows what would be dropped.",
        )
    return Keep(**given)


def _require_whole(listing: Listing, decisions: Decisions) -> None:
    """Verify those that stay, the newest first, until one is whole."""
    for decision in reversed(decisions):
        if decision.kept and verify(decision.checkpoint).readable:
            return
    raise CheckpointError(
        "expected a whole checkpoint among those that are kept, found that all are damaged; nothing was dropped.",
        path=listing.folder.path,
        hint=f"See: strongbox checkpoints verify {listing.folder.path}",
    )


def _freed(decisions: Decisions) -> int:
    """Bytes that only dropped checkpoints need."""
    everything = sum(sizes_of([decision.checkpoint for decision in decisions]))
    return everything - sum(sizes_of([decision.checkpoint for decision in decisions if decision.kept]))


def _json(decisions: Decisions, freed: int, *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "freed": freed,
        "checkpoints": [
            {"path": decision.checkpoint.path, "step": decision.step, "kept": decision.kept, "reason": decision.reason}
            for decision in decisions
        ],
    }


def _lines(decisions: Decisions, freed: int, *, dry_run: bool) -> Iterator[Line]:
    for decision in decisions:
        word, style = ("keep", "good") if decision.kept else ("drop", "warning")
        yield [Span(f"{word}  ", style), Span(f"{decision.step:>15,}  {decision.reason}")]
    dropped = sum(not decision.kept for decision in decisions)
    doing = ("would drop", "and free") if dry_run else ("dropped", "and freed")
    yield f"{doing[0]} {dropped:,} of {len(decisions):,} checkpoints {doing[1]} {size_text(freed)}"
