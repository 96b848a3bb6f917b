"""What is different between two archives: data by name, tensors by name, versions, statistics.

Values are compared as :func:`strongbox.values.same` compares them, to the last bit; so are tensors. What
one archive has and the other has not is a difference, too. An archive is equal to another where nothing
that the agent is made of differs: how the files were written (the writer, the order of members, the
machine) is told beside it, and does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from math import inf, isnan
from typing import Any, TypeAlias, TypeVar

from ..errors import locate
from ..limits import DEFAULT_LIMITS, Limits
from ..tensors import StateDict, Tensor
from ..values import describe, find_opaque, same
from .archive import Archive, ArchiveFile, open_archive
from .held_tensors import HeldTensor, held_tensors, without_tensors
from .tensor_difference import TensorDifference, TensorForm, compare_tensors

__all__ = ["ABSENT", "Difference", "TensorDifference", "TensorForm", "compare_archives"]

LISTED = 20
"""Tensors that are shown as text, of those that changed most."""


class _Absent:
    """What stands for a value that one of the archives does not have."""

    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()

AnyTensor: TypeAlias = "Tensor | HeldTensor"
Key = TypeVar("Key")
Pairs = Mapping[str, tuple[Any, Any]]
"""By name, what the first archive has and what the second one has, or ABSENT."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How a second archive differs from a first.

    ``data`` and ``settings`` (what is no tensor in state dicts, such as learning rates of optimizers) map names to
    pairs of values, ``tensors`` holds tensors that differ, those that changed most first; ``normalization`` and
    ``resume`` are pairs by name again. ``equal_data`` and ``equal_tensors`` count what is alike. ``versions`` are
    pairs of texts about who wrote the files. In a pair :data:`ABSENT` stands for what an archive does not have.
    """

    first: str
    second: str
    algorithm: tuple[str | None, str | None]
    data: Pairs
    settings: Pairs
    tensors: tuple[TensorDifference, ...]
    normalization: Pairs
    resume: Pairs
    versions: Pairs = field(default_factory=dict)
    equal_data: int = 0
    equal_tensors: int = 0

    @property
    def equal(self) -> bool:
        """Whether both archives hold the same agent, to the last bit."""
        named = (self.data, self.settings, self.tensors, self.normalization, self.resume)
        return self.algorithm[0] == self.algorithm[1] and not any(named)

    def __str__(self) -> str:
        if self.equal:
            return f"{self.first} and {self.second} hold the same agent"
        lines = [f"{self.first} → {self.second}"]
        if self.algorithm[0] != self.algorithm[1]:
            lines.append(f"  algorithm  {self.algorithm[0]} → {self.algorithm[1]}")
        for title in ("data", "settings", "normalization", "resume"):
            pairs: Pairs = getattr(self, title)
            lines += [f"  {title}  {name}: {_shown(old)} → {_shown(new)}" for name, (old, new) in pairs.items()]
        lines += [f"  tensor  {_tensor_text(each)}" for each in self.tensors[:LISTED]]
        if len(self.tensors) > LISTED:
            lines.append(f"  and {len(self.tensors) - LISTED} more tensors")
        return "\n".join(lines)


def compare_archives(
    first: ArchiveFile | Archive,
    second: ArchiveFile | Archive,
    *,
    limits: Limits = DEFAULT_LIMITS,
    progress: Callable[[int, int, str], None] | None = None,
) -> Difference:
    """Compare two archives, each a path, bytes, a binary file or opened already.

    Memory does not grow with the archives. ``progress`` is called with the bytes of tensors compared so far, those
    in all, and the name of the tensor that is next. Raises what :func:`strongbox.open` raises.
    """
    with ExitStack() as stack:
        opened = [
            file if isinstance(file, Archive) else stack.enter_context(open_archive(file, limits=limits))
            for file in (first, second)
        ]
        return _Comparison(opened[0], opened[1]).run(progress)


class _Comparison:
    """Two open archives, compared part by part; an error names the file that it is in."""

    def __init__(self, first: Archive, second: Archive) -> None:
        self._archives = (first, second)

    def run(self, progress: Callable[[int, int, str], None] | None) -> Difference:
        first, second = self._archives
        data = self._both(lambda archive: {name: without_tensors(value) for name, value in archive.data.items()})
        changed = _differing(*data, unequal=self._differ_in_pickles)
        trees = self._both(_state_dicts)
        tensors, equal = self._tensors(progress, *self._both(_tensors))
        return Difference(
            first=first.path or "the first archive",
            second=second.path or "the second archive",
            algorithm=(first.algorithm, second.algorithm),
            data=changed,
            settings=_differing(*map(_settings, trees)),
            tensors=tensors,
            normalization=_differing(*self._both(_normalization)),
            resume=_differing(*self._both(lambda archive: dict(archive.resume.items()))),
            versions=_differing(*self._both(_versions)),
            equal_data=len(data[0].keys() | data[1].keys()) - len(changed),
            equal_tensors=equal,
        )

    def _differ_in_pickles(self, name: str) -> bool:
        """Whether a value that is not understood, of one type in both, stands in other bytes."""
        first, second = (archive.data.pickle(name) for archive in self._archives)
        return first != second

    def _both(self, read: Callable[[Archive], dict[Key, Any]]) -> tuple[dict[Key, Any], dict[Key, Any]]:
        parts = []
        for archive in self._archives:
            with locate(path=archive.path):
                parts.append(read(archive))
        return parts[0], parts[1]

    def _tensors(
        self,
        progress: Callable[[int, int, str], None] | None,
        first: Mapping[tuple[str, str], AnyTensor],
        second: Mapping[tuple[str, str], AnyTensor],
    ) -> tuple[tuple[TensorDifference, ...], int]:
        names = list(dict.fromkeys(chain(first, second)))
        total = sum(tensor.nbytes for tensor in chain(first.values(), second.values()))
        found: list[TensorDifference] = []
        done = 0
        for key in names:
            if progress is not None:
                progress(done, total, ": ".join(key))
            left, right = first.get(key), second.get(key)
            with locate(member=_member(left, right, key[0])):
                difference = compare_tensors(*key, left, right, release=self._release)
            if difference is not None:
                found.append(difference)
            done += sum(tensor.nbytes for tensor in (left, right) if tensor is not None)
            self._release()
        return tuple(sorted(found, key=_change)), len(names) - len(found)

    def _release(self) -> None:
        for archive in self._archives:
            archive.release_memory()


def _differing(
    first: Mapping[str, Any], second: Mapping[str, Any], *, unequal: Callable[[str], bool] = lambda name: False
) -> dict[str, tuple[Any, Any]]:
    """The names under which two mappings do not hold the same, in the order of the first and then the second."""
    pairs = {name: (first.get(name, ABSENT), second.get(name, ABSENT)) for name in chain(first, second)}
    return {name: pair for name, pair in pairs.items() if not same(*pair) or (find_opaque(pair[0]) and unequal(name))}


def _state_dicts(archive: Archive) -> dict[str, StateDict]:
    named = dict(archive.parameters.items())
    if archive.variables is not None:
        named["pytorch_variables"] = archive.variables
    return named


def _tensors(archive: Archive) -> dict[tuple[str, str], AnyTensor]:
    """Every tensor by its state dict and its name there; those of data by the place of their train state."""
    named: dict[tuple[str, str], AnyTensor] = {
        (name, path): tensor for name, tree in _state_dicts(archive).items() for path, tensor in tree.tensors()
    }
    return named | dict(held_tensors(archive.data))


def _member(left: AnyTensor | None, right: AnyTensor | None, state_dict: str) -> str:
    return "data" if HeldTensor in (type(left), type(right)) else f"{state_dict}.pth"


def _settings(trees: Mapping[str, StateDict]) -> dict[str, Any]:
    """What is no tensor in state dicts, by its place."""
    return {place: value for name, tree in trees.items() for place, value in _scalars(tree.raw, name)}


def _scalars(item: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(item, Mapping):
        for key, part in item.items():
            yield from _scalars(part, f"{place}.{key}")
    elif type(item) in (list, tuple) and any(isinstance(part, Mapping | list | tuple | Tensor) for part in item):
        for index, part in enumerate(item):
            yield from _scalars(part, f"{place}.{index}")
    elif not isinstance(item, Tensor):
        yield place, item


def _normalization(archive: Archive) -> dict[str, Any]:
    """The statistics of VecNormalize by their names, each key of a dictionary of observations for itself."""
    found = archive.normalization
    if found is None:
        return {}
    named = {name: getattr(found, name) for name in found.__dataclass_fields__ if name != "observations"}
    named.update({f"observations.{key}" if key else "observations": part for key, part in found.observations.items()})
    return named


def _versions(archive: Archive) -> dict[str, Any]:
    named: dict[str, Any] = {"Stable-Baselines3": archive.sb3_version or ABSENT, **archive.system_info}
    named["environment"] = archive.environment or ABSENT
    named["writer"] = archive.manifest.writer if archive.manifest else ABSENT
    return named


def _change(difference: TensorDifference) -> tuple[float, str, str]:
    """What is first comes first: tensors that cannot be compared, then those that changed most."""
    relative = difference.relative
    size = inf if relative is None or isnan(relative) else relative
    return (-size, difference.state_dict, difference.name)


def _shown(value: Any) -> str:
    return repr(value) if value is ABSENT else describe(value, width=60)


def _tensor_text(found: TensorDifference) -> str:
    name = f"{found.state_dict}: {found.name}"
    if not found.is_comparable:
        return f"{name}: {found.first or 'absent'} → {found.second or 'absent'}"
    return f"{name}: {found.second}, changed by {found.relative:.3g} of its norm, cosine {found.cosine:.6f}"
