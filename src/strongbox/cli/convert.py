"""``strongbox convert``: old archives as ones of today, and every change that this took."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ..conversion import ConvertReport, convert
from ..errors import MismatchError, StrongboxError, UnsupportedError
from .limits import read_limits
from .progress import Progress
from .terminal import Line, Span, Terminal, print_error, wrap

__all__ = ["run"]

VERDICTS = {True: ("converted", "good"), False: ("of today", "good")}
"""Words and styles, by whether anything was changed."""
FAILED = "failed"
MOST_LINES = 100
"""Lines about one file that are printed; a hostile file may have any number. JSON has them all."""


def run(arguments: argparse.Namespace) -> int:
    """Convert every file into the folder; returns 2 where one could not be."""
    targets = name_targets(arguments.files, arguments.to)
    try:
        os.makedirs(arguments.to, exist_ok=True)
    except OSError as error:
        problem = f"expected a folder to write to, found: {error.strerror or error}."
        raise UnsupportedError(problem, path=arguments.to) from error
    output, progress = Terminal(sys.stdout), Progress(Terminal(sys.stderr), len(targets))
    verdicts: Counter[str] = Counter()
    worst = 0
    try:
        for done, (file, target) in enumerate(targets.items()):
            if len(targets) > 1:
                progress.show(done, file)
            try:
                report = _convert(file, target, arguments)
            except StrongboxError as error:
                progress.clear()
                print_error(str(error))
                verdicts[FAILED] += 1
                worst = max(worst, error.exit_code)
                continue
            progress.clear()
            verdicts[VERDICTS[bool(report.changes)][0]] += 1
            _show(report, output, arguments)
    finally:
        progress.clear()
    if len(targets) > 1 and not arguments.json:
        output.print_all(["", _summary(verdicts)])
    return worst


def name_targets(files: list[str], folder: str) -> dict[str, str]:
    """The new path of every file; raises MismatchError where two would be the same, before anything is written."""
    targets: dict[str, str] = {}
    taken: dict[str, str] = {}
    for file in files:
        name = os.path.basename(os.path.normpath(file))
        name = name if os.path.splitext(name)[1] else f"{name}.zip"
        if taken.setdefault(name.lower(), file) != file:
            raise MismatchError(
                f"expected files of different names for one folder, found {taken[name.lower()]} and {file}.",
                hint="Convert them into different folders.",
            )
        targets[file] = os.path.join(folder, name)
    return targets


def _convert(file: str, target: str, arguments: argparse.Namespace) -> ConvertReport:
    normalization = None if arguments.raw else arguments.normalize or "auto"
    try:
        return convert(
            file,
            target,
            pickles=arguments.pickles == "all",
            exclude=arguments.exclude or (),
            normalization=normalization,
            limits=read_limits(arguments),
        )
    except OSError as error:
        problem = f"expected to write here, found: {error.strerror or error}."
        raise UnsupportedError(problem, path=target) from error


def _show(report: ConvertReport, output: Terminal, arguments: argparse.Namespace) -> None:
    if arguments.json:
        output.print(json.dumps(_report_json(report), allow_nan=False))
        return
    word, style = VERDICTS[bool(report.changes)]
    made_by = f"{report.algorithm.rpartition('.')[2]}, SB3 {report.sb3_version or 'before 0.9'}"
    output.print([Span(f"{word:<10}", style), Span(f"  {report.source} → {report.path}  "), Span(made_by, "dim")])
    lines = list(_lines(report))
    for kind, kind_style, text in lines[:MOST_LINES]:
        output.print_all(_wrapped(kind, kind_style, text, output))
    if len(lines) > MOST_LINES:
        output.print(f"  and {len(lines) - MOST_LINES:,} more lines; --json has them all")


def _lines(report: ConvertReport) -> Iterator[tuple[str, str, str]]:
    alike: dict[tuple[str, str], list[str]] = {}
    for change in report.changes:
        alike.setdefault((change.change, change.reason), []).append(change.subject)
    for (what, reason), subjects in alike.items():
        yield "changed", "dim", f"{', '.join(subjects)}: {what}; {reason}"
    yield from (("left out", "warning", f"{name}: {reason}") for name, reason in report.left_out.items())
    yield from (("opaque", "warning", f"{path}: {part.type}, {part.reason}") for path, part in report.opaque.items())
    for name, table in report.approximate.items():
        off = f"{len(table.values):,} points, off by {table.largest_error:.3g}"
        yield "table", "warning", f"{name}: {table.source or 'a function'} as {off}"


def _wrapped(kind: str, style: str, text: str, output: Terminal) -> Iterator[Line]:
    for index, line in enumerate(wrap(text, output.width - 12)):
        yield [Span(f"  {kind if not index else '':<8}", style), Span(f"  {line}")]


def _report_json(report: ConvertReport) -> dict[str, Any]:
    return {
        "source": report.source,
        "path": report.path,
        "size": report.size,
        "algorithm": report.algorithm,
        "sb3_version": report.sb3_version,
        "changes": [
            {"subject": change.subject, "change": change.change, "reason": change.reason} for change in report.changes
        ],
        "left_out": dict(report.left_out),
        "opaque": {path: {"type": part.type, "reason": part.reason} for path, part in report.opaque.items()},
        "approximate": {
            name: table.largest_error if table.largest_error == table.largest_error else None
            for name, table in report.approximate.items()
        },
    }


def _summary(verdicts: Mapping[str, int]) -> Line:
    converted, today = VERDICTS[True][0], VERDICTS[False][0]
    counts = (
        (f"{verdicts[converted]:,} {converted}", "good" if verdicts[converted] else "dim"),
        (f"{verdicts[today]:,} {today} already", "dim"),
        (f"{verdicts[FAILED]:,} {FAILED}", "bad" if verdicts[FAILED] else "dim"),
    )
    line = [Span(f"{sum(verdicts.values()):,} files: ")]
    for index, (text, style) in enumerate(counts):
        line += [Span(", " if index else ""), Span(text, style)]
    return line
