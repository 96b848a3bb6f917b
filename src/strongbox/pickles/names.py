"""Which names a pickle may hold: exact ASCII pairs of a module and a name in it.

The name may be a qualified one, as of a function that belongs to a class (gym 0.22 to 0.25 pickled
``RandomNumberGenerator._generator_ctor``, and cloudpickle names ``Enum.__new__``). It is one name, kept
as it stands: nothing here or above takes it apart at its dots.
"""

from __future__ import annotations

import re

from ..errors import LimitError, RefusedError

__all__ = ["NAME_LENGTH", "check_name"]

NAME_LENGTH = 256
"""Characters of a module or of a name; the longest in real archives has 53."""

DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


def check_name(module: str, name: str) -> None:
    """Raise RefusedError or LimitError unless these are the plain names of a module and of something in it."""
    if len(module) > NAME_LENGTH or len(name) > NAME_LENGTH:
        raise LimitError(f"expected names of at most {NAME_LENGTH} characters, found a longer one.")
    if not DOTTED.fullmatch(module):
        raise RefusedError(f"expected the name of a module in plain ASCII, found {module!a}.")
    if not DOTTED.fullmatch(name):
        raise RefusedError(f"expected a name in plain ASCII inside module {module}, found {name!a}.")
