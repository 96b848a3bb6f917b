"""``strongbox checkpoints``: what a run has kept, whether it is whole, what may go, and one of it in a single file."""

from __future__ import annotations

import argparse

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Do one action and return its exit code; its module is loaded when it is called."""
    return ACTIONS[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from .listing import run

    return run(arguments)


def _show(arguments: argparse.Namespace) -> int:
    from .showing import run

    return run(arguments)


def _verify(arguments: argparse.Namespace) -> int:
    from .verifying import run

    return run(arguments)


def _prune(arguments: argparse.Namespace) -> int:
    from .pruning import run

    return run(arguments)


def _pack(arguments: argparse.Namespace) -> int:
    from .packing import run

    return run(arguments)


ACTIONS = {"list": _list, "show": _show, "verify": _verify, "prune": _prune, "pack": _pack}
