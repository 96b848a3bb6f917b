"""Names from a stranger's file as names of files: they stay inside their folder, on every system.

A name keeps ASCII letters, digits, ``.``, ``_`` and ``-``; all else becomes ``_``. It never begins or
ends with a dot, is never one of the devices that Windows reserves, and is at most 100 characters
long. Two names that would be one file, capitals not told apart, become two.
"""

from __future__ import annotations

import re
from hashlib import sha256

__all__ = ["FileNames"]

LONGEST = 100
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Devices that Windows opens whatever the folder and the suffix."""


class FileNames:
    """The names given out in one folder; the same name twice gives two files."""

    def __init__(self, *taken: str) -> None:
        self._taken = {name.lower() for name in taken}
        self._counts: dict[str, int] = {}

    def add(self, name: str, suffix: str = "") -> str:
        """A file name for ``name`` that was not given out before, ending in ``suffix``."""
        stem = _safe(name, LONGEST - len(suffix))
        key = (stem + suffix).lower()
        count = self._counts.get(key, 1)  # kept, since trying from 1 again is quadratic in names made to collide
        candidate = stem + suffix
        while candidate.lower() in self._taken:
            count += 1
            candidate = f"{stem}~{count}{suffix}"
        self._counts[key] = count
        self._taken.add(candidate.lower())
        return candidate


def _safe(name: str, longest: int) -> str:
    text = re.sub(r"[^A-Za-z0-9._-]", "_", name).strip(".") or "_"
    if RESERVED.match(text):
        text = f"_{text}"
    if len(text) <= longest:
        return text
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{text[: longest - len(digest) - 1].rstrip('.')}-{digest}"
