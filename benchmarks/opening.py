"""Opening and inspecting: neither grows with the file."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy

import strongbox
from strongbox.archive import Contents, Exact, write_archive

from .measure import alternate, milliseconds, table

SIZES = (1, 32, 1024)
RUNS = 21


def run() -> str:
    """The table, as Markdown."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for mebibytes in SIZES:
            file = Path(name) / f"{mebibytes}.zip"
            _write(file, mebibytes)
            fetched = f"{_bytes_read(file) / 1e3:,.0f}"
            times = alternate({"look": partial(_look, file)}, RUNS)["look"]
            rows.append([f"{file.stat().st_size / 1e6:,.0f} MB", milliseconds(times), fetched])
            file.unlink()
    head = ["archive", "open, algorithm, data and every tensor's shape, ms", "kB read from the disk, file not cached"]
    return f"## Opening and inspecting\n\n{table(head, rows)}\n\n{RUNS} runs each."


def _write(file: Path, mebibytes: int) -> None:
    layers = {f"layer.{index}.weight": numpy.ones((mebibytes * 1024, 16), "float32") for index in range(16)}
    data = {name: Exact(value) for name, value in (("gae_lambda", 0.95), ("vf_coef", 0.5), ("verbose", 0))}
    write_archive(
        file,
        Contents(algorithm="stable_baselines3.a2c.a2c.A2C", data=data, parameters={"policy": layers}),
        durable=False,
    )


def _look(file: Path) -> int:
    with strongbox.open(file) as archive:
        _ = archive.algorithm, dict(archive.data), archive.opaque
        return sum(tensor.nbytes for name in archive.parameters for _, tensor in archive.parameters[name].tensors())


def _bytes_read(file: Path) -> int:
    """Bytes that the kernel fetched for one look in a fresh process, with the file dropped from its cache."""
    code = f"""
import os
from pathlib import Path
from benchmarks.opening import _look
def fetched():
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("read_bytes")).split()[1])
descriptor = os.open({str(file)!r}, os.O_RDONLY)
os.fsync(descriptor)
os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
before = fetched()
_look(Path({str(file)!r}))
print(fetched() - before)
"""
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], check=True, text=True, stdout=subprocess.PIPE
    )
    return int(finished.stdout)
