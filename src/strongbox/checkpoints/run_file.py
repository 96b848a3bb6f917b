"""``run.json``: what a run is, written once when it begins."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import locate
from ..limits import DEFAULT_LIMITS, Limits
from .documents import dump_document, read_document

__all__ = ["RUN_FILE", "RUN_FORMAT", "RUN_VERSION", "RunFile"]

RUN_FILE = "run.json"
RUN_FORMAT = "strongbox run"
RUN_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class RunFile:
    """The content of ``run.json``.

    ``algorithm`` is the full name of the agent's class, ``created`` seconds since 1970-01-01 UTC,
    ``environment`` the id of the environment (``"Pendulum-v1"``) or None where it has none.
    """

    algorithm: str
    created: float
    environment: str | None = None
    writer: str = ""

    def to_bytes(self) -> bytes:
        """The JSON text, one line for each key."""
        content = {"algorithm": self.algorithm, "created": self.created, "environment": self.environment}
        return dump_document(RUN_FORMAT, RUN_VERSION, content)

    @classmethod
    def read(cls, path: str, *, limits: Limits = DEFAULT_LIMITS) -> RunFile:
        """Read the file; raises FormatError, LimitError, and UnsupportedError on a later version."""
        document = read_document(path, form=RUN_FORMAT, version=RUN_VERSION, limits=limits)
        with locate(path=path):
            return cls(
                algorithm=document.text("algorithm"),
                created=document.number("created"),
                environment=document.optional_text("environment"),
                writer=document.text("writer"),
            )
