"""An agent's attributes as the entries of a new archive, with every change to them told.

An attribute is brought up to date, rid of paths, and written with a pickle that is emitted from it. What is not
understood is carried along as it is; what cannot be written at all is left out by name, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..archive import Archive, Entry, Exact
from ..errors import StrongboxError, UnsupportedError
from ..pickles import Call, Decoded, decode, walk
from ..values import ConstantSchedule, LinearSchedule, TableSchedule, describe, find_opaque
from .entries import keep_entry, make_entry, make_opaque_entry
from .modern import modernise
from .paths import is_machine_path, without_machine
from .report import Notes
from .value_paths import note_shortened, without_paths

__all__ = ["Attributes"]

GYM = "gym is gone: SB3 reads gymnasium's spaces since 2.0"
CODE = "code in a pickle runs on no other Python than the one that wrote it"
MODERN = "the releases of today have it so"
PORTABLE = "old pickles name what has moved since; all of today's releases read these"
MOVED = "a path of a machine says nothing on another one"


@dataclass(frozen=True)
class Attributes:
    """The attributes of one old archive; ``notes`` are told what is changed, ``pickles`` whether any are written."""

    archive: Archive
    notes: Notes
    pickles: bool = True

    def entries(self, values: Mapping[str, Any]) -> Iterator[tuple[str, Entry]]:
        """Each attribute as an entry, in order; what cannot be one is left out by name."""
        rewritten: list[str] = []
        for name in sorted(values):
            value = values[name]
            if isinstance(value, str) and is_machine_path(value):
                self.notes.change(name, "left out", "it is an absolute path of a machine")
                self.notes.left_out[name] = "it is an absolute path of this machine"
                continue
            try:
                entry = self._entry(name, value)
            except StrongboxError as error:
                self.notes.left_out[name] = without_machine(error.problem)
                continue
            if self._is_rewritten(name, entry):
                rewritten.append(name)
            yield name, entry
        if rewritten:
            self.notes.change("data", f"written anew: {', '.join(rewritten)}", PORTABLE)

    def _entry(self, name: str, value: Any) -> Entry:
        decoded = self.decoded(name)
        found: list[str] = []
        notes: list[str] = []
        new = without_paths(modernise(value, notes.append), found)
        for note in dict.fromkeys(notes):
            self.notes.change(name, note, MODERN)
        opaque = find_opaque(new)
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
            entry = self._whole_entry(name, value, new, decoded, found)
            self._note_kind(name, new, decoded)
        if found:
            note_shortened(name, found, self.notes.shortened)
            self.notes.change(name, "absolute paths were cut down to their last part", MOVED)
        return entry

    def _whole_entry(self, name: str, old: Any, new: Any, decoded: Decoded | None, found: list[str]) -> Entry:
        """The entry of a value that is understood, with its old pickle where there is none that is read everywhere."""
        type_text = self.archive.data.type(name) if name in self.archive.data else ""
        try:
            return make_entry(new, type_text)
        except UnsupportedError:
            if decoded is None or new is not old:
                raise
            attributes = self.archive.data.attributes(name)
            return keep_entry(new, decoded, type_text=type_text, attributes=attributes, found=found)

    def decoded(self, name: str) -> Decoded | None:
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
            self.notes.change(name, "gym's names became gymnasium's", GYM)
        if isinstance(value, ConstantSchedule | LinearSchedule | TableSchedule) and _holds_code(decoded):
            self.notes.change(name, f"a function became a schedule: {describe(value)}", CODE)

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


def _holds_code(decoded: Decoded) -> bool:
    """Whether a pickle makes a function by value."""
    makes = {"CodeType", "code", "_make_function", "_fill_function"}
    return any(
        type(node) is Call and (node.path.rpartition(".")[2] in makes or node.arguments[-1:] == ("CodeType",))
        for node in walk(decoded)
    )
