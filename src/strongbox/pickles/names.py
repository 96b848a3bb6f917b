"""Which names a pickle may hold: exact ASCII pairs of a module and a name in it, without traversal."""

from __future__ import annotations

import re

from ..errors import LimitError, RefusedError

__all__ = ["NAME_LENGTH", "check_name"]

NAME_LENGTH = 256
"""Characters of a module or of a name; the longest in real archives has 53."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


def check_name(module: str, name: str) -> None:
    """Raise RefusedError or LimitError unless this is a plain name at the top of a module."""
    if len(module) > NAME_LENGTH or len(name) > NAME_LENGTH:
        raise LimitError(f"Expected names of at most {NAME_LENGTH} characters, found a longer one.")
    if not MODULE.fullmatch(module):
        raise RefusedError(f"Expected the name of a module in plain ASCII, found {module!a}.")
    if not NAME.fullmatch(name):
        raise RefusedError(
            f"Expected a name in plain ASCII without dots inside module {module}, found {name!a}.",
            hint="Only classes and functions at the top of a module can be named in an archive.",
        )
