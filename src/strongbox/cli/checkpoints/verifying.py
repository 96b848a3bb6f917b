"""``strongbox checkpoints verify``: every digest of a run, and an exit status that a script can use."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from ...archive import CheckReport, Finding
from ...checkpoints import Checkpoint, verify_checkpoint
from ...errors import StrongboxError
from ..check import MOST_FINDINGS, VERDICTS, finding_lines, report_json
from ..progress import Progress
from ..terminal import Line, Span, Terminal, size_text
from .listing import Listing, choose, read_run

__all__ = ["run", "verify"]


def run(arguments: argparse.Namespace) -> int:
    """Verify all checkpoints of a run, or one; returns the highest exit code."""
    listing, output = read_run(arguments.run), Terminal(sys.stdout)
    chosen = listing.checkpoints if arguments.step is None else (choose(listing, arguments.step),)
    reports = [] if arguments.step is not None else _damaged(listing)
    codes = [0]
    for report in reports:
        codes.append(_show(report, output, arguments))
    verified: set[str] = set()
    for checkpoint in chosen:
        codes.append(_show(verify(checkpoint, verified), output, arguments))
    if not arguments.json and len(codes) == 1:
        output.print(f"{listing.folder.path}: no checkpoints")
    return max(codes)


def verify(checkpoint: Checkpoint, verified: set[str] | None = None) -> CheckReport:
    """Verify one checkpoint behind a progress bar; ``verified`` is as in :func:`verify_checkpoint`."""
    progress = Progress(Terminal(sys.stderr), 1, text=size_text)
    try:
        findings = verify_checkpoint(checkpoint, progress.show_part, verified=verified)
    finally:
        progress.clear()
    return CheckReport(path=checkpoint.path, findings=findings)


def _damaged(listing: Listing) -> list[CheckReport]:
    return [CheckReport(path=path, findings=[_finding(error)]) for path, error in listing.damaged.items()]


def _finding(error: StrongboxError) -> Finding:
    hint = f" {error.hint}" if error.hint else ""
    return Finding(level="error", kind=type(error).__name__, message=f"{error.problem}{hint}", member=error.member)


def _show(report: CheckReport, output: Terminal, arguments: argparse.Namespace) -> int:
    if arguments.json:
        form = report_json(report)
        output.print(json.dumps({key: form[key] for key in ("path", "verdict", "exit_code", "findings")}))
    else:
        output.print_all(_lines(report, output))
    return report.exit_code


def _lines(report: CheckReport, output: Terminal) -> Iterator[Line]:
    verdict, style = VERDICTS[report.exit_code]
    yield [Span(f"{verdict:<10}", style), Span(f"  {report.path}")]
    for finding in report.findings[:MOST_FINDINGS]:
        yield from finding_lines(finding, output)
    if len(report.findings) > MOST_FINDINGS:
        yield f"  and {len(report.findings) - MOST_FINDINGS:,} more findings; --json has them all"
