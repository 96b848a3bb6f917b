"""The check of a checkpoint: every digest, the archive, and every replay segment that it needs.

A finding is an error where the checkpoint cannot be continued as it was committed, a warning where a person
should look first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from ..archive import Finding, check_archive
from ..errors import StrongboxError
from .checkpoint import Checkpoint
from .commit import AGENT_FILE, REPLAY_FILE, FileRecord
from .files import hash_file

__all__ = ["verify_checkpoint"]

TellAll = Callable[[int, int, str], None]


def verify_checkpoint(
    checkpoint: Checkpoint, tell: TellAll | None = None, *, verified: set[str] | None = None
) -> list[Finding]:
    """Read all of a checkpoint and hold it against every digest; never raises for what the files hold.

    ``tell`` is called with the bytes read so far, the bytes in all, and the file being read. Segments whose names
    are in ``verified`` are not read again, and those that are found whole join it: checkpoints share them.
    """
    verified = set() if verified is None else verified
    segments, findings = _segments(checkpoint)
    segments = tuple(name for name in segments if name not in verified)
    reading = _Reading(checkpoint.commit.size + sum(map(checkpoint.segment_size, segments)), tell)
    for name, record in checkpoint.commit.files.items():
        findings += _check_file(checkpoint, name, record, reading)
    findings += _check_agent(checkpoint)
    for name in segments:
        found = list(_check_segment(checkpoint, name, reading))
        findings += found
        verified.update(() if found else (name,))
    return findings


class _Reading:
    """How far the reading of all files has come."""

    def __init__(self, total: int, tell: TellAll | None) -> None:
        self._total = total
        self._done = 0
        self._tell = tell

    def hash(self, path: str) -> tuple[int, str]:
        def tell(count: int) -> None:
            self._done += count
            if self._tell is not None:
                self._tell(min(self._done, self._total), self._total, path)

        return hash_file(path, tell=tell)


def _segments(checkpoint: Checkpoint) -> tuple[tuple[str, ...], list[Finding]]:
    try:
        return checkpoint.segments, []
    except StrongboxError as error:
        return (), [_error(error, REPLAY_FILE)]


def _check_file(checkpoint: Checkpoint, name: str, record: FileRecord, reading: _Reading) -> Iterator[Finding]:
    try:
        size, digest = reading.hash(os.path.join(checkpoint.path, name))
    except StrongboxError as error:
        yield _error(error, name)
        return
    if (size, digest) != (record.size, record.sha256):
        problem = (
            f"expected {record.size:,} bytes with SHA-256 {record.sha256}, found {size:,} with {digest}: "
            "changed since it was committed."
        )
        yield Finding(level="error", kind="digest", member=name, message=problem)


def _check_agent(checkpoint: Checkpoint) -> Iterator[Finding]:
    for finding in check_archive(checkpoint.agent_path, limits=checkpoint.limits).findings:
        member = f"{AGENT_FILE}/{finding.member}" if finding.member else AGENT_FILE
        yield replace(finding, member=member)


def _check_segment(checkpoint: Checkpoint, name: str, reading: _Reading) -> Iterator[Finding]:
    path = checkpoint.segment_path(name)
    member = os.path.relpath(path, checkpoint.run)
    try:
        _, digest = reading.hash(path)
    except StrongboxError as error:
        yield _error(error, member)
        return
    if digest != name:
        problem = f"expected SHA-256 {name}, which is its name, found {digest}: changed since it was written."
        yield Finding(level="error", kind="segment", member=member, message=problem)


def _error(error: StrongboxError, member: str) -> Finding:
    hint = f" {error.hint}" if error.hint else ""
    return Finding(level="error", kind=type(error).__name__, message=f"{error.problem}{hint}", member=member)
