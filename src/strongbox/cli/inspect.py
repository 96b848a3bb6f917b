"""``strongbox inspect``: one archive on one page, as data, or one value of it in full.

Each way of showing loads its module when it is called: a page should be there before a person waits.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import islice

from ..archive import Archive, open_archive
from ..errors import MismatchError, StrongboxError
from .parser import nearest
from .summary import summarize
from .terminal import Terminal, print_error

__all__ = ["run"]

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
    """Show one file; what is wrong with it does not hide the next one."""
    show = _show_value if arguments.data is not None else _show_json if arguments.json else _show_page
    try:
        with open_archive(file) as archive:
            return show(archive, output, arguments)
    except StrongboxError as error:
        print_error(str(error))
        return error.exit_code


def _show_page(archive: Archive, output: Terminal, arguments: argparse.Namespace) -> int:
    from .page import page_lines

    summary = summarize(archive)
    output.print_all(page_lines(summary, output))
    return UNREADABLE if summary.problems else 0


def _show_json(archive: Archive, output: Terminal, arguments: argparse.Namespace) -> int:
    from .json_form import summary_json

    summary = summarize(archive)
    output.print(json.dumps(summary_json(summary), allow_nan=False))
    return UNREADABLE if summary.problems else 0


def _show_value(archive: Archive, output: Terminal, arguments: argparse.Namespace) -> int:
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
