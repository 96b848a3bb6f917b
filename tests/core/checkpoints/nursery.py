"""Processes that write checkpoints until they are killed: ``python -m tests.core.checkpoints.nursery FOLDER MOMENT…``.

A fresh interpreter forks one child for each moment; the child writes into ``FOLDER/NUMBER`` and ends at the event of
that number, an event being the beginning or the end of a call into the system, of ``os`` or of a file: what happens
between two changes nothing on the disk. Every other child kills itself there; the rest tell of each event and
are killed from outside, wherever they have come to by then. Moment 0 kills nobody, and prints how many there are.

What a child has committed it writes down beside the run, one step on each line.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from strongbox.checkpoints import Keep, decide, prune
from strongbox.checkpoints.replay import ReplayManifest, ReplayStore
from strongbox.checkpoints.replay import store as store_module
from tests.core.checkpoints.replay.ring import PlainChange
from tests.core.checkpoints.runs import begin_run, write

__all__ = ["COMMITTED", "more_rows", "train"]

COMMITTED = "committed.txt"
CHECKPOINTS = 4
MANY = 3
"""Small segments that are made one, so that it happens in so few checkpoints."""


def train(path: Path) -> None:
    """Sweep, write a few checkpoints with their segments, each second one twice, and prune after each.

    Segments share rows with those before, and the last two checkpoints make the small ones one.
    """
    path.mkdir()
    committed = os.open(path / COMMITTED, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    folder = begin_run(path / "run")
    folder.sweep()
    store, manifest = ReplayStore(folder.replay_path), None
    store_module.MANY = MANY
    for number in range(1, CHECKPOINTS + 1):
        manifest = store.write(more_rows(manifest))
        for again in range(2 - number % 2):
            write(folder, 10 * number, replay=manifest.to_json(), metrics={"again": again}, durable=True)
            os.write(committed, b"%d\n" % (10 * number))
        prune(folder, decide(folder.checkpoints(), Keep(last=2), time.time()))


def more_rows(base: ReplayManifest | None) -> PlainChange:
    """Three rows more, each of which tells its place."""
    place = 0 if base is None else base.position
    rows = {"rewards": numpy.arange(place, place + 3, dtype="<f4").reshape(3, 1)}
    return PlainChange(capacity=100, environments=1, position=place + 3, full=False, place=place, rows=rows, base=base)


def count_events(tell: Callable[[int], None]) -> Callable[[Any, str, Any], None]:
    """A profiler that numbers the events from 1."""
    number = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal number
        if event in ("c_call", "c_return", "c_exception") and is_of_system(argument):
            number += 1
            tell(number)

    return profile


def is_of_system(function: Any) -> bool:
    """Whether a function in C is one of ``os``, or a method of a file."""
    return function.__module__ in ("posix", "fcntl", "_io") or type(function.__self__).__module__ == "_io"


def live(path: Path, moment: int, pipe: int | None) -> None:
    """A child's life; with a pipe it tells of each event, without one it ends at the moment."""

    def tell(number: int) -> None:
        if pipe is not None:
            os.write(pipe, b".")
        elif number == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count_events(tell))
    train(path)
    sys.setprofile(None)


def rear(path: Path, moment: int, *, outside: bool) -> None:
    """Fork a child, see to it that it is killed at the moment or soon after, and wait for its end."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        live(path, moment, writing if outside else None)
        os._exit(0)
    os.close(writing)
    heard = 0
    while heard < moment and (told := os.read(reading, moment - heard)):
        heard += len(told)
    if outside:
        os.kill(child, signal.SIGKILL)
    os.close(reading)
    os.waitpid(child, 0)


def count(path: Path) -> int:
    """How many events a whole life has."""
    numbers: list[int] = []
    sys.setprofile(count_events(numbers.append))
    train(path)
    sys.setprofile(None)
    return numbers[-1]


def main() -> None:
    """Rear one child for each moment."""
    root = Path(sys.argv[1])
    root.mkdir(exist_ok=True)
    for number, moment in enumerate(map(int, sys.argv[2:])):
        if moment:
            rear(root / str(number), moment, outside=number % 2 == 1)
        else:
            print(count(root / str(number)))


if __name__ == "__main__":
    main()
