"""Runs that this process has open: one that was left is closed, so that another can take its place.

A cell of a notebook that was interrupted and is run again makes its run anew, while the old one lives on in a traceback
or in the model that it gave, and holds the lock. Nobody trains it any more where the thread that did is here, asking
for the run, or has ended.
"""

from __future__ import annotations

import os
import sys
import threading
from types import FrameType
from weakref import WeakKeyDictionary

from .live import LiveRun
from .report import warn

__all__ = ["close_abandoned", "note_thread"]

_threads: WeakKeyDictionary[LiveRun, threading.Thread] = WeakKeyDictionary()
"""Which thread has last resumed or trained a run."""


def note_thread(run: LiveRun) -> None:
    """Take notice that this thread works with a run."""
    _threads[run] = threading.current_thread()


def close_abandoned(path: str) -> None:
    """Close the runs in the folder ``path`` that this process had open and has left, and warn of it.

    Waits for the last checkpoint of each, and raises the error that it ended with.
    """
    for run, thread in list(_threads.items()):
        mine = thread is threading.current_thread() and not _is_learning(run)
        left = mine or not thread.is_alive()
        if run.is_open and left and os.path.realpath(run.path) == os.path.realpath(path):
            run.close()
            warn(
                f"{path}: expected a run that nobody has open, found that an earlier resume() of this process had it. "
                "That one was closed; this one goes on from its last checkpoint."
            )


def _is_learning(run: LiveRun) -> bool:
    """Whether this very thread is inside of the ``learn()`` of a run's model: a callback asks for the run."""
    frame: FrameType | None = sys._getframe()
    while run.model is not None and frame is not None:
        if frame.f_code.co_name == "learn" and frame.f_locals.get("self") is run.model:
            return True
        frame = frame.f_back
    return False
