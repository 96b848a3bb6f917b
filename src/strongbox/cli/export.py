"""``strongbox export``: a policy as the smallest file that acts, or as an ONNX graph."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..policies import open_policy
from .limits import read_limits
from .terminal import Line, Span, Terminal, size_text

if TYPE_CHECKING:
    from ..policies.export import ExportReport

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Export one policy and say what was written, and how far it is from the original."""
    normalize = False if arguments.raw else arguments.normalize
    policy = open_policy(arguments.file, normalize=normalize, limits=read_limits(arguments))
    report = policy.export(arguments.to, outputs=arguments.outputs or ())
    if arguments.json:
        print(json.dumps({**asdict(report), "source": arguments.file, "source_sha256": policy.source_sha256}))
    else:
        Terminal(sys.stdout).print_all(_lines(report))
    return 0


def _lines(report: ExportReport) -> list[Line]:
    observations = f"{report.compared:,} observations beside the policy itself"
    difference = f"largest difference {report.largest_difference:.1e}" if report.largest_difference else "no difference"
    lines: list[Line] = [
        [Span("exported  ", "good"), Span(f"{report.path}, {size_text(report.size)}")],
        f"compared  {difference}, over {observations}",
    ]
    if report.uncertain:
        lines.append(f"          {report.uncertain} numbers are over 1e-05 where float32 is no more certain than that")
    if report.tied:
        lines.append(f"          {report.tied} discrete actions are others that are as good within rounding")
    return lines
