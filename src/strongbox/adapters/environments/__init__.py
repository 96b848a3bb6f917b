"""Environments at a point between two steps: captured through every layer, and put back to the last bit.

:func:`watch_environments` begins to record, :func:`capture_environments` gives a state, and
:func:`restore_environments` puts it into environments that the same code has made, in this process or another. What is
not exact is named, with the reason. docs/exactness.md says what is, and how.
"""

from __future__ import annotations

from .vectors import Captured, capture_environments, outlive_signals, restore_environments, watch_environments

__all__ = ["Captured", "capture_environments", "outlive_signals", "restore_environments", "watch_environments"]
