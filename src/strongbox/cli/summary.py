"""The facts of one archive, gathered once; the page and the JSON both show exactly these.

Values stay typed values. What cannot be read becomes a problem that says where and why, and leaves
the other facts as they are: one broken part of a file does not hide the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..archive import Archive
from ..errors import StrongboxError
from ..records import record
from ..tensors import Tensor
from ..values import ConstantSchedule, LinearSchedule, Normalization, Opaque, Schedule, Space, TableSchedule
from .jax_states import read_jax_networks, read_jax_optimizers
from .missing import Missing, find_missing
from .networks import Network, group_layers, group_networks
from .optimizers import Optimizer, is_optimizer, read_optimizer
from .plot import sample
from .training import TRAINING_NAMES, Training, read_training

__all__ = ["MovingSchedule", "Summary", "summarize"]

POINTS = 41
"""Values of a schedule that a summary holds, evenly spaced over progress from 1 to 0."""


@record(frozen=True, kw_only=True)
class MovingSchedule:
    """A schedule and its values over the progress that remains, from 1 to 0; ``aliases`` are equal ones."""

    schedule: Schedule
    points: tuple[float, ...]
    aliases: tuple[str, ...] = ()

    @property
    def is_constant(self) -> bool:
        """Whether it has one value everywhere."""
        return all(point == self.points[0] for point in self.points)


@dataclass(kw_only=True)
class Summary:
    """Everything that ``strongbox inspect`` shows of an archive.

    ``versions`` is system_info.txt, SB3's version first; ``hyperparameters`` and ``state`` (names that
    begin with an underscore) are all of data that has no place of its own. ``members`` maps names to
    sizes in bytes; ``remarks`` are what the zip reader has to say of the file.
    """

    path: str | None
    size: int
    algorithm: str | None = None
    algorithm_evidence: str = ""
    environment: str | None = None
    writer: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    spaces: Mapping[str, Any] = field(default_factory=dict)
    schedules: Mapping[str, MovingSchedule] = field(default_factory=dict)
    training: Training = field(default_factory=lambda: Training(counters={}))
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    networks: tuple[Network, ...] = ()
    optimizers: tuple[Optimizer, ...] = ()
    variables: tuple[Network, ...] = ()
    members: Mapping[str, int] = field(default_factory=dict)
    normalization: Normalization | None = None
    opaque: Mapping[str, Opaque] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    remarks: tuple[str, ...] = ()
    problems: list[StrongboxError] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        """Elements of all networks, shared ones counted once."""
        return sum(network.parameters for network in self.networks)


def summarize(archive: Archive, *, replay_beside: bool = False) -> Summary:
    """Gather the facts of an open archive; reads its small members, and of its tensors only what they are.

    ``replay_beside`` says that the archive is that of a checkpoint whose replay lies in its run.
    """
    summary = Summary(path=archive.path, size=archive.size)
    summary.members = {name: member.size for name, member in archive.members.items()}
    summary.remarks = tuple(archive.members.remarks)
    for gather in (_gather_identity, _gather_data, _gather_tensors, _gather_statistics, _gather_losses):
        with _noting(summary):
            gather(archive, summary)
    with _noting(summary):
        summary.missing = find_missing(archive, replay_beside=replay_beside)
    return summary


@contextmanager
def _noting(summary: Summary) -> Iterator[None]:
    """Note what cannot be read as a problem, once, and go on with the next fact."""
    try:
        yield
    except StrongboxError as error:
        if str(error) not in map(str, summary.problems):
            summary.problems.append(error)


def _gather_identity(archive: Archive, summary: Summary) -> None:
    with _noting(summary):
        version = archive.sb3_version
        sb3 = {} if archive.is_own else {"Stable-Baselines3": version or "unknown"}
        summary.versions = {**sb3, **archive.system_info}
        summary.writer = f"Stable-Baselines3 {version or 'before 0.9'}"
    with _noting(summary):
        if archive.manifest is not None:
            origin = archive.manifest.converted_from
            summary.writer = archive.manifest.writer + (f" from Stable-Baselines3 {origin}" if origin else "")
    summary.algorithm = archive.algorithm
    summary.algorithm_evidence = archive.algorithm_evidence
    summary.environment = archive.environment


def _gather_data(archive: Archive, summary: Summary) -> None:
    data: dict[str, Any] = {}
    for name in archive.data:
        with _noting(summary):
            data[name] = archive.data[name]
    summary.spaces = {name: value for name, value in data.items() if isinstance(value, Space)}
    summary.schedules = _find_schedules(data)
    summary.training = read_training(data)
    aliases = (alias for moving in summary.schedules.values() for alias in moving.aliases)
    shown = {*summary.spaces, *summary.schedules, *aliases, *TRAINING_NAMES}
    rest = {name: value for name, value in data.items() if name not in shown}
    summary.hyperparameters = {name: value for name, value in rest.items() if not name.startswith("_")}
    summary.state = {name: value for name, value in rest.items() if name.startswith("_")}


def _find_schedules(data: Mapping[str, Any]) -> dict[str, MovingSchedule]:
    """Schedules by name; of several that move alike (``learning_rate``, ``lr_schedule``) the last."""
    alike: dict[tuple[tuple[float, ...], str], list[str]] = {}
    for name, value in data.items():
        if isinstance(value, (ConstantSchedule, LinearSchedule, TableSchedule)):
            points = tuple(sample(value, POINTS))
            moves = any(point != points[0] for point in points)
            alike.setdefault((points, "" if moves else name), []).append(name)
    return {
        names[-1]: MovingSchedule(schedule=data[names[-1]], points=points, aliases=tuple(names[:-1]))
        for (points, _), names in alike.items()
    }


def _gather_tensors(archive: Archive, summary: Summary) -> None:
    for name in archive.parameters:
        with _noting(summary):
            state_dict = archive.parameters[name]
            if is_optimizer(state_dict):
                summary.optimizers += (read_optimizer(name, state_dict),)
            elif archive.is_own:
                layers = group_layers(state_dict.tensors())
                summary.networks += (Network(state_dict=name, name="", layers=layers),) if layers else ()
            else:
                summary.networks += group_networks(name, state_dict.tensors())
    if archive.variables is not None:
        tensors = archive.variables.tensors()
        summary.variables = group_networks("variables", tensors) if not archive.is_own else _single_networks(tensors)
    with _noting(summary):
        summary.networks += read_jax_networks(archive.data)
        summary.optimizers += read_jax_optimizers(archive.data)


def _single_networks(tensors: Iterable[tuple[str, Tensor]]) -> tuple[Network, ...]:
    """The tensors of an agent of one's own, whose names are the paths of attributes, each by itself."""
    return tuple(Network(state_dict="variables", name=layer.name, layers=(layer,)) for layer in group_layers(tensors))


def _gather_statistics(archive: Archive, summary: Summary) -> None:
    summary.normalization = archive.normalization


def _gather_losses(archive: Archive, summary: Summary) -> None:
    with _noting(summary):
        summary.opaque = archive.opaque
    with _noting(summary):
        summary.left_out, summary.shared = archive.left_out, archive.shared
