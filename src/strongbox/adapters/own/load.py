"""Agents of one's own go into files, and come out of them: into a live one, as a new one, or as a record of parts."""

from __future__ import annotations

import inspect
import os
from collections.abc import Collection, Mapping
from typing import Any, BinaryIO

from ...archive import Archive, SaveReport, write_archive
from ...errors import MismatchError, locate
from ...limits import DEFAULT_LIMITS, Limits
from ...tensors import Tensor
from ..installed import is_installed
from ..report import LoadReport, warn
from ..request import read_names
from ..transfer import select
from .agent import Agent
from .capture import class_name, contents_of, survey
from .into import check_into, fill_into
from .objects import REPORT
from .revive import Reviver

__all__ = ["load", "save"]


def save(
    agent: Any,
    file: str | os.PathLike[str] | BinaryIO,
    *,
    exclude: str | Collection[str] = (),
    durable: bool = True,
    limits: Limits = DEFAULT_LIMITS,
) -> SaveReport:
    """Write an agent to an archive, without a pickle in it; the old file is replaced in one step.

    Warns of what is left out, unasked, and may well be a part of the agent's state.
    """
    found = survey(agent, exclude=read_names(exclude, "exclude"))
    report = write_archive(file, contents_of(agent, found), pickles=False, durable=durable, limits=limits)
    lost = {path: left.reason for path, left in found.left_out.items() if left.is_state}
    listed = "; ".join(f"{path} ({reason})" for path, reason in lost.items() if path not in found.replay_buffers)
    if listed:
        warn(
            f"{report.path or 'archive'}: left out of the file: {listed}. Its class may say how it is kept, by "
            "__strongbox_state__, or that it is not, by __strongbox_exclude__."
        )
    return report


def load(
    archive: Archive,
    *,
    into: Any = None,
    cls: type | None = None,
    device: Any = "auto",
    skip: str | Collection[str] | None = (),
) -> Any:
    """Load an agent of one's own; the options are those of :func:`strongbox.load`."""
    skipped = read_names(skip, "skip")
    if into is not None and (cls is not None or device != "auto"):
        given = "cls" if cls is not None else "device"
        raise MismatchError(f"expected no {given} beside into, whose agent has its own, found one.")
    with locate(path=archive.path):
        if into is None and cls is None:
            return _read_record(archive, skipped, device)
        agent = _make(archive, cls, device) if cls is not None else into
    plan = check_into(agent, archive, skip=skipped)
    fill_into(plan)
    report = LoadReport(
        path=archive.path, algorithm=class_name(type(agent)), left=plan.left, taken=plan.taken, skipped=tuple(skipped)
    )
    _attach(agent, report)
    return agent


def _attach(agent: Any, report: LoadReport) -> None:
    """Leave the report on an agent that takes attributes."""
    if hasattr(agent, "__dict__"):
        object.__setattr__(agent, REPORT, report)


# -- a new agent ----------------------------------------------------------------------------------


def _make(archive: Archive, cls: Any, device: Any) -> Any:
    """An agent of a class, from what its constructor takes and data has."""
    if not isinstance(cls, type):
        raise MismatchError(
            f"expected a class in cls, found {type(cls).__name__}.", hint="Give one, such as cls=Agent."
        )
    taken = inspect.signature(cls).parameters.values()
    named = [item for item in taken if item.kind in (item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY)]
    reviver = Reviver({cls.__module__})
    given = {item.name: reviver.build(archive.data[item.name]) for item in named if item.name in archive.data}
    if device != "auto":
        if "device" not in {item.name for item in named}:
            raise MismatchError(f"expected no device, which {cls.__qualname__} does not take, found one.")
        given["device"] = device
    missing = [item.name for item in named if item.name not in given and item.default is item.empty]
    if missing:
        raise MismatchError(
            f"expected {', '.join(missing)} in the archive's data, which {cls.__qualname__} is made with, found none.",
            hint=f"Make the agent yourself and give it: into={cls.__name__}(...). Data has {', '.join(archive.data)}.",
        )
    return cls(**given)


# -- a record of parts ------------------------------------------------------------------------------


def _read_record(archive: Archive, skipped: frozenset[str], device: Any) -> Agent:
    variables = archive.variables.raw if archive.variables is not None else {}
    names = sorted({*archive.data, *archive.parameters, *variables})
    chosen = select(skipped, names, "skip")
    left = {name for name in names if name in chosen or any(name.startswith(f"{outer}.") for outer in chosen)}
    reviver, arrays = Reviver(()), archive.manifest.arrays if archive.manifest else ()
    return Agent(
        algorithm=archive.algorithm or "",
        data={name: reviver.kept(archive.data[name]) for name in archive.data if name not in left},
        parameters={
            name: _live(archive.parameters[name].raw, archive, device)
            for name in archive.parameters
            if name not in left
        },
        variables={
            name: found.copy() if name in arrays and isinstance(found, Tensor) else _live(found, archive, device)
            for name, found in variables.items()
            if name not in left
        },
        left_out={**archive.left_out, **dict.fromkeys(left, "left out on request")},
    )


def _live(found: Any, archive: Archive, device: Any) -> Any:
    """A tree of the file with tensors of torch where it is installed, otherwise with arrays."""
    if not is_installed("torch"):
        return _arrays(found)
    from ..state import Filler

    return _moved(Filler(archive.release_memory).torch_value(found), "cpu" if device == "auto" else device)


def _arrays(found: Any) -> Any:
    if isinstance(found, Tensor):
        return found.copy()
    if isinstance(found, Mapping):
        return {key: _arrays(item) for key, item in found.items()}
    return type(found)(map(_arrays, found)) if type(found) in (list, tuple) else found


def _moved(tree: Any, device: Any) -> Any:
    if isinstance(tree, Mapping):
        return {key: _moved(item, device) for key, item in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)([_moved(item, device) for item in tree])
    return tree.to(device) if hasattr(tree, "to") else tree
