"""``--limit NAME=NUMBER``: a bound of the reader, raised or lowered for one call of a command."""

from __future__ import annotations

import argparse
import re
from dataclasses import fields

from ..limits import Limits

__all__ = ["add_limit_option", "read_limits"]

NAMES = tuple(item.name for item in fields(Limits))
NUMBER = re.compile(r"([0-9]{1,15})([KMG]?)")
SCALES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def add_limit_option(parser: argparse.ArgumentParser) -> None:
    """Let a command take ``--limit``, as often as there are limits."""
    parser.add_argument(
        "--limit",
        action="append",
        type=_limit,
        default=[],
        dest="limits",
        metavar="NAME=NUMBER",
        help="raise a bound of the reader for a file you trust: data_bytes=256M, pickle_bytes=64M, nodes=4000000, ...",
    )


def read_limits(arguments: argparse.Namespace) -> Limits:
    """The limits that the arguments of a command ask for."""
    return Limits(**dict(arguments.limits))


def _limit(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    found = NUMBER.fullmatch(number)
    if name not in NAMES:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(NAMES)}, found {name[:60]!r}")
    if found is None:
        raise argparse.ArgumentTypeError(f"expected a number such as 1000 or 64M for {name}, found {number[:60]!r}")
    return name, int(found[1]) * SCALES[found[2]]
