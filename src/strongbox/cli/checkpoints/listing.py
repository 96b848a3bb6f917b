"""``strongbox checkpoints list``, and what all actions share: opening a run, choosing one, the same as data."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...checkpoints import DEFAULT_METRICS, Checkpoint, RunFile, RunFolder
from ...errors import MismatchError, StrongboxError
from ..json_form import strict_json
from ..parser import nearest
from ..plot import number_text
from ..table import rest, some, wrapped
from ..terminal import Line, Span, Terminal, size_text

__all__ = [
    "Listing",
    "checkpoint_json",
    "choose",
    "listing_json",
    "listing_lines",
    "read_run",
    "require_metric",
    "run",
    "sizes_of",
    "time_text",
]

FINDINGS = 1
COLUMNS = {"step": 13, "time (UTC)": 16, "metric": 20, "size": 8, "replay": 8}
"""Widths of the table's columns."""
DROPPED = ("time (UTC)", "replay")
"""Columns that are left out where a terminal is too narrow, first the first."""
EXACTNESS = 13


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A run as it is: what it says of itself, its checkpoints ascending by step, and damaged ones with the fault."""

    folder: RunFolder
    file: RunFile
    checkpoints: tuple[Checkpoint, ...]
    damaged: dict[str, StrongboxError]


def run(arguments: argparse.Namespace) -> int:
    """List the checkpoints of one run."""
    listing, output = read_run(arguments.run), Terminal(sys.stdout)
    require_metric(listing, arguments.metric)
    if arguments.json:
        output.print(json.dumps(listing_json(listing), allow_nan=False))
    else:
        output.print_all(listing_lines(listing, output, metric=arguments.metric))
    return FINDINGS if listing.damaged else 0


def read_run(path: str) -> Listing:
    """Read a run; raises CheckpointError where there is none."""
    folder = RunFolder(path)
    file = folder.read()
    scan = folder.scan()
    return Listing(folder=folder, file=file, checkpoints=tuple(scan.committed.values()), damaged=scan.damaged)


def require_metric(listing: Listing, name: str | None) -> None:
    """Raise MismatchError for a metric that no checkpoint has, naming those that there are."""
    names = sorted({each for checkpoint in listing.checkpoints for each in checkpoint.metrics})
    if name is not None and name not in names and listing.checkpoints:
        there = ", ".join(names[:10]) or "none"
        raise MismatchError(
            f"expected a metric that a checkpoint has, found {name!r}.",
            path=listing.folder.path,
            hint=f"{nearest(name, names)} There are: {there}.".lstrip(),
        )


def choose(listing: Listing, step: int | None) -> Checkpoint:
    """The checkpoint of a step, or the newest; raises MismatchError naming what there is."""
    found = {checkpoint.step: checkpoint for checkpoint in listing.checkpoints}
    if found and (step is None or step in found):
        return found[max(found) if step is None else step]
    there = ", ".join(f"{step:,}" for step in list(found)[-5:])
    raise MismatchError(
        f"expected a checkpoint{'' if step is None else f' of step {step:,}'}, found {'none' if not found else there}.",
        path=listing.folder.path,
        hint=f"The newest is of step {max(found)}." if found else "The run has not committed one yet.",
    )


def listing_lines(listing: Listing, output: Terminal, *, metric: str | None = None) -> Iterator[Line]:
    """The run in one line, a row for each checkpoint, and what is damaged."""
    count = len(listing.checkpoints)
    facts = [f"{count:,} checkpoint{'' if count == 1 else 's'}", size_text(sum(sizes_of(listing.checkpoints)))]
    facts += [listing.file.algorithm.rpartition(".")[2], *filter(None, [listing.file.environment])]
    yield [Span(listing.folder.path, "title")]
    yield from wrapped(" · ".join(facts), output, indent=2, style="dim")
    name = metric or _present(listing.checkpoints)
    columns = _columns(output.width)
    if listing.checkpoints:
        titles = {**{column: column for column in columns}, "metric": output.fit(name, columns["metric"])}
        yield [Span(_row(titles, columns), "dim")]
    for checkpoint in some(reversed(listing.checkpoints)):
        inexact = len(checkpoint.commit.inexact)
        exactness = Span(f"{inexact:,} inexact", "warning") if inexact else Span("exact", "good")
        yield [Span(_row(_cells(checkpoint, name), columns)), exactness]
    yield from rest(listing.checkpoints)
    for path, error in some(listing.damaged.items()):
        yield from wrapped(f"damaged  {error if error.path else f'{path}: {error}'}", output, indent=2, style="bad")
    yield from rest(listing.damaged)


def listing_json(listing: Listing) -> dict[str, Any]:
    """A run and its checkpoints as plain data."""
    return {
        "path": listing.folder.path,
        "algorithm": listing.file.algorithm,
        "environment": listing.file.environment,
        "created": listing.file.created,
        "size": sum(sizes_of(listing.checkpoints)),
        "checkpoints": [checkpoint_json(checkpoint) for checkpoint in listing.checkpoints],
        "damaged": {path: str(error) for path, error in listing.damaged.items()},
    }


def checkpoint_json(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a checkpoint's commit says, as plain data."""
    commit = checkpoint.commit
    form: dict[str, Any] = strict_json(
        {
            "path": checkpoint.path,
            "step": commit.step,
            "time": commit.time,
            "point": commit.point,
            "metrics": dict(commit.metrics),
            "size": commit.size,
            "replay_size": _replay_size(checkpoint),
            "exact": commit.exact,
            "inexact": dict(commit.inexact),
        }
    )
    return form


