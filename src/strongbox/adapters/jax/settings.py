"""What a policy or module of an agent on JAX was made with, held against the one that was made anew."""

from __future__ import annotations

from typing import Any

import numpy

from ...errors import MismatchError, StrongboxError
from ...values import FlaxModule, find_opaque
from ..restore import Restorer

__all__ = ["compare_setting"]


def compare_setting(live: Any, kept: Any, place: str, restorer: Restorer, left: dict[str, str]) -> None:
    """Raise MismatchError where a live object was made with another setting than was kept.

    What cannot be compared, since it is not understood or no list has it, is added to ``left`` with the reason.
    """
    parts = dict(find_opaque(kept, place))
    if isinstance(kept, FlaxModule):
        _compare_module(live, kept, place, restorer, left)
    elif parts:
        left.update({path: f"not compared with the policy made anew: {part.reason}" for path, part in parts.items()})
    else:
        try:
            expected = restorer(kept)
        except StrongboxError as error:
            left[place] = f"not compared with the policy made anew: {error.problem}"
            return
        if not _alike(live, expected):
            raise _mismatch(place, live, expected)


def _compare_module(live: Any, kept: FlaxModule, place: str, restorer: Restorer, left: dict[str, str]) -> None:
    found = f"{type(live).__module__}.{type(live).__qualname__}"
    if found != kept.type.path:
        raise _mismatch(place, found, kept.type.path)
    for name, item in kept.fields.items():
        if not hasattr(live, name):
            left[f"{place}.{name}"] = "the installed release of sbx has no such field"
        else:
            compare_setting(getattr(live, name), item, f"{place}.{name}", restorer, left)


def _alike(live: Any, kept: Any) -> bool:
    if isinstance(kept, numpy.ndarray):
        return isinstance(live, numpy.ndarray) and live.dtype == kept.dtype and numpy.array_equal(live, kept)
    if isinstance(kept, (list, tuple)):
        same = isinstance(live, (list, tuple)) and len(live) == len(kept)
        return same and all(_alike(part, item) for part, item in zip(live, kept, strict=True))
    if isinstance(kept, dict):
        same = isinstance(live, dict) and live.keys() == kept.keys()
        return same and all(_alike(live[name], item) for name, item in kept.items())
    return live is kept or bool(type(live) is type(kept) and live == kept)


def _mismatch(place: str, live: Any, kept: Any) -> MismatchError:
    return MismatchError(
        f"expected {str(live)[:100]} at {place}, as the agent's settings make it, found {str(kept)[:100]}.",
        hint="Give the settings that it was made with: custom_objects={'policy_kwargs': {...}}.",
    )
