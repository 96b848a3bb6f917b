"""A PPO of two wide layers: time and peak memory of saving and loading, at three sizes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from stable_baselines3 import PPO

import strongbox

from .agents import agent_bytes, fresh, large_agent
from .measure import alternate, milliseconds, peak_growth, ratio, table

WIDTHS = (1024, 2048, 4096)
RUNS = 7
SB3_LOADS = 3
"""SB3 initialises what it is about to overwrite: seconds for each load."""


def run() -> str:
    """The tables, as Markdown."""
    rows: list[list[str]] = []
    peaks: list[list[str]] = []
    with tempfile.TemporaryDirectory() as name:
        for width in WIDTHS:
            rows += _times(Path(name), width)
            peaks += _peaks(Path(name), width)
    head = ["agent", "job", "ms: median (least–largest)", "times faster than SB3"]
    memory = ["agent", "job", "peak over the start, times the agent"]
    return (
        f"## Large agents\n\n{table(head, rows)}\n\n{RUNS} runs each, in turn ({SB3_LOADS} of SB3's load). "
        '"New" saves where no file stands, "over" replaces one. torch.save writes the policy\'s tensors alone.\n\n'
        f"{table(memory, peaks)}"
    )


def _times(folder: Path, width: int) -> list[list[str]]:
    model = large_agent(width)
    name = f"2 × {width} ({agent_bytes(model) / 1e6:.0f} MB)"
    state = model.policy.state_dict()
    new = alternate(
        {
            "SB3": lambda: model.save(fresh(folder, "sb3.zip")),
            "Strongbox, durable=False": lambda: strongbox.save(model, fresh(folder, "box.zip"), durable=False),
            "Strongbox, with fsync": lambda: strongbox.save(model, fresh(folder, "durable.zip")),
            "torch.save": lambda: torch.save(state, fresh(folder, "policy.pth")),
        },
        RUNS,
    )
    over = alternate(
        {
            "SB3": partial(model.save, folder / "sb3.zip"),
            "Strongbox, durable=False": partial(strongbox.save, model, folder / "box.zip", durable=False),
        },
        RUNS,
    )
    loads = alternate({"SB3": partial(PPO.load, folder / "sb3.zip", device="cpu")}, SB3_LOADS, warmup=0)
    loads |= alternate(
        {
            "Strongbox, SB3's file": partial(strongbox.load, folder / "sb3.zip", device="cpu"),
            "Strongbox, its own file": partial(strongbox.load, folder / "box.zip", device="cpu"),
        },
        RUNS,
    )
    return [
        [name, f"{job} {who}", milliseconds(times), ratio(times, of["SB3"])]
        for job, of in (("save, new:", new), ("save, over:", over), ("load:", loads))
        for who, times in of.items()
    ]


def _peaks(folder: Path, width: int) -> list[list[str]]:
    """Each in a fresh process: memory that one job leaves behind would hide the next one's peak."""
    rows = []
    for job in ("save: SB3", "save: Strongbox", "load: SB3", "load: Strongbox"):
        code = f"from benchmarks.large import print_peak; print_peak({str(folder)!r}, {width}, {job!r})"
        finished = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, stdout=subprocess.PIPE)
        found = json.loads(finished.stdout)
        rows.append([f"2 × {width}", job, f"{found['peak'] / found['agent']:.2f}"])
    return rows


def print_peak(folder: str, width: int, job: str) -> None:
    """One job in this process: its peak and the agent's size, as JSON on standard output."""
    file = Path(folder) / "sb3.zip"
    saved = Path(folder) / "peak.zip"
    calls: dict[str, Any] = {
        "save: SB3": lambda model: model.save(saved),
        "save: Strongbox": lambda model: strongbox.save(model, saved),
        "load: SB3": lambda _: PPO.load(file, device="cpu"),
        "load: Strongbox": lambda _: strongbox.load(file, device="cpu"),
    }
    model = large_agent(width) if job.startswith("save") else None
    size = agent_bytes(model) if model is not None else sum(t.nbytes for t in _policy_tensors(file))
    small = large_agent(8)
    small.save(Path(folder) / "small.zip")
    PPO.load(Path(folder) / "small.zip", device="cpu")
    strongbox.load(Path(folder) / "small.zip", device="cpu")
    strongbox.save(small, Path(folder) / "small.zip")
    print(json.dumps({"peak": peak_growth(partial(calls[job], model)), "agent": size}))


def _policy_tensors(file: Path) -> list[Any]:
    return [tensor for _, tensor in strongbox.open(file).parameters["policy"].tensors()]
