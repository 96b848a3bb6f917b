"""Which names a member may have: names that mean the same file to every reader on every system.

A name that one reader takes for another file than the next reader does is how an archive shows one
face to a scanner and another to a loader, and a name that points out of its folder is how an archive
writes where it should not. Plain ASCII has one spelling (its Unicode normal form is itself), so that
uniqueness needs no more than folding the case.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

from ..errors import RefusedError

__all__ = ["check_name", "check_unique", "show_name"]

LONGEST_SHOWN = 100

FAULTS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("is empty", lambda name: not name),
    ("holds a character other than printable ASCII", lambda name: not (name.isascii() and name.isprintable())),
    ("holds a backslash", lambda name: "\\" in name),
    ("is an absolute path", lambda name: name.startswith("/")),
    ("holds a colon, as drive letters do", lambda name: ":" in name),
    ("leads out of its folder", lambda name: ".." in name.split("/")),
    ("is a folder", lambda name: name.endswith("/")),
    ("has empty or '.' parts", lambda name: any(part in ("", ".") for part in name.split("/"))),
)
FOLDER_HINT = "Pack the files themselves, not the folder that holds them: cd FOLDER, then zip ../NAME.zip *"


def show_name(name: str | bytes) -> str:
    """A stranger's name for use in a message: escaped, quoted and cut to a readable length."""
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    return ascii(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "...")


def check_name(raw: str | bytes, offset: int | None = None) -> str:
    """Return the name of a member, or raise :class:`RefusedError` saying what is wrong with it."""
    # Latin-1 gives every byte a character of its own; whatever is not ASCII is refused just below.
    name = raw.decode("latin-1") if isinstance(raw, bytes) else raw
    fault = known_fault(name) if len(name) <= LONGEST_SHOWN else find_fault(name)
    if fault is not None:
        hint = FOLDER_HINT if fault == "is a folder" else None
        raise RefusedError(
            f"expected a plain member name, found {show_name(raw)}, which {fault}.", offset=offset, hint=hint
        )
    return name


def find_fault(name: str) -> str | None:
    """What is wrong with a name, or None."""
    return next((fault for fault, found in FAULTS if found(name)), None)


known_fault = functools.lru_cache(maxsize=4096)(find_fault)
"""The same, remembered: the same few hundred short names come again in every archive."""


def check_unique(names: Iterable[str]) -> None:
    """Raise :class:`RefusedError` where two names are equal but for their case."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other is not name:
            raise RefusedError(f"two members have one name: {show_name(other)} and {show_name(name)}.")
