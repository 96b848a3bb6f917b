"""Rows of a replay buffer that are changed after a checkpoint: no checkpoint holds the old ones and says nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy
import pytest
from stable_baselines3.common.buffers import DictReplayBuffer, NStepReplayBuffer, ReplayBuffer

from strongbox.adapters.kept_rows import LATELY
from strongbox.adapters.replay import SMALL_RING, ReplayRecorder, restore_replay
from strongbox.adapters.replay_columns import live_columns, rows_ahead
from strongbox.checkpoints.replay import ReplayManifest, ReplayStore
from tests.live.adapters.test_replay import CASES as SMALL_CASES
from tests.live.adapters.test_replay import everything

WIDE = gymnasium.spaces.Box(-1, 1, (60,))
DISCRETE = gymnasium.spaces.Discrete(4)
OPTIONS: dict[str, Any] = {"device": "cpu", "n_envs": 1}
FULL = 10_500

LARGE_CASES: dict[str, Callable[[], Any]] = {
    "plain": lambda: ReplayBuffer(FULL, WIDE, DISCRETE, **OPTIONS),
    "optimize_memory_usage": lambda: ReplayBuffer(
        *(FULL, WIDE, DISCRETE), optimize_memory_usage=True, handle_timeout_termination=False, **OPTIONS
    ),
    "n steps": lambda: NStepReplayBuffer(FULL, WIDE, DISCRETE, n_steps=3, **OPTIONS),
    "dictionary": lambda: DictReplayBuffer(
        FULL, gymnasium.spaces.Dict({"a": WIDE, "b": DISCRETE}), DISCRETE, **OPTIONS
    ),
}
"""Rings that are looked at while training goes on, with rows of which a piece of the newest is a small part."""


class Kept:
    """A buffer with its recorder and store: rows are added, and checkpoints made as a run makes them."""

    def __init__(self, buffer: Any, folder: Path) -> None:
        self.buffer = buffer
        self.recorder, self.store = ReplayRecorder(buffer), ReplayStore(folder)
        self.random = numpy.random.default_rng(0)
        self.steps = 0
        self.copied = 0

    def add(self, count: int) -> None:
        """What so many calls of ``add`` do."""
        for _ in range(count // 100):
            self.add_block(100)
        self.add_block(count % 100)

    def add_block(self, count: int) -> None:
        buffer, columns = self.buffer, live_columns(self.buffer)
        ahead = rows_ahead(buffer)
        for name, array in columns.items():
            places = (buffer.pos + numpy.arange(count + ahead * (name == "observations"))) % buffer.buffer_size
            array[places] = self.random.integers(0, 2, (len(places), *array.shape[1:])).astype(array.dtype)
        buffer.full = buffer.full or buffer.pos + count >= buffer.buffer_size
        buffer.pos = (buffer.pos + count) % buffer.buffer_size
        self.steps += count

    def checkpoint(self, meanwhile: Callable[[], None] = lambda: None) -> dict[str, str]:
        """Make a checkpoint; gives what is inexact in it, and holds what is exact against the buffer."""
        captured = self.recorder.capture(self.steps)
        self.copied = len(captured.rows["rewards"])
        at_capture = everything(self.buffer)
        meanwhile()
        inexact = self.recorder.look_meanwhile(captured)
        manifest = ReplayManifest.from_json(self.store.write(captured).to_json())
        self.recorder.confirm(captured, manifest)
        if not inexact:
            assert everything(self.restored(manifest)) == at_capture
        return inexact

    def restored(self, manifest: ReplayManifest) -> Any:
        kind: Any = type(self.buffer)
        fresh = kind.__new__(kind)
        fresh.__dict__.update(self.buffer.__dict__)
        for name, value in self.buffer.__dict__.items():
            if isinstance(value, numpy.ndarray):
                setattr(fresh, name, numpy.zeros_like(value))
            elif isinstance(value, dict):
                setattr(fresh, name, {key: numpy.zeros_like(array) for key, array in value.items()})
        restore_replay(fresh, manifest, self.store)
        return fresh


@pytest.fixture(params=LARGE_CASES)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """A full ring that is kept, and some rows that were added since."""
    made = Kept(LARGE_CASES[request.param](), tmp_path)
    made.add(FULL + 700)
    assert made.checkpoint() == {}
    made.add(60)
    return made


def far(kept: Kept) -> int:
    """A row that is no new one, none of the newest, and soon looked at."""
    return int(kept.buffer.pos + 1200) % FULL


def test_nothing_is_said_where_nothing_was_changed(kept: Kept) -> None:
    for count in (0, 1, 60, 3000, 60):
        kept.add(count)
        assert kept.checkpoint() == {}
        assert kept.copied <= count + 60 + 1


@pytest.mark.parametrize("last", [0, 99])
def test_an_older_row_that_was_changed_is_named_and_the_next_checkpoint_has_it(kept: Kept, last: int) -> None:
    row = far(kept)
    for array in live_columns(kept.buffer).values():
        array[row : row + last + 1] += 3
    reason = f"rows {row:,} to {row + last:,} were" if last else f"row {row:,} was"
    assert kept.checkpoint()["replay_buffer"].startswith(f"{reason} changed after")
    kept.add(60)
    assert kept.checkpoint() == {}
    assert kept.copied == FULL
    kept.add(60)
    assert kept.checkpoint() == {}
    assert kept.copied < 100


def test_every_column_counts(kept: Kept) -> None:
    for array in live_columns(kept.buffer).values():
        row = array[far(kept)]
        row[...] = 1 - row
        assert set(kept.checkpoint()) == {"replay_buffer"}
        assert kept.checkpoint() == {}


def test_newest_rows_that_were_changed_are_copied_again_at_once(kept: Kept) -> None:
    kept.buffer.rewards[kept.buffer.pos - 60 - 100 : kept.buffer.pos - 60 - 20] = 0.125
    assert kept.checkpoint() == {}
    assert kept.copied in (160, 161)


def test_rows_that_were_all_changed_are_copied_at_once(kept: Kept) -> None:
    kept.buffer.rewards += 2
    assert kept.checkpoint() == {}
    assert kept.copied == FULL


def test_where_training_stands_still_all_rows_are_looked_at(kept: Kept) -> None:
    kept.buffer.rewards[far(kept)] = 0.125
    kept.recorder.look()
    assert kept.checkpoint() == {}
    assert kept.copied == FULL


def test_a_change_that_is_told_is_in_the_next_checkpoint(kept: Kept) -> None:
    kept.buffer.rewards[far(kept)] = 0.125
    kept.recorder.forget()
    assert kept.checkpoint() == {}
    assert kept.copied == FULL


def test_a_change_that_is_told_while_a_checkpoint_is_written_is_not_forgotten(kept: Kept) -> None:
    def change() -> None:
        kept.buffer.rewards[kept.buffer.pos - 10] = 0.125  # in this checkpoint, as it was
        kept.recorder.forget()

    assert kept.checkpoint(change) == {}
    assert kept.checkpoint() == {}
    assert kept.copied == FULL


def test_what_was_found_before_a_checkpoint_failed_is_copied_by_the_next(kept: Kept) -> None:
    kept.buffer.rewards[far(kept)] = 0.125
    captured = kept.recorder.capture(kept.steps)
    assert set(kept.recorder.look_meanwhile(captured)) == {"replay_buffer"}
    for _ in range(2):  # neither is confirmed
        kept.add(10)
        assert len(kept.recorder.capture(kept.steps).rows["rewards"]) == FULL
    assert kept.checkpoint() == {}


def test_rows_that_are_added_meanwhile_are_not_taken_for_changed_ones(kept: Kept) -> None:
    for count in (0, 1, 99, 3000, FULL - 1):
        assert kept.checkpoint(lambda count=count: kept.add(count)) == {}  # type: ignore[misc]


def test_a_half_written_row_is_not_taken_for_a_changed_one(kept: Kept) -> None:
    def half_write() -> None:
        kept.add(7)
        for array in live_columns(kept.buffer).values():
            array[kept.buffer.pos] += 3
        if rows_ahead(kept.buffer):
            kept.buffer.observations[kept.buffer.pos + 1] += 3

    assert kept.checkpoint(half_write) == {}
    kept.add(1)
    assert kept.checkpoint() == {}


def test_a_thread_that_adds_rows_all_the_time_is_not_taken_for_somebody_who_changes_them(kept: Kept) -> None:
    done = threading.Event()

    def train() -> None:
        while not done.is_set():
            kept.add_block(1)

    captured = kept.recorder.capture(kept.steps)
    thread = threading.Thread(target=train)
    thread.start()
    try:
        found = [kept.recorder.look_meanwhile(captured) for _ in range(3)]
    finally:
        done.set()
        thread.join()
    assert found == [{}, {}, {}]


def test_a_timeout_that_is_set_to_sample_n_steps_is_no_change(tmp_path: Path) -> None:
    kept = Kept(LARGE_CASES["n steps"](), tmp_path)
    kept.add(FULL + 700)
    kept.checkpoint()

    def sample_halfway() -> None:
        kept.buffer.timeouts[kept.buffer.pos - 1] = 1 - kept.buffer.timeouts[kept.buffer.pos - 1]

    assert kept.checkpoint(sample_halfway) == {}
    sample_halfway()
    assert kept.checkpoint() == {}


def test_a_restored_buffer_is_looked_at_as_well(kept: Kept) -> None:
    captured = kept.recorder.capture(kept.steps)
    manifest = kept.store.write(captured)
    kept.buffer = kept.restored(manifest)
    kept.recorder = ReplayRecorder(kept.buffer)
    kept.recorder.resume(kept.steps, manifest)
    assert kept.checkpoint() == {}
    assert kept.copied < 100
    kept.buffer.rewards[far(kept)] = 0.125
    assert set(kept.checkpoint()) == {"replay_buffer"}
    assert kept.checkpoint() == {}


def test_a_ring_that_is_not_full_yet(tmp_path: Path) -> None:
    for case, make in LARGE_CASES.items():
        kept = Kept(make(), tmp_path / case)
        kept.add(5000)
        assert kept.checkpoint() == {}
        kept.add(60)
        assert kept.checkpoint() == {}
        kept.buffer.rewards[7000] = 1  # a row that holds nothing yet
        assert kept.recorder.look_meanwhile(kept.recorder.capture(kept.steps)) == {}
        kept.buffer.rewards[7000] = 0
        kept.buffer.rewards[3] = 0.125
        assert set(kept.checkpoint()) == {"replay_buffer"}
        assert kept.checkpoint() == {}


def test_a_ring_that_training_went_round_unseen_is_not_judged(kept: Kept) -> None:
    assert kept.checkpoint(lambda: kept.add(FULL + 3)) == {}
    kept.add(3)
    assert kept.checkpoint() == {}
    assert kept.copied == FULL


LARGER = ("dictionary with images", "Atari frames", "Atari frames, optimize_memory_usage")
"""Cases whose ring has few rows, and many bytes."""


def test_a_buffer_that_was_made_larger_is_kept_anew(tmp_path: Path) -> None:
    kept = Kept(LARGE_CASES["plain"](), tmp_path)
    kept.add(500)
    assert kept.checkpoint() == {}
    larger = ReplayBuffer(2 * FULL, WIDE, DISCRETE, **OPTIONS)
    for name, array in live_columns(kept.buffer).items():
        getattr(larger, name)[:FULL] = array
        setattr(kept.buffer, name, getattr(larger, name))
    kept.buffer.buffer_size = 2 * FULL
    kept.add(20)
    assert kept.checkpoint() == {}
    assert kept.copied == 520
    kept.buffer.rewards[500] = 0.125
    assert kept.checkpoint() == {}
    assert kept.copied == 20


@pytest.mark.parametrize("case", [case for case in SMALL_CASES if case not in LARGER])
def test_in_a_small_ring_a_change_is_in_the_very_next_checkpoint(case: str, tmp_path: Path) -> None:
    model = SMALL_CASES[case]()
    capacity, steps = model.replay_buffer.buffer_size, 0
    kept = Kept(model.replay_buffer, tmp_path)
    for count in (capacity + capacity // 3, 5, 5, 5):
        model.learn(count * model.n_envs, reset_num_timesteps=False)
        steps = kept.steps = model.num_timesteps // model.n_envs
        for array in live_columns(model.replay_buffer).values():
            array[(model.replay_buffer.pos + capacity // 2) % capacity] += 1
        captured = kept.recorder.capture(steps)
        assert kept.recorder.look_meanwhile(captured) == {}
        manifest = kept.store.write(captured)
        kept.recorder.confirm(captured, manifest)
        fresh = SMALL_CASES[case]().replay_buffer
        restore_replay(fresh, manifest, kept.store)
        assert everything(fresh) == everything(model.replay_buffer)


def test_these_rings_are_as_large_as_their_tests_take_them_for() -> None:
    for make in LARGE_CASES.values():
        assert sum(array.nbytes for array in live_columns(make()).values()) > max(SMALL_RING, 10 * LATELY)
