"""Whether a package is installed, told without importing it."""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["is_installed"]


def is_installed(module: str) -> bool:
    """Whether a module of this name would be found."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
