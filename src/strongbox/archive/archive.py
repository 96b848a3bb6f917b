"""An archive, opened: lazy and read-only.

Opening maps the file and reads the zip directory; each part is read, checked and decoded when it is
first asked for. No name that the file holds is imported, and nothing in it is called.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from .. import values
from ..container import Directory, Source, open_source, read_directory
from ..errors import FormatError, LimitError, locate
from ..limits import DEFAULT_LIMITS, Limits
from ..pickles import Budget
from ..tensors import StateDict, read_pth
from ..values import Normalization, Opaque
from .algorithm import Algorithm, infer_algorithm
from .data import Data
from .json_text import parse_json
from .manifest import Manifest
from .members import (
    DATA,
    INEXACT,
    KNOWN,
    MANIFEST,
    NORMALIZATION,
    REPLAY_INDEX,
    RESUME,
    SYSTEM_INFO,
    VARIABLES,
    VERSION,
    resume_member,
)

if TYPE_CHECKING:
    from .replay import PackedReplay

__all__ = ["Archive", "ArchiveFile", "Resume", "open_archive"]

SB3 = ("stable_baselines3", "sb3_contrib")
"""The packages of SB3's algorithms."""

ArchiveFile: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO"


class Parameters(Mapping[str, StateDict]):
    """The state dicts of an archive by name, each read when it is first asked for."""

    def __init__(self, names: list[str], read: Callable[[str], StateDict]) -> None:
        self._names = names
        self._read = read
        self._state_dicts: dict[str, StateDict] = {}

    def __getitem__(self, name: str) -> StateDict:
        if name not in self._names:
            raise KeyError(f"{name!r}; the archive has {', '.join(self._names) or 'none'}")
        if name not in self._state_dicts:
            self._state_dicts[name] = self._read(name)
        return self._state_dicts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"<parameters {', '.join(self._names)}>"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._names)


class Resume(Mapping[str, Any]):
    """What an exact continuation needs besides data and parameters: values by name, each read when asked for."""

    def __init__(self, members: Directory, *, limits: Limits) -> None:
        self._members = members
        self._limits = limits
        self._names = [
            member[len(RESUME) : -len(".json")]
            for member in members
            if member.startswith(RESUME) and member.endswith(".json")
        ]
        self._values: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(f"{name!r}; the archive has {', '.join(self._names) or 'none'}")
        if name not in self._values:
            member = resume_member(name)
            with locate(member=member):
                form = parse_json(self._members.read(member), limits=self._limits)
                self._values[name] = values.from_portable(form, limits=self._limits)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"<resume {', '.join(self._names) or 'nothing'}>"

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._names)


