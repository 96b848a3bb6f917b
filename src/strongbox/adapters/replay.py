"""A live replay buffer of Stable-Baselines3 as the columns that the replay store keeps, and back.

Training stands still for one copy: the rows that were added since the last checkpoint go into staging arrays, which are
used again each time. Everything after that looks at the copies alone.

A buffer says where its next row goes and whether it went round, and nothing of how often. How many rows were added
follows from the steps that the caller counts; it is held against the position. Where they do not agree, the whole
buffer is copied: a buffer that was emptied or replaced in place costs bytes, never exactness.

Rows that were kept may be changed by hand: rewards given anew, an episode truncated, a script that edits the arrays. So
they are held against what they were when they were kept (``kept_rows``). The newest are looked at while training stands
still, and copied again where they were changed. All others have their turn in the background, some at each checkpoint:
a checkpoint that holds what is no longer so says it, and the next one copies the whole buffer. Who reads rows while
training goes on must not take one that is being written for a changed one. A small ring, round which training goes in
no time, is looked at where it stands still.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.buffers import ReplayBuffer

from ..errors import CheckpointError
from ..values.checks import Array
from .kept_rows import KeptRows, OldRows, changed_reason
from .replay_columns import (
    INFOS,
    KNOWN_ATTRIBUTES,
    filled_rows,
    followed,
    late_columns,
    late_rows,
    live_columns,
    live_infos,
    rows_ahead,
)
from .replay_infos import infos_from_texts, infos_to_texts

__all__ = ["CapturedReplay", "ReplayReader", "ReplayRecorder", "check_fit", "replay_inexact", "restore_replay"]

CURRENT_STARTS = "current_ep_start"
"""The setting that holds where the running episode of each environment began."""
LOST_INFOS = "infos left out"
"""The setting that says why infos were left out, where some were."""

SMALL_RING = 256 << 10
"""Bytes of a ring that is looked at as a whole while training stands still, in a third of a millisecond."""
WITNESSES = 64
"""The newest rows, by which it is told whether rows were changed of late, and whether training went round the ring."""
IN_BACKGROUND = 32 << 20
"""Bytes that are looked at for each checkpoint while training goes on: 13 ms, beside 35 or more for all else."""
AT_THE_END = 512 << 20
"""Bytes that are looked at where training has ended, and waits for its last checkpoint anyway: 0.2 s."""


@dataclass(frozen=True, kw_only=True)
class CapturedReplay:
    """What changed in a replay buffer since a manifest was committed, as the replay store takes it.

    ``rows`` and ``late`` look into staging arrays: they hold until the recorder captures again. ``steps`` is the
    caller's count, ``base`` the manifest that was confirmed last, None where ``rows`` is the whole buffer.
    ``inexact`` names what of the buffer is not kept, with the reasons.
    """

    capacity: int
    environments: int
    place: int
    position: int
    full: bool
    rows: Mapping[str, Array]
    late: Mapping[str, Array]
    follows: Mapping[str, str]
    settings: Mapping[str, Any]
    base: Any
    steps: int
    inexact: Mapping[str, str]
    edition: int


class ReplayReader(Protocol):
    """What fills a buffer's columns from a manifest: the replay store."""

    def read(self, manifest: Any, columns: Mapping[str, Array], *, used: int | None = None) -> None:
        """Fill all columns; rows from ``used`` on hold zeros already."""


@dataclass(frozen=True)
class Mark:
    """A point up to which a buffer is committed; ``edition`` as in :class:`ReplayRecorder`.

    ``newest`` holds the bytes of the newest rows then, by column; they stand up to the position, or the ring's end.
    """

    steps: int
    position: int
    full: bool
    manifest: Any
    edition: int
    newest: Mapping[str, bytes]
    count: int

    def stands(self, columns: Mapping[str, Array]) -> bool:
        """Whether the newest rows are what they were; not where there are none to tell it by."""
        stop = self.position or len(next(iter(columns.values())))
        return self.count > 0 and all(
            columns[name][stop - self.count : stop].tobytes() == rows for name, rows in self.newest.items()
        )


