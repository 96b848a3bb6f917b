"""Clocks, peaks and tables.

Times are medians over alternating runs (A B C, A B C, …), so that a machine whose speed drifts treats
all alike. Peaks are the kernel's own high-water mark of resident memory, reset before the call.
"""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

__all__ = ["alternate", "machine", "milliseconds", "peak_growth", "ratio", "seconds", "table"]


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call, with what it returns freed outside of the measurement."""
    gc.collect()
    start = time.perf_counter()
    result = call()
    elapsed = time.perf_counter() - start
    del result
    return elapsed


def alternate(calls: Mapping[str, Callable[[], object]], runs: int, *, warmup: int = 1) -> dict[str, list[float]]:
    """Wall times of several calls, taken in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for run in range(warmup + runs):
        for name, call in calls.items():
            elapsed = seconds(call)
            if run >= warmup:
                times[name].append(elapsed)
    return times


def peak_growth(call: Callable[[], object]) -> int:
    """Bytes by which resident memory rose above its start during one call, at its highest (Linux)."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    result = call()
    peak = _status("VmHWM")
    del result
    return peak - before


def machine() -> str:
    """The machine in a line, for the head of a table."""
    model = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def milliseconds(times: Sequence[float]) -> str:
    """Median, least and largest, in milliseconds."""
    return f"{statistics.median(times) * 1e3:.1f} ({min(times) * 1e3:.1f}–{max(times) * 1e3:.1f})"


def ratio(times: Sequence[float], other: Sequence[float]) -> str:
    """How many times faster the first is than the second, by medians."""
    return f"{statistics.median(other) / statistics.median(times):.1f}"


def _status(name: str) -> int:
    line = next(line for line in _lines("/proc/self/status") if line.startswith(name))
    return int(line.split()[1]) * 1024


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
