"""Classes of frameworks, without loading any: where a framework is not loaded, no object is of its classes."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["loaded_classes"]


def loaded_classes(module: str, *names: str) -> tuple[Any, ...]:
    """The classes of a module that is loaded in this process, for ``isinstance``; none where it is not loaded."""
    known = _FOUND.get((module, names))
    if known is not None:
        return known
    loaded = sys.modules.get(module)
    found = tuple(kind for name in names if isinstance(kind := getattr(loaded, name, None), type))
    if len(found) == len(names):  # Otherwise the module is not loaded yet, or not to its end.
        _FOUND[module, names] = found
    return found


_FOUND: dict[tuple[str, tuple[str, ...]], tuple[Any, ...]] = {}
