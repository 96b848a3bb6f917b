"""What of an archive a live model is made of: a migrated draft, live attributes, and why others stayed behind.

Every attribute is built from a value, never unpickled, unless the caller trusts the pickles of the archive. What is
not understood stays behind, by name and with the reason; where the agent cannot be built without it, that is an error.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from ..archive import Archive
from ..conversion import REQUIRED, Draft, Live, migrate, read_draft
from ..errors import MismatchError, RefusedError, StrongboxError, UnsupportedError
from ..values import SCHEDULE_NAMES, Space, TableSchedule, find_opaque
from .attributes import defaulted_names, derived_from, refuse_counter, reserved_names
from .pickled import load_pickled
from .request import check_names
from .restore import Restorer

__all__ = [
    "NORMALIZATION",
    "REPLAY",
    "add_left_out",
    "explain_derived",
    "explain_tables",
    "make_draft",
    "restore_attributes",
    "restore_data",
]

NORMALIZATION = "normalization"
"""The name by which ``skip`` leaves out the statistics of VecNormalize."""

REPLAY = "replay_buffer"
"""The name by which ``skip`` leaves out the replay of a packed checkpoint."""


def make_draft(
    archive: Archive, algorithm: str, replaced: Mapping[str, Any], skipped: frozenset[str] = frozenset()
) -> Draft:
    """The migrated draft of an archive; names may be given as the file or as the installed SB3 has them.

    Raises MismatchError for a name to replace or to skip that the archive does not have.
    """
    early = {name: value for name, value in replaced.items() if name in archive.data}
    draft = read_draft(archive, algorithm, replaced=early, skipped=skipped)
    known = {*archive.data, *archive.left_out, *archive.parameters, *(archive.variables or ())}
    if archive.normalization is not None:
        known.add(NORMALIZATION)
    if archive.replay is not None:
        known.add(REPLAY)
    migrate(draft)
    for name, value in replaced.items():
        if name in draft.data or name in REQUIRED or name in archive.left_out:
            draft.data[name] = Live(value)
    replaceable = {*draft.data, *archive.data, *archive.left_out}
    check_names("custom_objects", replaced.keys() - early.keys(), replaceable)
    check_names("skip", skipped, known | draft.data.keys())
    for name in skipped & draft.data.keys():
        del draft.data[name]
    return draft


# -- the attributes -----------------------------------------------------------------------------


def restore_attributes(
    draft: Draft, archive: Archive, algorithm: type[BaseAlgorithm], restorer: Restorer, *, pickles: bool
) -> tuple[dict[str, Any], dict[str, str]]:
    """The live attributes of an agent by name, and why others stayed behind; raises where one is required."""
    attributes, left = restore_data(
        draft, archive, restorer, pickles=pickles, reserved=reserved_names(algorithm), required=REQUIRED
    )
    attributes.setdefault("n_envs", 1)
    for name in REQUIRED:
        if name not in attributes:
            raise MismatchError(
                f"expected {name!r} in the archive's data, which the agent is built with, found none.",
                hint=f"Give it: custom_objects={{{name!r}: ...}}.",
            )
    return attributes, left


def restore_data(
    draft: Draft,
    archive: Archive,
    restorer: Restorer,
    *,
    pickles: bool,
    reserved: Mapping[str, str] | None = None,
    required: Collection[str] = (),
) -> tuple[dict[str, Any], dict[str, str]]:
    """Everything in a draft's data as live objects by name, and why others stayed behind.

    ``reserved`` are names that stay behind, each with the reason. Raises RefusedError where one that is
    ``required`` is not understood.
    """
    attributes: dict[str, Any] = {}
    left: dict[str, str] = {}
    reserved = reserved or {}
    exact = pickles and _is_of_this_python(archive)
    for name, value in draft.data.items():
        if isinstance(value, Live):
            attributes[name] = value.value
            continue
        if name in reserved:
            left[name] = reserved[name]
            continue
        try:
            if exact and _is_worked_out(archive, name):
                # Whoever trusts the code gets the function itself, not a table of it.
                raise UnsupportedError("its code is in the file by value")
            attributes[name] = _restore(restorer, name, value)
            if isinstance(value, Space):
                # A space goes without a random state that is not understood.
                left.update({path: part.reason for path, part in find_opaque(value, name)})
        except StrongboxError as error:
            if pickles and name in archive.data and archive.data.pickle(name) is not None:
                attributes[name] = load_pickled(archive, name)
            elif name in required:
                raise _needed(name, value, error) from error
            else:
                left[name] = error.problem
        refused = refuse_counter(name, attributes[name]) if name in attributes else None
        if refused is not None:
            left[name] = refused
            del attributes[name]
    return attributes, left


def explain_derived(attributes: Collection[str], left: dict[str, str]) -> list[str]:
    """Take those out of what stayed behind that SB3 makes anew from attributes which are there; say so instead."""
    notes: list[str] = []
    for name in list(left):
        sources = derived_from(name, attributes)
        if sources:
            del left[name]
            notes.append(f"{name}: made anew from {', '.join(sources)}")
    return notes


def explain_tables(archive: Archive, attributes: Collection[str], *, pickles: bool) -> list[str]:
    """Say which functions of the file were worked out from their code, and how far the tables are from them."""
    notes: list[str] = []
    for name in sorted(SCHEDULE_NAMES.intersection(attributes, archive.data)):
        if _is_worked_out(archive, name) and not (pickles and _is_of_this_python(archive)):
            table = archive.data[name]
            notes.append(
                f"{name}: a table of {len(table.values):,} points stands for {table.source[:100]}, whose code was not "
                f"run; the largest error seen between its points is {table.largest_error:.3g}"
            )
    return notes


def _is_of_this_python(archive: Archive) -> bool:
    """Whether code in an archive may be run here, where it is trusted."""
    return archive.python_version == sys.version_info[:2]


def _is_worked_out(archive: Archive, name: str) -> bool:
    """Whether an attribute is the table of a function that stands in the file as code."""
    data = archive.data
    value = data[name] if name in data and not data.is_portable(name) else None
    return isinstance(value, TableSchedule) and value.source != ""


def add_left_out(
    archive: Archive, algorithm: type[BaseAlgorithm], there: Collection[str], left: dict[str, str], notes: list[str]
) -> frozenset[str]:
    """Add what the save left out already; gives the names among it that nothing of SB3's stands in for.

    What is no attribute's name is about a part of one (a path that was shortened), and is a note.
    """
    lacking: dict[str, str] = {}
    for name, reason in archive.left_out.items():
        if not name.isidentifier() or derived_from(name, there):
            notes.append(f"{name}: {reason}")
        elif name not in there and name not in left:
            lacking[name] = f"left out when it was saved: {reason}"
    left.update(lacking)
    return frozenset(lacking) - defaulted_names(algorithm)


def _restore(restorer: Restorer, name: str, value: Any) -> Any:
    try:
        return restorer(value)
    except StrongboxError:
        raise
    except Exception as error:
        # A constructor of another package refused what the file says.
        raise UnsupportedError(
            f"expected a value that {type(value).__name__} can be built from in {name!r}, "
            f"found one that it refuses: {type(error).__name__}: {error}."
        ) from error


def _needed(name: str, value: Any, error: StrongboxError) -> RefusedError:
    """The error for an attribute that the agent cannot be built without, with the ways out."""
    parts = dict(find_opaque(value, name))
    if parts:
        found = "; ".join(f"{path} is {part.type}: {part.reason}" for path, part in parts.items())
    else:
        found = error.problem
    found = found.rstrip(".")
    ways = [f"Give it yourself: custom_objects={{{name!r}: ...}}"]
    trusted = _class_to_trust(error)
    if trusted and not parts:
        ways.append(f'or, if the class is yours and can be imported, name it: trust=["{trusted}"]')
    else:
        ways.append('or, if you would run code from this file, trust="pickle"')
    return RefusedError(
        f"expected {name!r}, which the agent is built with, to be understood, found that it is not: {found}.",
        hint=", ".join(ways) + ".",
    )


def _class_to_trust(error: StrongboxError) -> str | None:
    """The class that an error's hint asks to be trusted."""
    _, _, rest = (error.hint or "").partition('trust=["')
    return rest.partition('"')[0] or None
