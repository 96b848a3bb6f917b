"""Putting the drop-in in place of SB3's functions, and SB3's functions back.

A function of SB3's may have been imported by name into any module before, and a stand-in of ours while it was in
place; so each module that has the one is given the other. What somebody else has put there stays.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from threading import RLock
from types import ModuleType
from typing import Any

from stable_baselines3.common import save_util
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BaseModel
from stable_baselines3.common.vec_env import VecNormalize

from ...errors import StrongboxError
from ..request import read_trust
from . import models, normalizations, pickles, policies, zip_files
from .trust import Installation, active, trusts_pickles

__all__ = ["Installation", "install", "leave", "uninstall"]


@dataclass(frozen=True)
class _Place:
    """A function of SB3's: what has it, its name there, what stands in, and whether it may run pickles."""

    owner: Any
    name: str
    ours: Callable[..., Any]
    unpickles: bool = False


PLACES = (
    _Place(BaseAlgorithm, "save", models.save),
    _Place(BaseAlgorithm, "load", models.load),
    _Place(BaseModel, "save", policies.save),
    _Place(BaseModel, "load", policies.load, unpickles=True),
    _Place(VecNormalize, "save", normalizations.save),
    _Place(VecNormalize, "load", normalizations.load, unpickles=True),
    _Place(save_util, "save_to_zip_file", zip_files.save_to_zip_file),
    _Place(save_util, "load_from_zip_file", zip_files.load_from_zip_file),
    _Place(save_util, "save_to_pkl", pickles.save_to_pkl),
    _Place(save_util, "load_from_pkl", pickles.load_from_pkl, unpickles=True),
)

_lock = RLock()
_swapped: dict[_Place, tuple[Any, Any]] = {}
"""SB3's function and its stand-in, while the latter is in place."""
_permanent: list[Installation] = []


def install(trust: str | Collection[str] | None = (), *, permanent: bool = True) -> Installation:
    """Put the drop-in in place; a second time changes what is trusted, and nothing else.

    An installation that is not ``permanent`` is taken back by :func:`leave`. Raises MismatchError where ``trust``
    is no name or names.
    """
    names, runs = read_trust(trust)
    installation = Installation(names, runs)
    with _lock:
        if permanent:
            active[:] = [each for each in active if each not in _permanent]
            _permanent[:] = [installation]
        active.append(installation)
        if not _swapped:
            _put_in_place()
    return installation


def leave(installation: Installation) -> None:
    """Take one installation back; with the last, SB3's functions are back."""
    with _lock:
        active[:] = [each for each in active if each is not installation]
        if not active:
            _put_back()


def uninstall() -> None:
    """Take all installations back: SB3's own functions are where they were."""
    with _lock:
        active.clear()
        _permanent.clear()
        _put_back()


def _put_in_place() -> None:
    for place in PLACES:
        theirs = vars(place.owner)[place.name]
        _swapped[place] = theirs, _stand_in(theirs, place)
    for place, (theirs, ours) in _swapped.items():
        _exchange(place, theirs, ours)


def _put_back() -> None:
    for place, (theirs, ours) in _swapped.items():
        _exchange(place, ours, theirs)
    _swapped.clear()


def _exchange(place: _Place, old: Any, new: Any) -> None:
    """Set ``new`` wherever ``old`` is."""
    holders = _modules() if isinstance(place.owner, ModuleType) else [place.owner]
    for holder in holders:
        for name in [name for name, value in list(vars(holder).items()) if value is old]:
            setattr(holder, name, new)


def _modules() -> Iterator[ModuleType]:
    return (module for module in list(sys.modules.values()) if isinstance(module, ModuleType))


def _stand_in(theirs: Any, place: _Place) -> Any:
    """What is called in place of SB3's function: a method of the same kind, with its name and documentation."""
    kind = type(theirs) if isinstance(theirs, classmethod | staticmethod) else None
    function = theirs.__func__ if kind is not None else theirs

    @functools.wraps(function)
    def stand_in(*arguments: Any, **keywords: Any) -> Any:
        try:
            return place.ours(*arguments, **keywords)
        except StrongboxError:
            if place.unpickles and trusts_pickles():
                return function(*arguments, **keywords)
            raise

    return stand_in if kind is None else kind(stand_in)
