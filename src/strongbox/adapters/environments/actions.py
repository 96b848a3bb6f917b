"""The actions of an episode, packed: arrays of one shape and dtype lie in one row of bytes.

An episode may have a million steps. An action of four float32 takes 16 bytes here, not the 130 of an array object.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy

from ...errors import CheckpointError
from .plain import NotPlain, copy_plain, revive

__all__ = ["MOST_ACTIONS", "ActionLog", "unpack_actions"]

MOST_ACTIONS = 4_000_000
"""Steps of one episode that are kept; a longer one is not replayed."""


class ActionLog:
    """Takes one action after the other."""

    def __init__(self) -> None:
        self.count = 0
        self.problem: str | None = None
        self._runs: list[tuple[str, Any, Any]] = []
        self._layout: Any = None

    def add(self, action: Any) -> None:
        """Keep a copy of an action; ``problem`` says why a replay is not possible any more."""
        self.count += 1
        if self.problem is not None:
            return
        if self.count > MOST_ACTIONS:
            self._give_up(f"an episode of more than {MOST_ACTIONS:,} steps is not replayed")
            return
        layout, content = self._pack(action)
        if layout != self._layout:
            self._layout = layout
            self._runs.append((layout[0], layout[1:], bytearray() if layout[0] != "values" else []))
        self._runs[-1][2].extend(content)

    def _pack(self, action: Any) -> tuple[Any, Any]:
        dtype = getattr(action, "dtype", None)
        if isinstance(dtype, numpy.dtype) and dtype.kind in "biufc" and dtype.isnative:
            if type(action) is numpy.ndarray and action.size:
                return ("array", dtype, action.shape), action.tobytes()
            if isinstance(action, numpy.generic):
                return ("scalar", dtype, ()), action.tobytes()
        try:
            return ("values",), [copy_plain(action)]
        except NotPlain as reason:
            self._give_up(f"an action was no plain data: {reason}")
            return ("values",), []

    def _give_up(self, problem: str) -> None:
        self.problem = problem
        self._runs.clear()

    def pack(self) -> list[dict[str, Any]]:
        """The actions as a tree with a portable form."""
        return [{"kind": kind, "rows": self._rows(kind, layout, content)} for kind, layout, content in self._runs]

    @staticmethod
    def _rows(kind: str, layout: Any, content: Any) -> Any:
        if kind == "values":
            return list(content)
        dtype, shape = layout
        row = numpy.dtype((dtype, shape)) if shape else dtype
        return numpy.frombuffer(bytes(content), row)


def unpack_actions(packed: Any) -> Iterator[Any]:
    """The actions in turn, each of the type it had; raises CheckpointError where they are not packed so."""
    if type(packed) is not list:
        raise CheckpointError(f"expected a list of actions, found {type(packed).__name__}.")
    for run in packed:
        kind, rows = (run.get("kind"), run.get("rows")) if type(run) is dict else (None, None)
        if kind == "values" and type(rows) is list:
            yield from (revive(action) for action in rows)
        elif kind == "array" and isinstance(rows, numpy.ndarray) and rows.ndim:
            yield from (numpy.array(row) for row in rows)
        elif kind == "scalar" and isinstance(rows, numpy.ndarray) and rows.ndim == 1:
            yield from rows
        else:
            raise CheckpointError("expected rows of actions, found others.")
