"""A small PPO: saved and loaded, with and without fsync."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from stable_baselines3 import PPO

import strongbox

from .agents import small_agent
from .measure import alternate, milliseconds, ratio, table

RUNS = 51


def run() -> str:
    """The table, as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        folder, model = Path(name), small_agent()
        saves = alternate(
            {
                "SB3": partial(model.save, folder / "sb3.zip"),
                "Strongbox, durable=False": partial(strongbox.save, model, folder / "box.zip", durable=False),
                "Strongbox, with fsync": partial(strongbox.save, model, folder / "durable.zip"),
            },
            RUNS,
        )
        loads = alternate(
            {
                "SB3": partial(PPO.load, folder / "sb3.zip", device="cpu"),
                "Strongbox, SB3's file": partial(strongbox.load, folder / "sb3.zip", device="cpu"),
                "Strongbox, its own file": partial(strongbox.load, folder / "box.zip", device="cpu"),
            },
            RUNS,
        )
    rows = [
        [f"{job} {who}", milliseconds(times), ratio(times, of["SB3"])]
        for job, of in (("save:", saves), ("load:", loads))
        for who, times in of.items()
    ]
    head = ["a PPO of SB3's default size", "ms: median (least–largest)", "times faster than SB3"]
    return f"## Small agents\n\n{table(head, rows)}\n\n{RUNS} runs each, in turn."
