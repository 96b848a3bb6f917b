"""``strongbox diff``: what is different between two agents, as a page or as data, and an exit status."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..archive import Archive, open_archive
from ..archive.difference import ABSENT, Difference, TensorDifference, TensorForm, compare_archives
from ..limits import Limits
from ..values import describe
from .json_form import strict_json, value_json
from .limits import read_limits
from .progress import Progress
from .table import heading, rest, some
from .terminal import Line, Span, Terminal, size_text
from .training import Training, read_training

__all__ = ["run"]

EQUAL, DIFFERENT = 0, 1

PLACES = (("data", "Data"), ("settings", "Settings of optimizers"), ("normalization", "Normalization"))
"""The pairs of a difference that are shown as a table, each with its heading."""

COLUMNS = (12, 16, 28, 24)
"""Characters of the columns behind a tensor's name: the change, the angle, the norms, type and shape."""

Counts = Mapping[str, tuple[Any, Any]]


def run(arguments: argparse.Namespace) -> int:
    """Compare two archives; returns 0 where they hold the same agent, 1 where not."""
    sides = [_Side.of(path) for path in (arguments.first, arguments.second)]
    limits = read_limits(arguments)
    with sides[0].open(limits) as first, sides[1].open(limits) as second:
        bar = Progress(Terminal(sys.stderr), 1, text=size_text)
        try:
            found = compare_archives(first, second, progress=bar.show_part)
        finally:
            bar.clear()
        learnt = {**_learnt(first, second), **_measured(sides[0].metrics, sides[1].metrics)}
    output = Terminal(sys.stdout)
    if arguments.json:
        output.print(json.dumps(_as_data(found, learnt), allow_nan=False))
    else:
        output.print_all(_page(found, learnt, output))
    return EQUAL if found.equal else DIFFERENT


class _Side(NamedTuple):
    """What one argument names: an archive, and the metrics of the checkpoint that it belongs to, if any."""

    path: str
    metrics: Mapping[str, float]

    @classmethod
    def of(cls, path: str) -> _Side:
        """An archive by its path; of a run its newest checkpoint, or the checkpoint whose folder it is."""
        if not os.path.isdir(path):
            return cls(path, {})
        from .checkpoints.listing import choose, read_run

        folder = os.path.abspath(path)
        if os.path.lexists(os.path.join(folder, "run.json")):
            checkpoint = choose(read_run(path), None)
        elif os.path.lexists(os.path.join(folder, "commit.json")) and os.path.basename(folder).isdecimal():
            run = os.path.dirname(os.path.dirname(folder))
            checkpoint = choose(read_run(run), int(os.path.basename(folder)))
        else:
            return cls(path, {})
        return cls(checkpoint.agent_path, checkpoint.metrics)

    def open(self, limits: Limits) -> Archive:
        return open_archive(self.path, limits=limits)


# -- what was learnt between the two --------------------------------------------------------------


def _measured(before: Mapping[str, float], after: Mapping[str, float]) -> Counts:
    """The metrics of two checkpoints, where both have one and it is another."""
    return {name: (before[name], after[name]) for name in before if name in after and before[name] != after[name]}


def _learnt(first: Archive, second: Archive) -> Counts:
    """Counters that moved, and how the last episodes went, in both."""
    before, after = (read_training(archive.data) for archive in (first, second))
    names = [name for name in before.counters if name in after.counters]
    counts = {name: (before.counters[name], after.counters[name]) for name in names}
    for name, label in (("mean_return", "mean return"), ("mean_length", "mean length"), ("success_rate", "successes")):
        counts[label] = (_of(before, name), _of(after, name))
    return {name: pair for name, pair in counts.items() if pair[0] != pair[1] and None not in pair}


def _of(training: Training, name: str) -> float | None:
    value: float | None = getattr(training, name)
    return value


# -- the page -------------------------------------------------------------------------------------


def _page(found: Difference, learnt: Counts, terminal: Terminal) -> Iterator[Line]:
    yield [Span(f"{found.first} → {found.second}", "title")]
    if found.equal:
        yield [Span("the same agent, to the last bit", "good")]
        yield from _pairs("Written otherwise", found.versions, terminal)
        return
    yield from _algorithm(found)
    yield from _pairs("Learnt between", learnt, terminal)
    for field, title in PLACES:
        pairs = {name: pair for name, pair in getattr(found, field).items() if field != "data" or name not in learnt}
        yield from _pairs(title, pairs, terminal, note=f"{found.equal_data:,} alike" if field == "data" else "")
    yield from _tensors(found, terminal)
    if found.resume:
        names = ", ".join(found.resume)
        yield ""
        yield [Span("Resume state", "heading"), Span(f"  {terminal.fit(names, terminal.width - 14)}")]
    yield from _pairs("Versions", found.versions, terminal)


