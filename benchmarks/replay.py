"""Replay buffers: how long training stands still, what a checkpoint writes, how long a restart waits.

The large buffer is filled from real transitions of HalfCheetah-v5, repeated with each observation scaled a little
otherwise from block to block, so that no two blocks have the same bits. Frames are those of a real game, every one.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import ale_py
import gymnasium
import numpy
from stable_baselines3 import SAC
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.env_util import make_atari_env, make_vec_env
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack, VecTransposeImage

from strongbox.adapters.replay import ReplayRecorder, restore_replay
from strongbox.adapters.replay_columns import live_columns
from strongbox.checkpoints.replay import ReplayManifest, ReplayStore

from .measure import alternate, milliseconds, ratio, seconds, table

LARGE = 1_000_000
SIZES = (100_000, 300_000, LARGE)
EVERY = 10_000
REAL = 20_000
"""Transitions that are collected from HalfCheetah; the rest are repetitions."""
FRAMES = 100_000
GAMES = ("PongNoFrameskip-v4", "BreakoutNoFrameskip-v4")
RUNS = 7
RESTORES = 5


def run() -> str:
    """The tables, as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        return f"## Replay buffers\n\n{large_buffers(Path(name))}\n\n{frames(Path(name))}"


def large_buffers(folder: Path) -> str:
    """A buffer of HalfCheetah at three sizes: the stop, the writing, the bytes, and the restart."""
    real = ReplayBuffer(REAL, *spaces_of(env := make_vec_env("HalfCheetah-v5", seed=0)), device="cpu")
    collect(env, real, REAL)
    rows = []
    for size in SIZES:
        rows.append(one_size(folder / str(size), size, real))
    head = [
        "rows",
        "SB3: save + save_replay_buffer, ms",
        "Strongbox: training stands still, ms",
        "memcpy of the same, ms",
    ]
    head += ["SB3 over Strongbox", "in the background, ms", "SB3 writes, MB", "Strongbox writes, MB"]
    head += ["SB3: load_replay_buffer, ms", "Strongbox: restore, ms", "Strongbox over SB3"]
    note = (
        f"HalfCheetah-v5, {EVERY:,} new transitions for each checkpoint. {REAL:,} real transitions fill the buffer, "
        f"repeated and scaled a little otherwise each time. {RUNS} checkpoints and {RESTORES} restarts each, in turn."
    )
    return f"{table(head, rows)}\n\n{note}"


def one_size(folder: Path, size: int, real: ReplayBuffer) -> list[str]:
    model = SAC("MlpPolicy", "HalfCheetah-v5", buffer_size=size, device="cpu")
    buffer: Any = model.replay_buffer
    recorder, store = ReplayRecorder(buffer), ReplayStore(folder / "replay")
    blocks = repetitions(real)
    steps, manifest = 0, None
    while steps < size:
        steps, manifest = steps + EVERY, checkpoint(recorder, store, steps + EVERY, next(blocks))[0]
    source, target = numpy.ones(size * 308, numpy.uint8), numpy.ones(EVERY * 308, numpy.uint8)
    times: dict[str, list[float]] = {"SB3": [], "stop": [], "memcpy": [], "background": []}
    written = []
    for number in range(RUNS + 1):
        steps += EVERY
        before = set((folder / "replay").iterdir())
        manifest, stop, background = checkpoint(recorder, store, steps, next(blocks))
        written.append(sum(path.stat().st_size for path in set((folder / "replay").iterdir()) - before))
        start = number * target.size % (source.size - target.size)
        some = source[start : start + target.size]
        times["memcpy"].append(seconds(partial(numpy.copyto, target, some)))
        times["SB3"].append(seconds(partial(save_with_sb3, model, folder)))
        times["stop"].append(stop)
        times["background"].append(background)
    times = {name: taken[1:] for name, taken in times.items()}
    of_sb3 = sum((folder / name).stat().st_size for name in ("sb3.zip", "buffer.pkl"))
    loads = alternate(
        {
            "SB3": lambda: model.load_replay_buffer(folder / "buffer"),
            "Strongbox": lambda: restore_replay(fresh(buffer), manifest, ReplayStore(folder / "replay")),
        },
        RESTORES,
    )
    return [
        f"{size:,}",
        *(milliseconds(times[name]) for name in ("SB3", "stop", "memcpy")),
        ratio(times["stop"], times["SB3"]),
        milliseconds(times["background"]),
        f"{of_sb3 / 1e6:.1f}",
        f"{statistics.median(written) / 1e6:.2f}",
        *(milliseconds(loads[name]) for name in ("SB3", "Strongbox")),
        ratio(loads["SB3"], loads["Strongbox"]),
    ]


