"""The command line: parse, call one command, turn whatever goes wrong into one line and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence

from ..errors import StrongboxError
from .checkpoints.parser import ACTIONS
from .parser import COMMANDS, build_parser, nearest
from .terminal import print_error

__all__ = ["main"]

WRONG_USE = 2
INTERRUPTED = 130
"""128 and the number of SIGINT, as shells report it."""
BROKEN_PIPE = 141
"""128 and the number of SIGPIPE."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; ``argv`` leaves out the program's name."""
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()
    except StrongboxError as error:
        return _fail(str(error), error.exit_code)
    except BrokenPipeError:
        _discard_output()
        return BROKEN_PIPE
    except OSError as error:  # a full disk, say; files are read and written by those who name them
        _discard_output()
        return _fail(f"the output cannot be written: {error.strerror or error}.", WRONG_USE)
    except KeyboardInterrupt:
        return _fail("interrupted.", INTERRUPTED)


def _run(argv: Sequence[str]) -> int:
    problem = _unknown("a command", argv[:1], COMMANDS)
    if argv[:1] == ["checkpoints"]:
        problem = _unknown("an action", argv[1:2], ACTIONS)
    if problem:
        return _fail(problem, WRONG_USE)
    try:
        arguments = build_parser(argv[0] if argv and argv[0] in COMMANDS else None).parse_args(argv)
    except SystemExit as done:  # after --help, --version, or what is wrong with the arguments
        return done.code if isinstance(done.code, int) else WRONG_USE
    return RUN[arguments.command](arguments)


def _unknown(what: str, words: Sequence[str], names: Iterable[str]) -> str:
    """What to say of a first word that is no name and no option; an empty string where there is nothing to say."""
    if not words or words[0].startswith("-") or words[0] in names:
        return ""
    there = f"{what.partition(' ')[2].capitalize()}s are: {', '.join(names)}."
    return f"expected {what}, found {words[0]!r}. {nearest(words[0], list(names)) or there}"


def _inspect(arguments: argparse.Namespace) -> int:
    from .inspect import run

    return run(arguments)


def _check(arguments: argparse.Namespace) -> int:
    from .check import run

    return run(arguments)


def _convert(arguments: argparse.Namespace) -> int:
    from .convert import run

    return run(arguments)


def _diff(arguments: argparse.Namespace) -> int:
    from .diff import run

    return run(arguments)


def _extract(arguments: argparse.Namespace) -> int:
    from .extract import run

    return run(arguments)


def _export(arguments: argparse.Namespace) -> int:
    from .export import run

    return run(arguments)


def _play(arguments: argparse.Namespace) -> int:
    from .play import run

    return run(arguments)


def _checkpoints(arguments: argparse.Namespace) -> int:
    from .checkpoints import run

    return run(arguments)


def _completion(arguments: argparse.Namespace) -> int:
    from .completion import run

    return run(arguments)


RUN = {
    "inspect": _inspect,
    "check": _check,
    "convert": _convert,
    "diff": _diff,
    "extract": _extract,
    "export": _export,
    "play": _play,
    "checkpoints": _checkpoints,
    "completion": _completion,
}
"""Commands by name; each loads its module when it is called, so that help and errors come at once."""


def _fail(text: str, code: int) -> int:
    print_error(text)
    return code


def _discard_output() -> None:
    """What is left goes nowhere; without this, the interpreter would complain when it flushes its streams."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
