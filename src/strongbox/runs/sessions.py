"""What a run asks of a live agent, whatever trains it: SB3's ``learn()`` or a loop of the script's own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from ..archive import Archive, Contents

__all__ = ["Captured", "Saved", "Session"]


class Captured(Protocol):
    """An agent at a clean point: nothing in it refers to memory that training changes."""

    @property
    def contents(self) -> Contents:
        """What the archive is written from."""

    @property
    def inexact(self) -> Mapping[str, str]:
        """What is not captured exactly, by name with the reason."""

    @property
    def logs(self) -> Mapping[str, int]:
        """The sizes of log files in bytes, by path."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """Numbers that checkpoints are compared by."""

    @property
    def replay(self) -> Any:
        """What the replay buffer has more than the last time; None where there is none."""


class Saved(Protocol):
    """A checkpoint that fits a live agent."""

    @property
    def parts(self) -> Mapping[str, Any]:
        """The resume state by name."""

    @property
    def differences(self) -> Mapping[str, str]:
        """The settings in which the script and the checkpoint differ."""

    @property
    def inexact(self) -> dict[str, str]:
        """What is not restored to the last bit, by name with the reason; grows while it is restored."""


class Session(Protocol):
    """A live agent that a run trains."""

    @property
    def learns(self) -> bool:
        """Whether SB3's ``learn()`` trains it, whose calls are counted."""

    @property
    def algorithm(self) -> str:
        """The full name of the agent's class."""

    @property
    def environment_id(self) -> str | None:
        """The id of its environment in gymnasium's registry, where it is of it."""

    @property
    def recorder(self) -> Any:
        """What follows its replay buffer, where it has one."""

    def capture(self, run: Mapping[str, Any], *, steps: int, replay: bool) -> Captured:
        """Everything at this clean point, copied; ``run`` is what the run adds to the resume state."""

    def read(self, archive: Archive) -> Any:
        """Read a checkpoint's archive and compare it with the agent; neither is changed. Gives a :class:`Saved`."""

    def put_parameters(self, saved: Any) -> None:
        """Put back what there is to put back before training begins."""

    def check_replay(self, manifest: Any) -> None:
        """Raise CheckpointError where the agent's replay buffer is another than a manifest's."""

    def put_replay(self, manifest: Any, store: Any, *, steps: int) -> Mapping[str, str]:
        """Fill the replay buffer; gives what is inexact."""

    def outlive_signals(self, numbers: Collection[int]) -> None:
        """Let the processes in which its environments live go on after these signals."""

    def opened_logs(self) -> list[str]:
        """Log files that were opened since training began, and that go where a crash follows."""

    def remove_logs(self, paths: Iterable[str], *, kept: Collection[str]) -> None:
        """Remove such files of a process that has crashed."""

    def prepare(self, saved: Any, logs: Mapping[str, int], copies: Mapping[str, str]) -> None:
        """Put back what must be there when training begins."""

    def restore(self, saved: Any, copies: Mapping[str, str]) -> None:
        """Put back everything else, at the clean point itself."""
