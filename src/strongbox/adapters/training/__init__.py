"""Training that goes on exactly: a live model of SB3 at its clean points, as a run sees it."""

from __future__ import annotations

from .callback import RunCallback
from .logs import preserve_logs
from .saved import Saved, read_rows
from .session import Captured, Session

__all__ = ["Captured", "RunCallback", "Saved", "Session", "preserve_logs", "read_rows"]