def _algorithm(found: Difference) -> Iterator[Line]:
    first, second = (name or "unknown algorithm" for name in found.algorithm)
    if first == second:
        yield f"{first.rpartition('.')[2]}, both"
    else:
        yield [Span(f"{first} → {second}", "warning")]


def _pairs(title: str, pairs: Mapping[str, tuple[Any, Any]], terminal: Terminal, *, note: str = "") -> Iterator[Line]:
    """A section of names with both values, side by side where there is room and one below the other where not."""
    if not pairs:
        return
    yield ""
    yield heading(title, note)
    width = min(max(len(name) for name in some(pairs)), terminal.width // 2)
    for name, (first, second) in some(pairs.items()):
        room = terminal.width - width - 4
        texts = [_value(value, room - 2) for value in (first, second)]
        label = f"  {terminal.fit(name, width):<{width}}  "
        if sum(map(len, texts)) + 3 <= room:
            yield [Span(label), Span(texts[0]), Span(" → ", "dim"), Span(texts[1])]
        else:
            yield [Span(label), Span("- ", "bad"), Span(texts[0])]
            yield [Span(" " * len(label)), Span("+ ", "good"), Span(texts[1])]
    yield from rest(pairs)


def _value(value: Any, width: int) -> str:
    if value is ABSENT:
        return "absent"
    if isinstance(value, float | int) and not isinstance(value, bool):
        return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
    return value if isinstance(value, str) and len(value) <= width else describe(value, width=width)


def _tensors(found: Difference, terminal: Terminal) -> Iterator[Line]:
    if not found.tensors:
        return
    yield ""
    yield heading(
        "Tensors", f"{len(found.tensors):,} differ, {found.equal_tensors:,} alike; those that changed most first"
    )
    shown = list(some(found.tensors))
    width = min(max(len(_name(each)) for each in shown), terminal.width - COLUMNS[0] - 4, terminal.width * 3 // 5)
    for each in shown:
        name = [Span(f"  {terminal.fit(_name(each), width):<{width}}  ")]
        yield [*name, *_change(each, terminal, terminal.width - width - 4)]
    yield from rest(found.tensors)


def _name(found: TensorDifference) -> str:
    return f"{found.state_dict}: {found.name}"


def _change(found: TensorDifference, terminal: Terminal, room: int) -> Iterator[Span]:
    """How far a tensor moved, in as many columns as there is room for."""
    if found.relative is None or found.cosine is None or found.norms is None:
        yield Span(terminal.fit(f"{_form(found.first)} → {_form(found.second)}", room), "warning")
        return
    form = _form(found.second) if found.first == found.second else f"{_form(found.first)} → {_form(found.second)}"
    norms = f"norm {found.norms[0]:.4g} → {found.norms[1]:.4g}"
    columns = (f"{found.relative:8.2%}", f"cosine {found.cosine:+.4f}", norms, form)
    for text, width in zip(columns, COLUMNS, strict=True):
        if room < width:
            return
        yield Span(f"{terminal.fit(text, width - 2):<{width}}", "dim" if text is form else "")
        room -= width


def _form(form: TensorForm | None) -> str:
    return str(form) if form is not None else "absent"


# -- the same as data -----------------------------------------------------------------------------


def _as_data(found: Difference, learnt: Counts) -> dict[str, Any]:
    return {
        "first": found.first,
        "second": found.second,
        "equal": found.equal,
        "algorithm": list(found.algorithm),
        "learnt": {name: [value_json(value) for value in pair] for name, pair in learnt.items()},
        **{name: _pairs_json(getattr(found, name)) for name in ("data", "settings", "normalization", "resume")},
        "tensors": [_tensor_json(each) for each in found.tensors],
        "versions": _pairs_json(found.versions),
        "alike": {"data": found.equal_data, "tensors": found.equal_tensors},
    }


def _pairs_json(pairs: Mapping[str, tuple[Any, Any]]) -> dict[str, dict[str, Any]]:
    """Both values by name; what an archive does not have is left out."""
    return {
        name: {
            key: value_json(value) for key, value in zip(("first", "second"), pair, strict=True) if value is not ABSENT
        }
        for name, pair in pairs.items()
    }


def _tensor_json(found: TensorDifference) -> dict[str, Any]:
    forms = {
        key: None if form is None else {"dtype": form.dtype, "shape": list(form.shape)}
        for key, form in (("first", found.first), ("second", found.second))
    }
    numbers = {
        name: strict_json(getattr(found, name)) for name in ("norms", "change", "relative", "cosine", "differing")
    }
    return {"state_dict": found.state_dict, "name": found.name, **forms, **(numbers if found.is_comparable else {})}