def sizes_of(checkpoints: Sequence[Checkpoint]) -> tuple[int, int]:
    """The bytes of the checkpoints' own files, and of their replay segments, shared ones counted once."""
    segments: dict[str, Checkpoint] = {}
    for checkpoint in checkpoints:
        segments.update(dict.fromkeys(_segments(checkpoint), checkpoint))
    own = sum(checkpoint.commit.size for checkpoint in checkpoints)
    return own, sum(checkpoint.segment_size(name) for name, checkpoint in segments.items())


def time_text(seconds: float) -> str:
    """A time for people, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(min(seconds, 1e11)))


def _present(checkpoints: Sequence[Checkpoint]) -> str:
    names = {name for checkpoint in checkpoints for name in checkpoint.metrics}
    return next((name for name in DEFAULT_METRICS if name in names), DEFAULT_METRICS[-1])


def _columns(width: int) -> dict[str, int]:
    """The columns for which there is room."""
    columns = dict(COLUMNS)
    for name in DROPPED:
        if sum(columns.values()) + 2 * len(columns) + EXACTNESS > width:
            del columns[name]
    return columns


def _cells(checkpoint: Checkpoint, metric: str) -> dict[str, str]:
    value, replay = checkpoint.metrics.get(metric), _replay_size(checkpoint)
    return {
        "step": f"{checkpoint.step:,}",
        "time (UTC)": time_text(checkpoint.time)[:-3],
        "metric": "·" if value is None else number_text(value),
        "size": size_text(checkpoint.commit.size),
        "replay": "·" if replay is None else size_text(replay),
    }


def _row(cells: Mapping[str, str], columns: Mapping[str, int]) -> str:
    return "".join(f"{cells[name]:>{width}}  " for name, width in columns.items())


def _segments(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Its segments; of a replay that cannot be read, ``verify`` tells."""
    try:
        return checkpoint.segments
    except StrongboxError:
        return ()


def _replay_size(checkpoint: Checkpoint) -> int | None:
    """Bytes of its segments, or None where it has no replay that could be read."""
    try:
        return None if checkpoint.replay is None else checkpoint.replay_size
    except StrongboxError:
        return None
