"""``strongbox check``: every file's findings, a summary, and an exit status that a script can use."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..archive import CheckReport, Finding, check_archive
from ..errors import FormatError
from ..values import is_known_call
from .limits import read_limits
from .progress import Progress
from .terminal import Line, Span, Terminal, print_error, wrap

__all__ = ["MOST_FINDINGS", "VERDICTS", "find_archives", "finding_lines", "report_json", "run"]

VERDICTS = {0: ("clean", "good"), 1: ("findings", "warning"), 2: ("unreadable", "bad")}
"""Words and styles of exit codes."""
LEVEL_STYLES = {"note": "dim", "warning": "warning", "error": "bad"}
MOST_FINDINGS = 50
"""Findings of one file that are printed; a hostile file may give any number. JSON has them all."""


def run(arguments: argparse.Namespace) -> int:
    """Check all files and folders; returns the highest exit code."""
    codes: Counter[int] = Counter()
    paths: list[str] = []
    for given in arguments.paths:
        try:
            paths += find_archives(given)
        except FormatError as error:
            print_error(str(error))
            codes[error.exit_code] += 0  # no file, but a code that counts
    _check_all(paths, codes, arguments)
    return max(codes)


def _check_all(paths: list[str], codes: Counter[int], arguments: argparse.Namespace) -> None:
    """Check every file, show what is to be shown, and count the exit codes."""
    limits = read_limits(arguments)
    output, progress = Terminal(sys.stdout), Progress(Terminal(sys.stderr), len(paths))
    try:
        for done, path in enumerate(paths):
            if len(paths) > 1:
                progress.show(done, path)
            report = check_archive(path, limits=limits)
            codes[report.exit_code] += 1
            if arguments.json or not arguments.quiet or report.exit_code:
                progress.clear()
                _show(report, output, arguments)
    finally:
        progress.clear()
    if len(paths) > 1 and not arguments.json and not arguments.quiet:
        output.print_all(["", _summary(codes)])


def find_archives(path: str) -> list[str]:
    """The file itself, or of a folder every ``*.zip`` in it and below, sorted, hidden ones left out.

    Raises FormatError for a folder without any; links to folders are not followed.
    """
    if not os.path.isdir(path):
        return [path]
    found = []
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.join(folder, name) for name in files if _is_archive_name(name)]
    if not found:
        raise FormatError("expected *.zip files in this folder, found none.", path=path)
    return sorted(found)


def report_json(report: CheckReport) -> dict[str, Any]:
    """A report as plain data, as ``--json`` prints it."""
    return {
        "path": report.path,
        "verdict": VERDICTS[report.exit_code][0],
        "exit_code": report.exit_code,
        "algorithm": report.algorithm,
        "sb3_version": report.sb3_version,
        "findings": [
            {
                "level": finding.level,
                "kind": finding.kind,
                "message": finding.message,
                "member": finding.member,
                "offset": finding.offset,
            }
            for finding in report.findings
        ],
        "called": report.called,
    }


def _is_archive_name(name: str) -> bool:
    return name.lower().endswith(".zip") and not name.startswith(".")


def _show(report: CheckReport, output: Terminal, arguments: argparse.Namespace) -> None:
    if arguments.json:
        output.print(json.dumps(report_json(report), allow_nan=False))
    else:
        output.print_all(_block(report, output, verbose=arguments.verbose))


def _block(report: CheckReport, output: Terminal, *, verbose: bool) -> Iterator[Line]:
    verdict, style = VERDICTS[report.exit_code]
    made_by = (report.algorithm or "unknown algorithm").rpartition(".")[2]
    made_by += ", no agent of SB3's" if report.is_own else f", SB3 {report.sb3_version or 'unknown'}"
    yield [Span(f"{verdict:<10}", style), Span(f"  {report.path}  "), Span(made_by if report.readable else "", "dim")]
    for finding in report.findings[:MOST_FINDINGS]:
        yield from finding_lines(finding, output)
    if len(report.findings) > MOST_FINDINGS:
        yield f"  and {len(report.findings) - MOST_FINDINGS:,} more findings; --json has them all"
    if report.called and (verbose or report.exit_code):
        yield from _called(report.called, output, verbose=verbose)


def finding_lines(finding: Finding, output: Terminal) -> Iterator[Line]:
    """A finding in as many lines as it needs: its level, its place, what it says."""
    place = [finding.member] if finding.member else []
    place += [f"offset {finding.offset}"] if finding.offset is not None else []
    text = f"{', '.join(place)}: {finding.message}" if place else finding.message
    for index, line in enumerate(wrap(text, output.width - 12)):
        yield [
            Span(f"  {finding.level if not index else '':<8}", LEVEL_STYLES.get(finding.level, "")),
            Span(f"  {line}"),
        ]


def _called(called: dict[str, int], output: Terminal, *, verbose: bool) -> Iterator[Line]:
    """What an ordinary loader would have called: all of it by name, or how much besides the findings."""
    harmless = {path: count for path, count in called.items() if is_known_call(path)}
    if verbose:
        yield "  an ordinary loader would have called:"
        for path, count in called.items():
            name = output.fit(path or "the result of another call", output.width - 14)
            yield [Span(f"  {count:>7,} ×  "), Span(name, "dim" if path in harmless else "warning")]
    elif harmless:
        text = f"{len(harmless)} harmless names in {sum(harmless.values()):,} calls; --verbose lists them"
        yield [Span(f"  {'calls':<8}  ", "dim"), Span(text, "dim")]


def _summary(codes: Counter[int]) -> Line:
    line = [Span(f"{sum(codes.values()):,} files: ")]
    for code, (verdict, style) in VERDICTS.items():
        text = f"{codes[code]:,} {'with ' if verdict == 'findings' else ''}{verdict}"
        line += [Span(text, style if codes[code] else "dim"), Span(", " if code < max(VERDICTS) else "")]
    return line
