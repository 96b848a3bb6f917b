"""An archive of any SB3 since 0.6 becomes one of today, which an unmodified SB3 opens.

What :func:`strongbox.load` mends when it loads an old file is mended here by the same list, so that both
give the same agent. Every value is written twice, in portable form and as a pickle emitted from it; no
framework is needed for it. Converting what was converted changes nothing.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ..archive import (
    Archive,
    ArchiveFile,
    Contents,
    Entry,
    Exact,
    open_archive,
    open_normalization,
    write_archive,
)
from ..errors import MismatchError, StrongboxError, UnsupportedError, locate
from ..limits import DEFAULT_LIMITS, Limits
from ..pickles import Call, Decoded, decode, walk
from ..values import ConstantSchedule, LinearSchedule, Normalization, Space, TableSchedule, find_opaque
from .beside import find_normalization
from .draft import Draft, Tree, read_draft
from .entries import make_entry, make_opaque_entry
from .goals import remember_goals
from .migrations import MIGRATIONS, migrate
from .modern import modernise
from .paths import is_machine_path, without_machine
from .report import Change, ConvertReport
from .value_paths import note_shortened, without_paths

__all__ = ["LAYOUT", "convert"]

LAYOUT = "2.9.2"
"""The release of SB3 whose layout is written."""

REQUIRED = ("policy_class", "observation_space", "action_space", "policy_kwargs")
"""Attributes that an agent cannot be built without."""

SYSTEM_INFO = "system_info.txt"

GYM = "gym is gone: SB3 reads gymnasium's spaces since 2.0"
CODE = "code in a pickle runs on the Python that wrote it alone; SB3 has a class for it since 2.7"
TABLE = "code in a pickle runs on the Python that wrote it alone; a table is read everywhere"
MODERN = "the releases of today have it so"
PORTABLE = "names and layouts in pickles change with every release; these are the same in all of today's"
MOVED = "a path of a machine says nothing on another one"


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
        changes=tuple(conversion.changes),
        left_out=saved.left_out,
        opaque=saved.opaque,
        approximate=saved.approximate,
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
    """One conversion: ``changes`` grows while the contents are made."""

    archive: Archive
    excluded: frozenset[str]
    normalization: Normalization | ArchiveFile | None
    pickles: bool = True
    changes: list[Change] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    shortened: dict[str, str] = field(default_factory=dict)

    def contents(self) -> Contents:
        """Everything that the new archive holds."""
        archive = self.archive
        algorithm = self._algorithm()
        self.left_out.update(archive.left_out)
        draft = self._draft(algorithm)
        entries = dict(self._entries(draft))
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
            resume={name: archive.resume[name] for name in archive.resume},
            left_out=self.left_out,
            shortened=self.shortened,
            converted_from=self._origin(),
        )

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
            self._change(name, "left out", "as asked")
        draft = read_draft(self.archive, algorithm, replaced={}, skipped=self.excluded)
        migrate(draft)
        remember_goals(draft)
        versions = {migration.name: migration.versions for migration in MIGRATIONS}
        for line in draft.migrated:
            name, _, explanation = line.partition(": ")
            wrote = versions.get(name, "before 1.1")
            self._change(name, explanation, f"as {wrote} wrote it" if wrote.startswith("sb3") else f"SB3 {wrote}")
        return draft

    def _tree(self, draft: Draft, name: str) -> Any:
        """A state dict as the old file has it, with torch's metadata, where no migration touched it."""
        raw, tree = self.archive.parameters[name].raw, draft.parameters[name]
        untouched = list(raw) == list(tree) and all(raw[key] is tree[key] for key in raw)
        return raw if untouched else tree

    def _version(self) -> str:
        old = self.archive.sb3_version
        if old is not None and _numbers(old) >= _numbers(LAYOUT)[:2]:
            return old
        self._change("_stable_baselines3_version", f"{LAYOUT} for {old or 'none'}", "the layout is that release's")
        return LAYOUT

    def _origin(self) -> str:
        manifest = self.archive.manifest
        if not self.changes or (manifest is not None and manifest.converted_from):
            return manifest.converted_from if manifest is not None else ""
        return self.archive.sb3_version or "before 0.9"

    def _system_info(self) -> str | None:
        members = self.archive.members
        return bytes(members.read(SYSTEM_INFO)).decode("utf-8", "replace") if SYSTEM_INFO in members else None

    def _note_members(self) -> None:
        for name in self.archive.other_members:
            self.left_out[f"member {name}"] = "it is no part of the layout"
        if self.archive.manifest is None:
            self._change("layout", "strongbox.json added, tensors aligned", "it tells the algorithm and damage")
        if any(_accelerators(self.archive.parameters[name].raw) for name in self.archive.parameters):
            self._change("parameters", "tensors of an accelerator are the CPU's", "every machine has one")

    def _normalization(self, draft: Draft) -> Normalization | None:
        if self.normalization is None or isinstance(self.normalization, Normalization):
            return self.normalization
        if self.normalization != "auto":
            return open_normalization(self.normalization, limits=self.archive.limits)
        if self.archive.normalization is not None or self.archive.path is None:
            return self.archive.normalization
        space = draft.data.get("observation_space")
        path, found, passed = find_normalization(
            Path(self.archive.path), space if isinstance(space, Space) else None, limits=self.archive.limits
        )
        self.left_out.update(passed)
        if path is not None:
            self._change("normalization", f"brought in from {path.name}", "SB3 keeps it apart, where it gets lost")
        return found

    # -- its attributes -----------------------------------------------------------------------------

    def _entries(self, draft: Draft) -> Iterator[tuple[str, Entry]]:
        rewritten: list[str] = []
        for name in sorted(draft.data):
            value = draft.data[name]
            if isinstance(value, str) and is_machine_path(value):
                self._change(name, "left out", "it is an absolute path of a machine")
                self.left_out[name] = "it is an absolute path of this machine"
                continue
            try:
                entry = self._entry(name, value)
            except StrongboxError as error:
                self.left_out[name] = without_machine(error.problem)
                continue
            if self._is_rewritten(name, entry):
                rewritten.append(name)
            yield name, entry
        if rewritten:
            self._change("data", f"written anew: {', '.join(rewritten)}", PORTABLE)

    def _entry(self, name: str, value: Any) -> Entry:
        decoded = self._decoded(name)
        found: list[str] = []
        notes: list[str] = []
        new = without_paths(modernise(value, notes.append), found)
        for note in dict.fromkeys(notes):
            self._change(name, note, MODERN)
        opaque = find_opaque(new)
        if opaque and decoded is None:
            raise UnsupportedError(opaque[0][1].reason)
        if opaque and decoded is not None:
            entry: Entry = make_opaque_entry(
                new,
                self.archive.data.get(name),
                decoded,
                type_text=self.archive.data.type(name),
                attributes=self.archive.data.attributes(name),
                found=found,
            )
        else:
            entry = make_entry(new, self.archive.data.type(name) if name in self.archive.data else "")
            self._note_kind(name, new, decoded)
        if found:
            note_shortened(name, found, self.shortened)
            self._change(name, "absolute paths were cut down to their last part", MOVED)
        return entry

    def _decoded(self, name: str) -> Decoded | None:
        """The nodes of an old pickle, decoded once more: paths are cut out of them in place."""
        if name not in self.archive.data:
            return None
        try:
            content = self.archive.data.pickle(name)
            return None if content is None else decode(content, limits=self.archive.limits)
        except StrongboxError:
            return None

    def _note_kind(self, name: str, value: Any, decoded: Decoded | None) -> None:
        """Say what became another kind of thing than the old file's pickle holds."""
        if decoded is None:
            return
        if any(node.module.partition(".")[0] == "gym" for node in decoded.globals):
            self._change(name, "gym's names became gymnasium's", GYM)
        if isinstance(value, ConstantSchedule | LinearSchedule | TableSchedule) and _holds_code(decoded):
            self._change(name, f"a function became a {value!r}", TABLE if isinstance(value, TableSchedule) else CODE)

    def _is_rewritten(self, name: str, entry: Entry) -> bool:
        data = self.archive.data
        if name not in data:
            return False
        try:
            old = data.pickle(name)
        except StrongboxError:
            return True
        if isinstance(entry, Exact):
            return old is not None
        return old != (entry.pickle if self.pickles else None) or not (entry.opaque or data.is_portable(name))

    def _change(self, subject: str, change: str, reason: str) -> None:
        self.changes.append(Change(subject, change, reason))


def _holds_code(decoded: Decoded) -> bool:
    """Whether a pickle makes a function by value."""
    makes = {"CodeType", "code", "_make_function", "_fill_function"}
    return any(
        type(node) is Call and (node.path.rpartition(".")[2] in makes or node.arguments[-1:] == ("CodeType",))
        for node in walk(decoded)
    )


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
