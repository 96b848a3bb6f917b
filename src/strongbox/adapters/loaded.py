"""Classes of frameworks, without loading any: where a framework is not loaded, no object is of its classes."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["loaded_classes"]


def loaded_classes(module: str, *names: str) -> tuple[Any, ...]:
    """The classes of a module that is loaded in this process, for ``isinstance``; none where it is not loaded."""
    found = sys.modules.get(module)
    return tuple(kind for name in names if isinstance(kind := getattr(found, name, None), type))
