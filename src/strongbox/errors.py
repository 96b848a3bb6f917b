"""The exception tree: every failure that Strongbox reports is one of these.

::

    StrongboxError
    ├── FormatError (ValueError)      the bytes break the rules of their format
    ├── RefusedError (ValueError)     well formed, but not allowed in an archive
    ├── LimitError (ValueError)       larger, deeper or longer than the limits allow
    ├── UnsupportedError              understood, but outside of what Strongbox does
    ├── MismatchError (ValueError)    an archive that does not fit what the caller asked for
    ├── CheckpointError               a run or checkpoint that cannot be written or continued
    └── MissingExtra (ImportError)    an optional dependency that is not installed

A message answers four questions: where, what was expected, what was found, what to do next. The
*where* is kept in ``path``, ``member`` and ``offset`` and is filled in on the way up by
:func:`locate`, so that the code that finds a fault need not know which file it is working for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = [
    "CheckpointError",
    "FormatError",
    "LimitError",
    "MismatchError",
    "MissingExtra",
    "RefusedError",
    "StrongboxError",
    "StrongboxWarning",
    "UnsupportedError",
    "locate",
]


class StrongboxError(Exception):
    """The root of every error that Strongbox raises.

    ``problem`` says what was expected and what was found, ``hint`` what to do next; ``path``,
    ``member`` and ``offset`` (bytes from the start of the member, or of the file where no member is
    named) say where. ``exit_code`` is what the command line returns for it.
    """

    exit_code = 2

    def __init__(
        self,
        problem: str,
        *,
        path: str | None = None,
        member: str | None = None,
        offset: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path
        self.member = member
        self.offset = offset
        self.hint = hint

    @property
    def where(self) -> str:
        """The place of the fault in words, or an empty string where none is known."""
        parts = []
        if self.path is not None:
            parts.append(self.path)
        if self.member is not None:
            parts.append(f"member {self.member!r}")
        if self.offset is not None:
            parts.append(f"offset {self.offset}")
        return ", ".join(parts)

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{where}{self.problem}{hint}"


class FormatError(StrongboxError, ValueError):
    """The bytes break the rules of their format: truncated, inconsistent or contradictory."""


class RefusedError(StrongboxError, ValueError):
    """The bytes are well formed but hold something that an archive may not hold."""


class LimitError(StrongboxError, ValueError):
    """The input is larger, deeper or longer than :class:`strongbox.Limits` allows."""


class UnsupportedError(StrongboxError):
    """The input is understood, but is outside of what Strongbox does."""


class MismatchError(StrongboxError, ValueError):
    """The archive does not fit what the caller asked for: another class, a name it does not have."""


class CheckpointError(StrongboxError):
    """A run or checkpoint cannot be written, committed or continued."""


class MissingExtra(StrongboxError, ImportError):
    """An optional dependency is missing; the message names the exact command that installs it."""

    def __init__(self, module: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {module!r}, which is not installed.",
            hint=f'Install it with: pip install "strongbox[{extra}]"',
        )
        self.extra = extra


class StrongboxWarning(UserWarning):
    """Something that a person should know of, though the work was done; nothing is ever lost silently."""


@contextmanager
def locate(*, path: str | None = None, member: str | None = None) -> Iterator[None]:
    """Fill in the path and member of errors that pass through and do not name one yet.

    Names nest: an inner member ``data.pkl`` inside ``policy.pth`` becomes ``policy.pth/data.pkl``.
    """
    try:
        yield
    except StrongboxError as error:
        if path is not None and error.path is None:
            error.path = path
        if member is not None:
            error.member = member if error.member is None else f"{member}/{error.member}"
        raise
