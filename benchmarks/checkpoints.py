"""Checkpoints: how long training stands still for one, and what goes on in the background, beside SB3's own saving.

A SAC of SB3's usual size on HalfCheetah-v5, with a replay buffer of a million that is full (its rows are those of
``benchmarks/replay.py``). Everything that a checkpoint holds is captured: networks, optimizers, data, environments,
random states, callbacks, and the new rows of the buffer.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy
from stable_baselines3 import SAC
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

from strongbox.adapters.training import Captured, Session
from strongbox.checkpoints import RunFolder, write_checkpoint
from strongbox.checkpoints.replay import ReplayManifest, ReplayStore
from strongbox.tensors import Tensor

from .measure import milliseconds, ratio, seconds, table
from .replay import EVERY, LARGE, REAL, add_block, collect, repetitions, save_with_sb3, spaces_of

RUNS = 25


class Idle(BaseCallback):
    """Stands in for the callback of a run."""

    def _on_step(self) -> bool:
        return True


def run() -> str:
    """The table, as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        times = measure(Path(name))
    rows = [
        [what, milliseconds(taken), ratio(taken, times["SB3: save + save_replay_buffer"])]
        for what, taken in times.items()
    ]
    note = f"{RUNS} checkpoints, in turn, each with {EVERY:,} new transitions; the first of each is not counted."
    return f"## Checkpoints\n\n{table(['job', 'ms', 'times faster than SB3'], rows)}\n\n{note}"


def measure(folder: Path) -> dict[str, list[float]]:
    model = SAC("MlpPolicy", "HalfCheetah-v5", buffer_size=LARGE, learning_starts=100, device="cpu")
    session = Session(model)
    model.learn(200, callback=(idle := Idle()))
    session.begin(idle)
    assert session.recorder is not None
    real = ReplayBuffer(REAL, *spaces_of(env := make_vec_env("HalfCheetah-v5", seed=0)), device="cpu")
    collect(env, real, REAL)
    blocks = repetitions(real)
    model.replay_buffer.reset()  # type: ignore[union-attr]
    run_folder = RunFolder(folder / "run")
    run_folder.lock()
    run_folder.begin(algorithm=session.algorithm, environment=session.environment_id)
    store = ReplayStore(run_folder.replay_path)
    names = ("SB3: save + save_replay_buffer", "Strongbox: training stands still", "memcpy of what is copied")
    times: dict[str, list[float]] = {name: [] for name in (*names, "Strongbox: in the background, with fsync")}
    for number in range(1, LARGE // EVERY + RUNS + 2):
        add_block(model.replay_buffer, next(blocks))  # type: ignore[arg-type]
        stop, captured = timed_capture(session, number * EVERY)
        background = seconds(partial(keep, session, captured, store, run_folder, number * EVERY))
        if number > LARGE // EVERY + 1:
            times["SB3: save + save_replay_buffer"].append(seconds(partial(save_with_sb3, model, folder)))
            times["Strongbox: training stands still"].append(stop)
            source = numpy.ones(copied(captured), numpy.uint8)
            times["memcpy of what is copied"].append(seconds(partial(numpy.copyto, numpy.ones_like(source), source)))
            times["Strongbox: in the background, with fsync"].append(background)
    return times


def timed_capture(session: Session, step: int) -> tuple[float, Captured]:
    """What stops training, and the time that it takes."""
    captured: list[Captured] = []
    stop = seconds(lambda: captured.append(session.capture(STATE, steps=step)))
    return stop, captured[0]


STATE = {"phases": [], "point": "rollout_start"}


def keep(session: Session, captured: Captured, store: ReplayStore, folder: RunFolder, step: int) -> None:
    """What the background writer does with what was captured."""
    assert captured.replay is not None
    assert session.recorder is not None
    changed = session.recorder.look_meanwhile(captured.replay)
    manifest: ReplayManifest = store.write(captured.replay)
    write_checkpoint(folder, step=step, contents=captured.contents, replay=manifest.to_json(), inexact=changed)
    session.recorder.confirm(captured.replay, manifest)


def copied(captured: Captured) -> int:
    """Bytes of tensors and of new rows."""
    assert captured.replay is not None
    tensors = sum(size_of(tree) for tree in captured.contents.parameters.values())
    return tensors + sum(array.nbytes for array in captured.replay.rows.values())


def size_of(tree: Any) -> int:
    if isinstance(tree, dict):
        return sum(map(size_of, tree.values()))
    if isinstance(tree, (list, tuple)):
        return sum(map(size_of, tree))
    return tree.nbytes if isinstance(tree, (numpy.ndarray, Tensor)) else int(getattr(tree, "nbytes", 0))
