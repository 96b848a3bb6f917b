"""A live training run: what the adapters capture, the checkpoints keep, and the other way round."""

from __future__ import annotations

from .phases import Phase, Phases, Start
from .report import NotExact, RunReport
from .run import Run

__all__ = ["NotExact", "Phase", "Phases", "Run", "RunReport", "Start"]
