"""Training that goes on exactly: a live model of SB3 at its clean points, as a run sees it."""

from __future__ import annotations

from .callback import RunCallback
from .saved import Saved
from .session import Captured, Session

__all__ = ["Captured", "RunCallback", "Saved", "Session"]