def save_with_sb3(model: SAC, folder: Path) -> None:
    """What SB3's CheckpointCallback does where it is told to keep the replay buffer."""
    model.save(folder / "sb3")
    model.save_replay_buffer(folder / "buffer")


def checkpoint(
    recorder: ReplayRecorder, store: ReplayStore, steps: int, block: dict[str, Any]
) -> tuple[ReplayManifest, float, float]:
    """Add a block of rows and keep them: the manifest, the time of the copy, and that of all the rest."""
    add_block(recorder.buffer, block)
    captured: list[Any] = []
    stop = seconds(lambda: captured.append(recorder.capture(steps)))
    manifests: list[ReplayManifest] = []
    background = seconds(lambda: manifests.append(store.write(captured[0])))
    recorder.confirm(captured[0], manifests[0])
    return manifests[0], stop, background


def repetitions(real: ReplayBuffer) -> Iterator[dict[str, Any]]:
    """Blocks of EVERY rows: the real transitions over and over, each time scaled otherwise."""
    random = numpy.random.default_rng(0)
    while True:
        for start in range(0, REAL, EVERY):
            block = {name: array[start : start + EVERY].copy() for name, array in live_columns(real).items()}
            scale = 1 + 1e-3 * random.standard_normal(block["observations"].shape[2:])
            for name in ("observations", "next_observations"):
                block[name] *= scale
            for name in ("actions", "rewards"):
                block[name] *= numpy.float32(1 + 1e-3 * random.standard_normal())
            yield block


def add_block(buffer: ReplayBuffer, block: dict[str, Any]) -> None:
    """What EVERY calls of ``add`` would do, of which a million take a minute."""
    for name, array in live_columns(buffer).items():
        array[buffer.pos : buffer.pos + EVERY] = block[name]
    buffer.pos += EVERY
    buffer.full = buffer.full or buffer.pos == buffer.buffer_size
    buffer.pos %= buffer.buffer_size


def fresh(buffer: ReplayBuffer) -> ReplayBuffer:
    """An empty buffer of the same kind, as a new process has."""
    return ReplayBuffer(buffer.buffer_size, buffer.observation_space, buffer.action_space, device="cpu")


def frames(folder: Path) -> str:
    """Stacked frames of games: bytes on the disk beside those of SB3's arrays."""
    gymnasium.register_envs(ale_py)
    rows = [game_row(folder, game) for game in GAMES]
    head = ["game", "SB3's arrays, MB", "before compression, MB", "SB3 over that", "compressed, MB", "SB3 over that"]
    note = f"{FRAMES:,} transitions of a random player through SB3's AtariWrapper, four frames of 84 × 84 stacked."
    return f"{table(head, rows)}\n\n{note}"


def game_row(folder: Path, game: str) -> list[str]:
    env = VecTransposeImage(VecFrameStack(make_atari_env(game, seed=0), 4))
    # A ring of one checkpoint's rows: what it writes for all frames is the same, in a tenth of the memory.
    buffer = ReplayBuffer(EVERY, *spaces_of(env), device="cpu")
    recorder = ReplayRecorder(buffer)
    stores = {codec: ReplayStore(folder / game / codec, codec=codec) for codec in ("none", "zstd")}
    player = play(env)
    for steps in range(EVERY, FRAMES + 1, EVERY):
        for _ in range(EVERY):
            buffer.add(*next(player))
        captured = recorder.capture(steps)
        for store in stores.values():
            store.write(captured)
    raw = FRAMES * sum(array[:1].nbytes for array in live_columns(buffer).values())
    sizes = {codec: sum(p.stat().st_size for p in (folder / game / codec).iterdir()) for codec in stores}
    shown = [f"{raw / 1e6:,.0f}"]
    for size in sizes.values():
        shown += [f"{size / 1e6:,.1f}", f"{raw / size:,.2f}"]
    return [game, *shown]


def collect(env: VecEnv, buffer: ReplayBuffer, count: int) -> None:
    """Fill a buffer with what a random player meets."""
    player = play(env)
    for _ in range(count):
        buffer.add(*next(player))


def play(env: VecEnv) -> Iterator[tuple[Any, ...]]:
    """Transitions of a random player, as SB3's algorithms store them."""
    env.action_space.seed(0)
    before: Any = env.reset()
    while True:
        action = numpy.array([env.action_space.sample()])
        after: Any
        after, reward, done, infos = env.step(action)
        stored = after.copy()
        for index in numpy.flatnonzero(done):
            stored[index] = infos[index]["terminal_observation"]
        yield before, stored, action, reward, done, infos
        before = after


def spaces_of(env: VecEnv) -> tuple[Any, Any]:
    return env.observation_space, env.action_space
