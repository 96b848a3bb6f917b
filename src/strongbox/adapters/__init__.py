"""Live agents of Stable-Baselines3 and sb3-contrib: loaded from archives and saved to them.

This is the only room that imports a training framework, and what it needs is in the extra ``sb3``.
"""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import MissingExtra


def _is_missing(module: str) -> bool:
    try:
        return find_spec(module) is None
    except (ImportError, ValueError):
        return True


for _module in ("torch", "gymnasium", "stable_baselines3", "cloudpickle"):
    if _is_missing(_module):
        raise MissingExtra(_module, "sb3", "Loading or saving a live model")

from .load import load  # noqa: E402
from .report import LeftBehind, LoadReport  # noqa: E402
from .save import save  # noqa: E402

__all__ = ["LeftBehind", "LoadReport", "load", "save"]
