"""An archive of any SB3 since 0.6 becomes one of today, which an unmodified SB3 opens.

What :func:`strongbox.load` mends when it loads an old file is mended here by the same list, so that both
give the same agent. Every value is written twice, in portable form and as a pickle emitted from it; no
framework is needed for it. Converting what was converted changes nothing.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from ..archive import (
    Archive,
    ArchiveFile,
    Contents,
    open_archive,
    open_normalization,
    write_archive,
)
from ..errors import MismatchError, UnsupportedError, locate
from ..limits import DEFAULT_LIMITS, Limits
from ..tensors import Storage, Tensor
from ..values import Normalization, Opaque, Space
from .attributes import Attributes
from .beside import find_normalization
from .draft import Draft, Tree, read_draft
from .goals import remember_goals
from .migrations import MIGRATIONS, migrate
from .paths import without_machine
from .report import ConvertReport, Notes

__all__ = ["LAYOUT", "convert"]

LAYOUT = "2.9.2"
"""The release of SB3 whose layout is written."""

REQUIRED = ("policy_class", "observation_space", "action_space", "policy_kwargs")
"""Attributes that an agent cannot be built without."""

SYSTEM_INFO = "system_info.txt"


def convert(
    file: Archive | ArchiveFile,
    target: str | os.PathLike[str] | BinaryIO,
    *,
    pickles: bool = True,
    exclude: str | Collection[str] = (),
    normalization: Normalization | ArchiveFile | None = "auto",
    durable: bool = True,
    limits: Limits = DEFAULT_LIMITS,
) -> ConvertReport:
    """Write an archive anew, as one of today; see :func:`strongbox.convert`."""
    if not isinstance(file, Archive):
        with open_archive(file, limits=limits) as archive:
            return convert(
                archive, target, pickles=pickles, exclude=exclude, normalization=normalization, durable=durable
            )
    with locate(path=file.path):
        _refuse_own(file)
        _refuse_same_file(file, target)
        excluded = frozenset((exclude,) if isinstance(exclude, str) else exclude)
        conversion = Conversion(file, excluded, normalization, pickles=pickles)
        contents = conversion.contents()
        file.read_ahead()
        saved = write_archive(target, contents, pickles=pickles, durable=durable)
    return ConvertReport(
        source=file.path,
        path=saved.path,
        size=saved.size,
        algorithm=contents.algorithm,
        sb3_version=file.sb3_version,
        changes=tuple(conversion.notes.changes),
        left_out={**saved.left_out, **conversion.notes.passed},
        opaque=saved.opaque,
        approximate=saved.approximate,
    )


def _refuse_own(archive: Archive) -> None:
    if archive.is_own:
        raise UnsupportedError(
            f"expected an agent of Stable-Baselines3, found one of {archive.algorithm}, which SB3 cannot open.",
            hint="It is in today's layout as it is: load it with strongbox.load(path, into=agent).",
        )


def _refuse_same_file(archive: Archive, target: Any) -> None:
    """The old file stays as it is: whoever converts may want to look at it again."""
    if archive.path is None or not isinstance(target, str | os.PathLike):
        return
    path = Path(target)
    path = path if path.suffix else path.with_name(f"{path.name}.zip") if path.name else path
    if path.exists() and path.samefile(archive.path):
        raise MismatchError(
            "expected another file to write to than the one that is read, found the same.",
            hint="Name another file; the old one can be removed once the new one is tried.",
        )


@dataclass
class Conversion:
    """One conversion; ``notes`` grow while the contents are made."""

    archive: Archive
    excluded: frozenset[str]
    normalization: Normalization | ArchiveFile | None
    pickles: bool = True
    notes: Notes = field(default_factory=Notes)

    def contents(self) -> Contents:
        """Everything that the new archive holds."""
        archive = self.archive
        algorithm = self._algorithm()
        self.notes.left_out.update(archive.left_out)
        draft = self._draft(algorithm)
        entries = dict(self._attributes.entries(draft.data))
        normalization = self._normalization(draft)
        self._note_members()
        version = self._version()
        return Contents(
            algorithm=algorithm,
            data=entries,
            parameters={name: self._tree(draft, name) for name in draft.parameters},
            variables=draft.variables,
            sb3_version=version,
            system_info=self._system_info(),
            normalization=normalization,
            environment=archive.environment,
            resume={name: archive.resume[name] for name in archive.resume},
            left_out=self.notes.left_out,
            shortened=self.notes.shortened,
            converted_from=self._origin(),
        )

    @cached_property
    def _attributes(self) -> Attributes:
        return Attributes(self.archive, self.notes, pickles=self.pickles)

    # -- the agent as a whole -----------------------------------------------------------------------

    def _algorithm(self) -> str:
        if self.archive.algorithm is None:
            raise MismatchError(f"expected an archive of an agent, found that {self.archive.algorithm_evidence}.")
        return self.archive.algorithm

    def _draft(self, algorithm: str) -> Draft:
        known = {*self.archive.data}
        for name in sorted(self.excluded):
            if name in REQUIRED or name not in known:
                near = difflib.get_close_matches(name, known, n=3) or sorted(known)[:3]
                found = "which the agent is built with" if name in REQUIRED else "which the archive does not have"
                raise MismatchError(
                    f"expected names in exclude that the agent has and can do without, found {name!r}, {found}.",
                    hint=f"Names near to it: {', '.join(near)}.",
                )
            self.notes.change(name, "left out", "as asked")
        draft = read_draft(self.archive, algorithm, replaced={}, skipped=self.excluded)
        self._leave_out_unreadable(draft)
        migrate(draft)
        remember_goals(draft)
        versions = {migration.name: migration.versions for migration in MIGRATIONS}
        for line in draft.migrated:
            name, _, explanation = line.partition(": ")
            wrote = versions.get(name, "before 1.1")
            wrote = wrote if wrote.startswith("sb3") else f"SB3 {wrote}"
            self.notes.change(name, explanation, f"{wrote.replace('SB3 any', 'any SB3')} wrote it otherwise")
        return draft

    def _leave_out_unreadable(self, draft: Draft) -> None:
        """Take attributes out of which there is nothing to carry along, before a migration looks at them."""
        for name, value in list(draft.data.items()):
            if isinstance(value, Opaque) and self._attributes.decoded(name) is None:
                self.notes.left_out[name] = without_machine(value.reason)
                del draft.data[name]

    def _tree(self, draft: Draft, name: str) -> Any:
        """A state dict as the old file has it, with torch's metadata, where no migration touched it."""
        raw, tree = self.archive.parameters[name].raw, draft.parameters[name]
        untouched = list(raw) == list(tree) and all(raw[key] is tree[key] for key in raw)
        if untouched:
            return raw
        return _unshared(tree, set()) if "param_groups" in tree else tree

    def _version(self) -> str:
        old = self.archive.sb3_version
        if old is not None and _numbers(old) >= _numbers(LAYOUT)[:2]:
            return old
        self.notes.change("_stable_baselines3_version", f"{LAYOUT} for {old or 'none'}", "the layout is that release's")
        return LAYOUT

    def _origin(self) -> str:
        manifest = self.archive.manifest
        if not self.notes.changes or (manifest is not None and manifest.converted_from):
            return manifest.converted_from if manifest is not None else ""
        return self.archive.sb3_version or "before 0.9"

    def _system_info(self) -> str | None:
        members = self.archive.members
        return bytes(members.read(SYSTEM_INFO)).decode("utf-8", "replace") if SYSTEM_INFO in members else None

    def _note_members(self) -> None:
        for name in self.archive.other_members:
            self.notes.left_out[f"member {name}"] = "it is no part of the layout"
        if self.archive.manifest is None:
            self.notes.change("layout", "strongbox.json added, tensors aligned", "it tells the algorithm and damage")
        if any(_accelerators(self.archive.parameters[name].raw) for name in self.archive.parameters):
            self.notes.change("parameters", "tensors of an accelerator are the CPU's", "every machine has one")

    def _normalization(self, draft: Draft) -> Normalization | None:
        if self.normalization is None or self.normalization != "auto":
            return self._given_normalization()
        if self.archive.normalization is not None or self.archive.path is None:
            return self.archive.normalization
        space = draft.data.get("observation_space")
        path, found, passed = find_normalization(
            Path(self.archive.path), space if isinstance(space, Space) else None, limits=self.archive.limits
        )
        self.notes.passed.update(passed)
        if path is not None:
            self.notes.change("normalization", f"brought in from {path.name}", "SB3 keeps it apart, where it gets lost")
        return found

    def _given_normalization(self) -> Normalization | None:
        """The statistics that the caller names, or none."""
        given, old = self.normalization, self.archive.normalization
        if given is not None and not isinstance(given, Normalization):
            given = open_normalization(given, limits=self.archive.limits)
        if given != old:
            self.notes.change("normalization", "left out" if given is None else "put in", "as asked")
        return given


def _unshared(tree: Any, seen: set[int]) -> Any:
    """An optimizer's tree in which every tensor has a storage of its own.

    Where a migration gave one tensor to two parameters, torch would go on to write both into the same memory.
    """
    if isinstance(tree, dict):
        return {key: _unshared(item, seen) for key, item in tree.items()}
    if not isinstance(tree, Tensor):
        return tree
    storage = tree.storage
    if id(storage) in seen:
        own = Storage(storage.key, storage.dtype, storage.nbytes, storage.read, device=storage.device)
        return replace(tree, storage=own)
    seen.add(id(storage))
    return tree


def _accelerators(tree: Tree | Any) -> bool:
    """Whether a state dict has a tensor that was not the CPU's."""
    if isinstance(tree, Mapping):
        return any(_accelerators(item) for item in tree.values())
    if isinstance(tree, list | tuple):
        return any(_accelerators(item) for item in tree)
    return getattr(tree, "device", "cpu") != "cpu"


def _numbers(version: str) -> tuple[int, ...]:
    """The first two numbers of a version; what does not begin with two is older than all."""
    found = re.match(r"(\d{1,4})\.(\d{1,4})", version)
    return (int(found[1]), int(found[2])) if found else ()
