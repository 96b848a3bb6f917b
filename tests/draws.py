"""How many random cases the tests try: all of them, or one in five.

``make test`` runs the core's tests under several Pythons. One of them tries every case; the others, which
differ from it in little but the interpreter, run the same tests with fewer cases. See ``tests/interpreters.py``.
"""

from __future__ import annotations

import os

__all__ = ["ONE_IN", "drawn"]

ONE_IN = int(os.environ.get("STRONGBOX_ONE_CASE_IN", "1"))
"""One case in so many is tried."""

FEWEST = 10
"""No test tries fewer cases than this, unless it has fewer."""


def drawn(cases: int) -> int:
    """How many of this number of random cases a test tries."""
    return max(cases // ONE_IN, min(cases, FEWEST))
