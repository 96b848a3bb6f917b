"""``strongbox checkpoints pack``: one checkpoint as a single zip."""

from __future__ import annotations

import argparse
import json
import sys

from ...checkpoints import pack
from ..progress import Progress
from ..terminal import Span, Terminal, size_text
from .listing import choose, read_run

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Pack one checkpoint and say what was written."""
    checkpoint = choose(read_run(arguments.run), arguments.step)
    replay = not arguments.without_replay and checkpoint.replay is not None
    total = checkpoint.commit.size + (checkpoint.replay_size if replay else 0)
    progress, done = Progress(Terminal(sys.stderr), max(total, 1), text=size_text), 0

    def tell(count: int) -> None:
        nonlocal done
        done += count
        progress.show(min(done, total), arguments.to)

    try:
        size = pack(checkpoint, arguments.to, replay=replay, tell=tell)
    finally:
        progress.clear()
    if arguments.json:
        form = {"path": arguments.to, "size": size, "step": checkpoint.step, "replay": replay}
        Terminal(sys.stdout).print(json.dumps(form))
        return 0
    what = f"with {len(checkpoint.segments):,} replay segments" if replay else "without replay"
    text = f"{arguments.to}, {size_text(size)}, step {checkpoint.step:,}, {what}"
    Terminal(sys.stdout).print([Span("packed  ", "good"), Span(text)])
    return 0
