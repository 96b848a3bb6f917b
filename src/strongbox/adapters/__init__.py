"""Live agents of Stable-Baselines3 and sb3-contrib: loaded from archives and saved to them.

This is the only room that imports a training framework, and what it needs is in the extra ``sb3``.
"""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import MissingExtra

for _module in ("torch", "gymnasium", "stable_baselines3", "cloudpickle"):
    if find_spec(_module) is None:
        raise MissingExtra(_module, "sb3", "loading or saving a live model")

from .load import load  # noqa: E402
from .report import LeftBehind, LoadReport  # noqa: E402
from .save import save  # noqa: E402

__all__ = ["LeftBehind", "LoadReport", "load", "save"]
