"""``strongbox inspect``: one archive on one page, as data, or one value of it in full; of a run, its newest.

Each way of showing loads its module when it is called: a page should be there before a person waits.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from ..archive import Archive, open_archive
from ..errors import MismatchError, StrongboxError
from .limits import read_limits
from .parser import nearest
from .summary import Summary, summarize
from .terminal import Terminal, print_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from .checkpoints.listing import Listing

__all__ = ["run"]

Show: TypeAlias = "Callable[[Archive, Terminal, argparse.Namespace, Listing | None], int]"

UNREADABLE = 2
MOST_NAMES = 1000
"""Names that a misspelt one is compared with."""


def run(arguments: argparse.Namespace) -> int:
    """Show every file; returns 2 where one, or a part of one, could not be read."""
    output = Terminal(sys.stdout, width=arguments.width)
    codes = []
    for index, file in enumerate(arguments.files):
        if index and not arguments.json:
            output.print()
        codes.append(_show(file, output, arguments))
    return max(codes)


def _show(file: str, output: Terminal, arguments: argparse.Namespace) -> int:
    """Show one file, or of a run its newest checkpoint; what is wrong with it does not hide the next one."""
    show = _show_value if arguments.data is not None else _show_json if arguments.json else _show_page
    try:
        if os.path.isdir(file) and os.path.lexists(os.path.join(file, "run.json")):
            return _show_run(file, show, output, arguments)
        with open_archive(file, limits=read_limits(arguments)) as archive:
            return show(archive, output, arguments, None)
    except StrongboxError as error:
        print_error(str(error))
        return error.exit_code


def _show_run(path: str, show: Show, output: Terminal, arguments: argparse.Namespace) -> int:
    from .checkpoints.listing import choose, read_run

    listing = read_run(path)
    with choose(listing, None).open() as archive:
        return show(archive, output, arguments, listing)


def _show_page(archive: Archive, output: Terminal, arguments: argparse.Namespace, listing: Listing | None) -> int:
    from .page import page_lines

    if listing is not None:
        from .checkpoints.listing import listing_lines

        output.print_all([*listing_lines(listing, output), ""])
    summary = _summarize(archive, listing)
    output.print_all(page_lines(summary, output))
    return _exit_code(summary, listing)


def _show_json(archive: Archive, output: Terminal, arguments: argparse.Namespace, listing: Listing | None) -> int:
    from .json_form import summary_json

    summary = _summarize(archive, listing)
    form = summary_json(summary)
    if listing is not None:
        from .checkpoints.listing import listing_json

        form["run"] = listing_json(listing)
    output.print(json.dumps(form, allow_nan=False))
    return _exit_code(summary, listing)


def _summarize(archive: Archive, listing: Listing | None) -> Summary:
    """The facts of an archive; the replay of a run's newest checkpoint lies beside it, where it has one."""
    return summarize(archive, replay_beside=listing is not None and listing.checkpoints[-1].replay is not None)


def _exit_code(summary: Summary, listing: Listing | None) -> int:
    return UNREADABLE if summary.problems or (listing is not None and listing.damaged) else 0


def _show_value(archive: Archive, output: Terminal, arguments: argparse.Namespace, listing: Listing | None) -> int:
    from .full import full_lines
    from .json_form import value_json

    name = arguments.data
    if name not in archive.data:
        raise MismatchError(
            f"expected a name of data, found {name!r}.",
            path=archive.path,
            hint=nearest(name, list(islice(archive.data, MOST_NAMES))) or "Names are on the page.",
        )
    value = archive.data[name]
    if arguments.json:
        output.print(json.dumps(value_json(value), allow_nan=False))
    else:
        output.print_all(full_lines(value, width=output.width))
    return 0