class Archive:
    """One agent in its zip archive: data, parameters, variables and what else the file keeps.

    Made by :func:`strongbox.open`. Arrays are read-only views on the mapped file; closing the archive
    gives up its own hold on the map, while arrays already taken keep it alive.
    """

    def __init__(self, source: Source, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.budget = Budget(limits, file_size=source.size)
        self._source = source
        self.path: str | None = source.path
        """The file's path, or None where it was not opened by path."""
        with locate(path=self.path):
            self.members: Directory = read_directory(source.view, limits=limits)
            self.budget.count_inflated(self.members.inflated_bytes)
            if DATA not in self.members and not self._state_dict_names():
                raise FormatError(
                    f"expected a member 'data' or '*.pth' as SB3 writes them, found {_listed(list(self.members))}.",
                    hint="Is this an agent saved by model.save()?",
                )

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Archive {self.path or 'in memory'}: {self.algorithm or 'unknown algorithm'}>"

    def close(self) -> None:
        """Give up the file; what was already read stays usable."""
        self._source.close()

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self._source.size

    def read_ahead(self) -> None:
        """Tell the system that all of the file will be read, as a load or a check does."""
        self._source.read_ahead()

    def release_memory(self) -> None:
        """Drop the file's pages from resident memory; they are read again when needed."""
        self._source.release_memory()

    # -- what the file says of itself ---------------------------------------------------------

    @cached_property
    def manifest(self) -> Manifest | None:
        """The content of ``strongbox.json``, or None in an archive that SB3 wrote."""
        with locate(path=self.path):
            if MANIFEST not in self.members:
                return None
            return Manifest.from_bytes(self.members.read(MANIFEST), limits=self.limits)

    @property
    def algorithm(self) -> str | None:
        """The full name of the algorithm's class, or None where nothing tells it."""
        return self._algorithm.name if self._algorithm else None

    @property
    def algorithm_evidence(self) -> str:
        """How the algorithm is known: written in the file, or inferred from what it keeps."""
        return self._algorithm.evidence if self._algorithm else "no algorithm keeps these attributes"

    @cached_property
    def _algorithm(self) -> Algorithm | None:
        if self.manifest is not None:
            return Algorithm(self.manifest.algorithm, f"written in {MANIFEST}")
        return infer_algorithm(self.data)

    @property
    def environment(self) -> str | None:
        """The id of the environment that the agent was trained in, or None: SB3 writes none, Strongbox what it knows.

        It is what the file says, and no more than a name: nothing is imported for it.
        """
        return self.manifest.environment if self.manifest else None

    @cached_property
    def sb3_version(self) -> str | None:
        """The version of SB3 that wrote the archive, or None (SB3 kept none before 0.9)."""
        text = self._text(VERSION)
        return text.strip() if text is not None else None

    @cached_property
    def system_info(self) -> dict[str, str]:
        """The machine and the versions that wrote the archive, by name; empty before SB3 1.3."""
        text = self._text(SYSTEM_INFO) or ""
        pairs = (line.lstrip("- ").split(":", 1) for line in text.splitlines() if ":" in line)
        return {name.strip(): value.strip() for name, value in pairs}

    @property
    def python_version(self) -> tuple[int, int] | None:
        """The Python that wrote the archive, such as ``(3, 11)``, or None where it does not say."""
        found = re.match(r"(\d{1,2})\.(\d{1,3})", self.system_info.get("Python", ""))
        return (int(found[1]), int(found[2])) if found else None

    # -- what it holds --------------------------------------------------------------------------

    @cached_property
    def data(self) -> Data:
        """The agent's class parameters by name, each decoded when it is first asked for."""
        with locate(path=self.path):
            content = self.members.read(DATA) if DATA in self.members else b"{}"
            return Data(content, limits=self.limits, budget=self.budget)

    @cached_property
    def parameters(self) -> Parameters:
        """The state dicts by name (``policy``, ``policy.optimizer``, …)."""
        return Parameters(self._state_dict_names(), lambda name: self._state_dict(f"{name}.pth"))

    @cached_property
    def variables(self) -> StateDict | None:
        """The agent's other tensors by name, or None where it has none."""
        for member in VARIABLES:
            if member in self.members:
                variables = self._state_dict(member)
                return variables if len(variables) else None
        return None

    @cached_property
    def normalization(self) -> Normalization | None:
        """The statistics of VecNormalize that were saved with the agent, or None."""
        with locate(path=self.path, member=NORMALIZATION):
            if NORMALIZATION not in self.members:
                return None
            return values.normalization_from_json(parse_json(self.members.read(NORMALIZATION), limits=self.limits))

    @cached_property
    def resume(self) -> Resume:
        """What an exact continuation needs besides; empty in an archive that is no checkpoint's."""
        return Resume(self.members, limits=self.limits)

    @cached_property
    def inexact(self) -> dict[str, str] | None:
        """What a continuation does not restore to the last bit, by name, with the reason; None where nothing says so.

        Raises FormatError where what says so is of another form.
        """
        with locate(path=self.path, member=resume_member(INEXACT)):
            found = self.resume.get(INEXACT)
            if found is None:
                return None
            if not isinstance(found, dict) or not all(isinstance(text, str) for pair in found.items() for text in pair):
                raise FormatError("expected an object of texts, found another.")
            return found

    @cached_property
    def replay(self) -> PackedReplay | None:
        """The replay of a checkpoint that was packed with its replay, or None."""
        from .replay import PackedReplay

        with locate(path=self.path):
            return PackedReplay(self.members, limits=self.limits) if REPLAY_INDEX in self.members else None

    @property
    def opaque(self) -> dict[str, Opaque]:
        """Every part of data that no recipe understands, by its path, with its type and the reason."""
        with locate(path=self.path):
            return self.data.opaque()

    @property
    def left_out(self) -> Mapping[str, str]:
        """What the agent had and the archive does not hold, by name, with the reason."""
        return self.manifest.left_out if self.manifest else {}

    @property
    def shared(self) -> Mapping[str, str]:
        """Names of what the agent has twice, each with the name under which it is kept."""
        return self.manifest.shared if self.manifest else {}

    @property
    def is_own(self) -> bool:
        """Whether the agent is one of a class that is not SB3's: Strongbox wrote it, and SB3's version is not in it."""
        if self.manifest is None or VERSION in self.members:
            return False
        return self.manifest.algorithm.partition(".")[0] not in SB3

    @property
    def other_members(self) -> list[str]:
        """Members that are no part of the layout; they are kept and never read."""
        known = KNOWN.union(map(resume_member, self.resume))
        return [name for name in self.members if name not in known and not name.endswith(".pth")]

    def _state_dict_names(self) -> list[str]:
        return [name[: -len(".pth")] for name in self.members if name.endswith(".pth") and name not in VARIABLES]

    def _state_dict(self, member: str) -> StateDict:
        with locate(path=self.path, member=member):
            tree = read_pth(memoryview(self.members.span(member)), limits=self.limits, budget=self.budget)
            return StateDict(tree, member[: -len(".pth")])

    def _text(self, member: str) -> str | None:
        if member not in self.members:
            return None
        with locate(path=self.path, member=member):
            if self.members[member].size > self.limits.data_bytes:
                raise LimitError(f"expected at most {self.limits.data_bytes:,} bytes of text, found more.")
            return bytes(self.members.read(member)).decode("utf-8", errors="replace")


def open_archive(file: ArchiveFile, *, limits: Limits = DEFAULT_LIMITS) -> Archive:
    """Open an agent's archive from a path, bytes or a binary file; reads the directory only.

    A path may leave out ``.zip``, as in SB3; a folder of the same name does not stand in the way.
    Raises FormatError where the file is no archive, RefusedError and LimitError where it breaks the
    rules of docs/format.md, UnsupportedError where it is of another known kind.
    """
    if isinstance(file, str | os.PathLike):
        file = _existing(file)
    return Archive(open_source(file), limits=limits)


def _existing(path: str | os.PathLike[str]) -> str:
    text = os.fsdecode(path)
    name = text.rstrip(os.sep) or text or os.curdir
    # A folder such as "." or "/" has no name to add to.
    if os.path.basename(name) in ("", os.curdir, os.pardir) or os.path.isfile(name):
        return name
    return f"{name}.zip" if os.path.isfile(f"{name}.zip") else name


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown or "no members"
