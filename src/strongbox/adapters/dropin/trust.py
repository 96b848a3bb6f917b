"""Whom the drop-in trusts: what its installations allow files to name, and to run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ...errors import StrongboxError

__all__ = ["WAY_OUT", "Installation", "active", "naming_install", "trusted_names", "trusts_pickles"]

WAY_OUT = 'If you would run code from this file, as SB3 does: strongbox.sb3.install(trust="pickle").'
"""The hint where something is no value, and is of no class that could be named."""


@dataclass(frozen=True, eq=False)
class Installation:
    """One installation: classes that files may name besides SB3's, and whether their pickles may be run."""

    names: frozenset[str] = frozenset()
    pickles: bool = False


active: list[Installation] = []
"""The installations in force, oldest first: what the newest trusts is trusted."""


def trusted_names() -> frozenset[str]:
    """The classes of the caller's own that files may name."""
    return active[-1].names if active else frozenset()


def trusts_pickles() -> bool:
    """Whether code in files may be run."""
    return bool(active) and active[-1].pickles


_TRUST = re.compile(r'trust=("pickle"|\["[^"]*"\])')


@contextmanager
def naming_install() -> Iterator[None]:
    """Let the hints of errors that pass say how trust is given here: SB3's own calls have no such argument."""
    try:
        yield
    except StrongboxError as error:
        error.hint = _TRUST.sub(r"strongbox.sb3.install(trust=\1)", error.hint) if error.hint else None
        raise
