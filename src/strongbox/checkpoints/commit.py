"""``commit.json``: what makes a folder a checkpoint, written last.

It says what was trained so far, what is not exact, and the sizes and digests of the other files; a folder
without it, or whose files are not those that it names, is no checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..archive import is_sha256
from ..errors import FormatError, locate
from ..limits import DEFAULT_LIMITS, Limits
from .documents import Document, dump_document, read_document

__all__ = [
    "AGENT_FILE",
    "COMMIT_FILE",
    "COMMIT_FORMAT",
    "COMMIT_VERSION",
    "POINTS",
    "REPLAY_FILE",
    "Commit",
    "FileRecord",
]

COMMIT_FILE, AGENT_FILE, REPLAY_FILE = "commit.json", "agent.zip", "replay.json"
COMMIT_FORMAT = "strongbox checkpoint"
COMMIT_VERSION = 1

POINTS = ("rollout_start", "training_end")
"""The clean points of training: the start of a rollout, and after ``learn()`` has returned."""

PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class FileRecord:
    """A file's size in bytes and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Commit:
    """The content of ``commit.json``.

    ``step`` counts the steps of the environments, ``time`` is in seconds since 1970-01-01 UTC, ``point``
    is the clean point (one of :data:`POINTS`). ``metrics`` maps names to numbers by which checkpoints are
    compared, ``inexact`` what a continuation does not restore to the last bit to the reason, ``logs`` the paths
    of log files, absolute or from the run's folder, to their sizes in bytes at this moment, ``files`` the names
    of the other files to their records.
    """

    step: int
    time: float
    point: str
    files: Mapping[str, FileRecord]
    metrics: Mapping[str, float] = field(default_factory=dict)
    inexact: Mapping[str, str] = field(default_factory=dict)
    logs: Mapping[str, int] = field(default_factory=dict)
    writer: str = ""

    @property
    def exact(self) -> bool:
        """Whether a continuation restores everything to the last bit."""
        return not self.inexact

    @property
    def size(self) -> int:
        """The size in bytes of the files, replay segments not counted."""
        return sum(record.size for record in self.files.values())

    def to_bytes(self) -> bytes:
        """The JSON text, one line for each key."""
        return dump_document(
            COMMIT_FORMAT,
            COMMIT_VERSION,
            {
                "step": self.step,
                "time": self.time,
                "point": self.point,
                "metrics": dict(self.metrics),
                "inexact": dict(self.inexact),
                "logs": dict(self.logs),
                "files": {name: {"size": record.size, "sha256": record.sha256} for name, record in self.files.items()},
            },
        )

    @classmethod
    def read(cls, path: str, *, limits: Limits = DEFAULT_LIMITS) -> Commit:
        """Read the file; raises FormatError, LimitError, and UnsupportedError on a later version."""
        document = read_document(path, form=COMMIT_FORMAT, version=COMMIT_VERSION, limits=limits)
        with locate(path=path):
            return cls(
                step=document.count("step"),
                time=document.number("time"),
                point=_point(document.text("point")),
                metrics=document.numbers("metrics"),
                inexact=document.texts("inexact"),
                logs=document.counts("logs"),
                files=_files(document),
                writer=document.text("writer"),
            )


def _point(text: str) -> str:
    if text not in POINTS:
        raise FormatError(f"expected one of {', '.join(POINTS)} for point, found {text[:100]!a}.")
    return text


def _files(document: Document) -> dict[str, FileRecord]:
    """Plain names only: a name must not lead out of the checkpoint's folder."""
    files = {}
    for name, record in document.tables("files").items():
        if not PLAIN_NAME.fullmatch(name) or name == COMMIT_FILE:
            raise FormatError(f"expected the plain name of a file, found {name[:100]!a}.")
        digest = record.text("sha256")
        if not is_sha256(digest):
            raise FormatError(f"expected a SHA-256 in hexadecimal for {name}, found {digest[:100]!a}.")
        files[name] = FileRecord(record.count("size"), digest)
    if AGENT_FILE not in files:
        raise FormatError(f"expected {AGENT_FILE} among the files, found {', '.join(files) or 'none'}.")
    return files
