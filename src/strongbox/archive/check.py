"""The check: everything that can be said of an archive without trusting it.

It reads all of the file: structure, CRCs, digests, every pickle's opcodes, every tensor's geometry.
Each thing worth saying is a finding; a note (a repacked zip, an inferred algorithm) leaves an archive
clean, a warning does not. What an ordinary loader would have called is listed by name: most names are
the harmless constructors that every archive needs, and those that are not become warnings.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ..errors import LimitError, StrongboxError
from ..limits import DEFAULT_LIMITS, Limits
from ..records import record
from ..values import TableSchedule, called_in_turn, is_known_call, same
from .archive import Archive, ArchiveFile, open_archive
from .data import Data
from .members import MANIFEST

__all__ = ["CheckReport", "Finding", "check_archive"]

LARGE = 1 << 20
"""Bytes of a member or tensor from which its pages are given back at once: memory does not grow with the file."""


@record(frozen=True, kw_only=True)
class Finding:
    """One thing that the check has to say.

    ``level`` is ``"note"`` (good to know), ``"warning"`` (look before you load) or ``"error"`` (not
    readable); ``kind`` one word for machines; ``member`` and ``offset`` the place in the file.
    """

    level: str
    kind: str
    message: str
    member: str | None = None
    offset: int | None = None

    def __str__(self) -> str:
        place = f"{self.member}: " if self.member else ""
        return f"{self.level}: {place}{self.message}"


@dataclass(kw_only=True)
class CheckReport:
    """What the check of one file came to.

    ``called`` counts, by dotted name, what an ordinary unpickler would have called to read ``data``. ``is_own`` says
    that the agent is of a class that is not SB3's.
    """

    path: str | None
    algorithm: str | None = None
    sb3_version: str | None = None
    is_own: bool = False
    findings: list[Finding] = field(default_factory=list)
    called: dict[str, int] = field(default_factory=dict)

    @property
    def readable(self) -> bool:
        """Whether all of the file could be read."""
        return not any(finding.level == "error" for finding in self.findings)

    @property
    def clean(self) -> bool:
        """Whether there is nothing to warn of."""
        return all(finding.level == "note" for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """0 clean, 1 findings, 2 unreadable."""
        return 0 if self.clean else 1 if self.readable else 2

    def __str__(self) -> str:
        verdict = "clean" if self.clean else "findings" if self.readable else "unreadable"
        return "\n".join([f"{self.path or 'archive'}: {verdict}", *(f"  {finding}" for finding in self.findings)])


def check_archive(file: ArchiveFile, *, limits: Limits = DEFAULT_LIMITS) -> CheckReport:
    """Check one archive from a path, bytes or a binary file; never raises for what the file holds."""
    report = CheckReport(path=str(file) if isinstance(file, str) or hasattr(file, "__fspath__") else None)
    try:
        with open_archive(file, limits=limits) as archive:
            report.path = archive.path or report.path
            archive.read_ahead()
            for step in (_check_members, _check_manifest, _check_data, _check_tensors, _check_json, _check_replay):
                report.findings += _guarded(step, archive, report)
    except StrongboxError as error:
        report.findings.append(_error(error))
    return report


def _guarded(step: Any, archive: Archive, report: CheckReport) -> list[Finding]:
    """The findings of one step; what stops the step is a finding, too, and the next step goes on."""
    findings: list[Finding] = []
    try:
        findings.extend(step(archive, report))
    except StrongboxError as error:
        findings.append(_error(error))
    return findings


def _error(error: StrongboxError) -> Finding:
    hint = f" {error.hint}" if error.hint else ""
    return Finding(
        level="error",
        kind=type(error).__name__,
        message=f"{error.problem}{hint}",
        member=error.member,
        offset=error.offset,
    )


def _check_members(archive: Archive, report: CheckReport) -> Iterator[Finding]:
    for remark in archive.members.remarks:
        yield Finding(level="note", kind="structure", message=remark)
    for name in archive.members:
        try:
            archive.members.verify(name)
        except StrongboxError as error:
            yield _error(error)
        _release(archive, archive.members[name].size)
    for name in archive.other_members:
        yield Finding(level="note", kind="unknown-member", member=name, message="no part of the layout; never read.")


def _check_manifest(archive: Archive, report: CheckReport) -> Iterator[Finding]:
    manifest = archive.manifest
    report.sb3_version, report.is_own = archive.sb3_version, archive.is_own
    if manifest is None:
        return
    expected = set(archive.members) - {MANIFEST}
    for name in sorted(expected - set(manifest.digests)):
        yield Finding(level="warning", kind="digest", member=name, message=f"not listed in {MANIFEST}: added later.")
    for name in sorted(set(manifest.digests) - expected):
        yield Finding(level="warning", kind="digest", member=name, message=f"listed in {MANIFEST}, but missing.")
    for name in sorted(expected & set(manifest.digests)):
        found = hashlib.sha256(archive.members.span(name)).hexdigest()
        _release(archive, archive.members[name].size)
        if found != manifest.digests[name]:
            problem = f"expected SHA-256 {manifest.digests[name]}, found {found}: changed since it was saved."
            yield Finding(level="warning", kind="digest", member=name, message=problem)


def _check_data(archive: Archive, report: CheckReport) -> Iterator[Finding]:
    called: Counter[str] = Counter()
    for name in archive.data:
        called.update(_calls(archive.data, name))
    report.called = dict(sorted(called.items()))
    for path in report.called:
        if not is_known_call(path):
            message = f"an ordinary loader would have called {path} while opening this file."
            yield Finding(level="warning", kind="executes", member="data", message=message)
    for path, part in archive.data.opaque().items():
        yield Finding(level="warning", kind="opaque", member=f"data[{path}]", message=f"{part.type}: {part.reason}.")
    yield from _check_two_forms(archive.data)
    report.algorithm = archive.algorithm
    if archive.algorithm is None:
        yield Finding(level="note", kind="algorithm", member="data", message=archive.algorithm_evidence)


def _calls(data: Data, name: str) -> Iterator[str]:
    """What a pickle of data would have called; one that cannot be decoded is opaque, and told as such."""
    try:
        decoded = data.decoded(name)
    except LimitError:
        raise
    except StrongboxError:
        return
    if decoded is not None:
        yield from (call.path for call in decoded.calls)
        yield from called_in_turn(decoded)


def _check_two_forms(data: Data) -> Iterator[Finding]:
    """What SB3 would read and what Strongbox reads must be the same agent."""
    for name in data:
        if not data.is_portable(name) or data.pickle(name) is None:
            continue
        pickled = data.pickled_value(name)
        if not same(_comparable(pickled), _comparable(data[name])):
            message = "the portable form and the pickle differ: SB3 would read another value than Strongbox."
            yield Finding(level="warning", kind="disagreement", member=f"data[{name!r}]", message=message)


def _comparable(value: Any) -> Any:
    """A table's pickle holds its points alone; how well it fits is said in the portable form only."""
    return replace(value, largest_error=0.0, source="") if isinstance(value, TableSchedule) else value


def _check_tensors(archive: Archive, report: CheckReport) -> Iterator[Finding]:
    variables = [archive.variables] if archive.variables is not None else []
    for state_dict in (*(archive.parameters[name] for name in archive.parameters), *variables):
        for _, tensor in state_dict.tensors():
            tensor.verify()
            _release(archive, tensor.nbytes)
    yield from ()


def _release(archive: Archive, size: int) -> None:
    if size >= LARGE:
        archive.release_memory()


def _check_json(archive: Archive, report: CheckReport) -> Iterator[Finding]:
    """Read the members that hold values in portable form; each that cannot be read is a finding."""
    reads: list[Callable[[], Any]] = [lambda: archive.normalization, lambda: archive.inexact]
    reads += [partial(archive.resume.__getitem__, name) for name in archive.resume]
    for read in reads:
        try:
            read()
        except StrongboxError as error:
            yield _error(error)


def _check_replay(archive: Archive, report: CheckReport) -> Iterator[Finding]:
    """Hold every segment of a packed replay against its name."""
    for name in archive.replay or ():
        try:
            size = len(archive.replay[name]) if archive.replay is not None else 0
        except StrongboxError as error:
            yield _error(error)
        else:
            _release(archive, size)