class ReplayRecorder:
    """Follows one replay buffer and copies what was added since what was last confirmed.

    Raises CheckpointError for what is no replay buffer of SB3's kind.
    """

    def __init__(self, buffer: ReplayBuffer) -> None:
        check_kind(buffer)
        self.buffer = buffer
        self._mark: Mark | None = None
        self._kept = KeptRows(buffer.buffer_size)
        self._edition = 0
        """How often rows were said, or found, to be changed: what was kept of an earlier edition is not built on."""
        self._staging: dict[str, Array] = {}
        self._lost_infos: str | None = None

    def capture(self, steps: int) -> CapturedReplay:
        """Copy the rows that were added; ``steps`` counts the rows ever added, such as ``num_timesteps // n_envs``.

        Only differences of ``steps`` matter. Memory grows to the most rows that were ever added between two captures,
        at most to the size of the buffer.
        """
        buffer, ahead = self.buffer, rows_ahead(self.buffer)
        columns, late = live_columns(buffer), late_columns(buffer)
        if self._kept.capacity != buffer.buffer_size:
            self._kept, self._mark = KeptRows(buffer.buffer_size), None
        if self._is_small:
            self.look()
        added = self._added(steps)
        if added is not None and self._mark is not None and not self._is_small and not self._mark.stands(columns):
            added += self._kept.reach(columns, self._old_rows(added))
        count = min((buffer.size() if added is None else added) + ahead, buffer.buffer_size)
        place = (buffer.pos + ahead - count) % buffer.buffer_size
        rows = {name: self._copy(name, array, place, count) for name, array in columns.items()}
        rows.update(self._texts(place, count))
        return CapturedReplay(
            capacity=buffer.buffer_size,
            environments=buffer.n_envs,
            place=place,
            position=buffer.pos,
            full=buffer.full,
            rows=rows,
            late={name: self._copy(name, array, 0, late_rows(buffer)) for name, array in late.items()},
            follows=followed(columns),
            settings=state_of(buffer, self._lost_infos),
            base=None if added is None or self._mark is None else self._mark.manifest,
            steps=steps,
            inexact=replay_inexact(buffer, self._lost_infos),
            edition=self._edition,
        )

    def look(self) -> None:
        """Look for changed rows where training stands still; the next capture copies the whole buffer where one is."""
        if self._mark is not None:
            added = (self.buffer.pos - self._mark.position) % self.buffer.buffer_size
            if len(self._kept.changed(live_columns(self.buffer), self._old_rows(added), most=AT_THE_END)):
                self.forget()

    def look_meanwhile(self, captured: CapturedReplay) -> dict[str, str]:
        """Look for changed rows while training goes on, in any thread; gives what is inexact in what was captured.

        A row that was changed since the capture counts, too: then it says too much, never too little.
        """
        buffer, ahead = self.buffer, rows_ahead(self.buffer)
        if captured.base is None or self._is_small:
            return {}
        last, moved = captured.position, 0

        def written() -> int:
            nonlocal last, moved
            now = buffer.pos
            last, moved = now, moved + (now - last) % captured.capacity
            return moved + ahead + 1  # the row of the position may be half written

        # To sample n steps, SB3 sets the newest row's timeout for a moment.
        copied = max(len(next(iter(captured.rows.values()))) - ahead, 1)
        low = 0 if captured.full else captured.capacity - captured.position
        old = OldRows(position=captured.position, low=low, high=captured.capacity - copied, written=written)
        changed = self._kept.changed(live_columns(buffer), old, most=IN_BACKGROUND)
        if not len(changed) or self._went_round(captured):
            return {}
        self.forget()
        return {"replay_buffer": changed_reason(changed)}

    def confirm(self, captured: CapturedReplay, manifest: Any) -> None:
        """Take note that what was captured last is committed in ``manifest``; the next capture builds on it.

        Without it, the next capture copies the same rows again and those since: a checkpoint that failed or was
        skipped needs no care. To be called before the next capture.
        """
        self._kept.keep(captured.place, {name: rows for name, rows in captured.rows.items() if name != INFOS})
        columns = live_columns(self.buffer)
        end = len(next(iter(captured.rows.values()))) - rows_ahead(self.buffer)
        newest = {name: captured.rows[name][:end] for name in columns}
        self._mark = self._marked(captured.steps, captured.position, captured.full, manifest, captured.edition, newest)

    def resume(self, steps: int, manifest: Any) -> None:
        """Go on from a manifest that the buffer was just restored from."""
        buffer = self.buffer
        rows, columns = filled_rows(buffer), live_columns(buffer)
        self._kept.keep(0, {name: array[:rows] for name, array in columns.items()})
        newest = {name: array[: buffer.pos or buffer.buffer_size] for name, array in columns.items()}
        self._mark = self._marked(steps, buffer.pos, buffer.full, manifest, self._edition, newest)
        self._lost_infos = lost_infos(manifest)

    def _marked(
        self, steps: int, position: int, full: bool, manifest: Any, edition: int, newest: Mapping[str, Array]
    ) -> Mark:
        """A mark whose witnesses are the last of some rows that end at ``position``."""
        count = min(WITNESSES, len(next(iter(newest.values()))), position or self.buffer.buffer_size)
        witnesses = {name: rows[len(rows) - count :].tobytes() for name, rows in newest.items()}
        return Mark(steps, position, full, manifest, edition, witnesses, count)

    def forget(self) -> None:
        """Have the next capture copy the whole buffer; at any time, also while the last one is being confirmed."""
        self._edition += 1

    def _old_rows(self, added: int) -> OldRows:
        """The rows that were kept before so many were added."""
        buffer = self.buffer
        low = rows_ahead(buffer) if buffer.full else buffer.buffer_size - buffer.pos
        return OldRows(position=buffer.pos, low=low, high=buffer.buffer_size - added)

    @property
    def _is_small(self) -> bool:
        return sum(array.nbytes for array in live_columns(self.buffer).values()) <= SMALL_RING

    def _went_round(self, captured: CapturedReplay) -> bool:
        """Whether training may have gone round the ring since: the rows that were captured are others then.

        Where somebody has changed those by hand, it was after the capture, and the next one sees it.
        """
        behind = rows_ahead(self.buffer) + 1
        count = min(WITNESSES, len(next(iter(captured.rows.values()))) - behind)
        places = numpy.arange(captured.position - 1 - count, captured.position - 1) % captured.capacity
        return count > 0 and any(
            array[places].tobytes() != captured.rows[name][-behind - count : -behind].tobytes()
            for name, array in live_columns(self.buffer).items()
        )

    def _added(self, steps: int) -> int | None:
        """Rows that were added since the mark, or None where that cannot be relied on."""
        mark, buffer = self._mark, self.buffer
        if mark is None or mark.edition != self._edition or steps < mark.steps:
            return None
        added = steps - mark.steps
        end = mark.position + added
        if (buffer.pos, buffer.full) != (end % buffer.buffer_size, mark.full or end >= buffer.buffer_size):
            return None
        return added

    def _texts(self, place: int, count: int) -> dict[str, Array]:
        """The infos of rows as texts, where there are any; the only thing that is not just copied."""
        texts = {}
        for name, infos in live_infos(self.buffer).items():
            rows = infos.take(range(place, place + count), axis=0, mode="wrap")
            texts[name], reason = infos_to_texts(rows)
            self._lost_infos = reason or self._lost_infos
        return texts

    def _copy(self, name: str, array: Array, place: int, count: int) -> Array:
        """Copy rows of a ring, which may go round its end, into the staging array of their column."""
        staged = self._staging.get(name)
        if staged is None or len(staged) < count:
            # A little more than is needed: the next checkpoint may be a few rows later.
            rows = min(count + count // 8 + 1, len(array))
            staged = self._staging[name] = numpy.empty((rows, *array.shape[1:]), array.dtype)
        straight = min(count, len(array) - place)
        staged[:straight] = array[place : place + straight]
        staged[straight:count] = array[: count - straight]
        return staged[:count]


def restore_replay(buffer: ReplayBuffer, manifest: Any, store: ReplayReader) -> Mapping[str, str]:
    """Fill a live buffer with what a manifest names, in place and to the last bit; returns what is inexact, by name.

    Raises CheckpointError where the buffer is of another size or of other spaces than the one that was kept, and
    whatever the store raises. The buffer is then empty.
    """
    check_kind(buffer)
    check_fit(buffer, manifest)
    starts = read_starts(buffer, manifest)
    used = filled_rows(buffer)
    buffer.reset()
    store.read(manifest, {**live_columns(buffer), **late_columns(buffer), **live_infos(buffer)}, used=used)
    if isinstance(buffer, HerReplayBuffer):
        check_episodes(buffer)
        infos_from_texts(buffer.infos)
        buffer._current_ep_start[...] = starts
    buffer.pos, buffer.full = manifest.position, manifest.full
    return replay_inexact(buffer, lost_infos(manifest))


def replay_inexact(buffer: ReplayBuffer, lost: str | None = None) -> dict[str, str]:
    """What of a live buffer a checkpoint does not keep: ``replay_buffer.NAME`` and the reason.

    ``lost`` says why infos were left out, where some were.
    """
    reasons = {} if lost is None else {"replay_buffer.infos": lost}
    known = {*KNOWN_ATTRIBUTES, *late_columns(buffer)}
    for name in sorted(vars(buffer).keys() - known):
        reasons[f"replay_buffer.{name}"] = (
            f"an attribute of {type(buffer).__name__} that Stable-Baselines3's own replay buffers do not have"
        )
    return reasons


def check_kind(buffer: Any) -> None:
    """Raise CheckpointError for what is no replay buffer."""
    if not isinstance(buffer, ReplayBuffer):
        raise CheckpointError(
            f"expected a replay buffer of Stable-Baselines3 or one derived from it, found a {type(buffer).__name__}."
        )


def lost_infos(manifest: Any) -> str | None:
    """Why infos were left out of what a manifest names; None where none were."""
    reason = manifest.settings.get(LOST_INFOS)
    return reason if isinstance(reason, str) else None


def state_of(buffer: ReplayBuffer, lost: str | None) -> dict[str, Any]:
    """What is kept of a buffer besides its columns, position and fill."""
    settings: dict[str, Any] = {"class": f"{type(buffer).__module__}.{type(buffer).__qualname__}"}
    if isinstance(buffer, HerReplayBuffer):
        settings[CURRENT_STARTS] = buffer._current_ep_start.tolist()
    if lost is not None:
        settings[LOST_INFOS] = lost
    return settings


def check_fit(buffer: ReplayBuffer, manifest: Any) -> None:
    """Raise CheckpointError, saying what is different, where a manifest is of another buffer."""
    hint = "Make the model with the settings and the environment of the checkpoint, or go on without its replay buffer."
    for what, live, kept in (
        ("rows", buffer.buffer_size, manifest.capacity),
        ("environments", buffer.n_envs, manifest.environments),
    ):
        if live != kept:
            raise CheckpointError(f"expected a replay buffer of {kept:,} {what}, found {live:,}.", hint=hint)
    live_kinds = {
        name: (array.dtype.str, array.shape[2:])
        for name, array in {**live_columns(buffer), **late_columns(buffer)}.items()
    }
    live_kinds.update(dict.fromkeys(live_infos(buffer), ("text", ())))
    kept_kinds = {
        name: (column.dtype, column.shape) for name, column in {**manifest.columns, **manifest.late_columns}.items()
    }
    for name in sorted(live_kinds.keys() | kept_kinds.keys()):
        found, expected = live_kinds.get(name), kept_kinds.get(name)
        if found != expected:
            problem = f"expected {described(expected)} for {name!r} in the replay buffer, found {described(found)}."
            raise CheckpointError(problem, hint=hint)


def described(kind: tuple[str, tuple[int, ...]] | None) -> str:
    if kind is None or kind[0] == "text":
        return "nothing" if kind is None else "info dictionaries"
    return f"{numpy.dtype(kind[0]).name} of shape {kind[1]}"


def read_starts(buffer: ReplayBuffer, manifest: Any) -> list[int]:
    """Where the running episode of each environment began; raises CheckpointError where that is not said."""
    if not isinstance(buffer, HerReplayBuffer):
        return []
    starts = manifest.settings.get(CURRENT_STARTS)
    if (
        not isinstance(starts, list)
        or len(starts) != buffer.n_envs
        or not all(type(start) is int and 0 <= start < buffer.buffer_size for start in starts)
    ):
        raise CheckpointError(f"expected {CURRENT_STARTS!r} to be a place in the buffer for each environment.")
    return starts


def check_episodes(buffer: HerReplayBuffer) -> None:
    """Raise CheckpointError where episodes lie outside of the buffer: HER would make arrays of their length."""
    for array, most in ((buffer.ep_start, buffer.buffer_size - 1), (buffer.ep_length, buffer.buffer_size)):
        if int(array.min()) < 0 or int(array.max()) > most:
            raise CheckpointError("expected episodes inside of the replay buffer, found one beyond it.")
