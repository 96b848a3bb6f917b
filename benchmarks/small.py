"""A small PPO: saved and loaded, with and without fsync, as it is and with what learning changes in its data."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy
from stable_baselines3 import PPO

import strongbox
from strongbox.adapters.capture import hold_agent

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
                "SB3, after learning": partial(_learn_and, model.save, model, folder / "sb3.zip"),
                "Strongbox, after learning, durable=False": partial(
                    _learn_and, partial(strongbox.save, model, durable=False), model, folder / "box.zip"
                ),
                "Strongbox, only holding the agent": partial(hold_agent, model),
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
    return (
        f"## Small agents\n\n{table(head, rows)}\n\n{RUNS} runs each, in turn. "
        '"After learning" saves with counters, observation and episodes that no earlier save has seen; what does '
        "not change is turned into text once. Holding is what a training waits for where another thread writes."
    )


def _learn_and(save: Any, model: PPO, file: Path) -> None:
    """Change what a rollout changes in the data of an agent, and save it."""
    model.num_timesteps += 2048
    model._n_updates += 10
    model._last_obs = numpy.asarray(model._last_obs) + numpy.float32(1)
    for episode in model.ep_info_buffer or ():
        episode["t"] += 1.0
    save(file)
