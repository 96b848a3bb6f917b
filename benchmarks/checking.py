"""The check of a folder of real archives, in one process; and the command as a whole process."""

from __future__ import annotations

import compileall
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import strongbox

from .agents import small_agent
from .measure import alternate, milliseconds, seconds, table

ZOO = Path(__file__).resolve().parents[2] / "shared" / "zoo"
RUNS = 7


def run() -> str:
    """The table, as Markdown."""
    # pip compiles what it installs; a checkout in development may have been kept from it.
    compileall.compile_dir(Path(strongbox.__file__).parent, quiet=1)
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "ppo.zip"
        small_agent().save(file)
        folder = ZOO if ZOO.is_dir() else Path(name)
        files = sorted(folder.glob("*.zip"))
        times = [seconds(lambda: [strongbox.check(each) for each in files]) for _ in range(RUNS)]
        command = [sys.executable, "-m", "strongbox", "inspect", str(file)]
        inspected = alternate({"inspect": lambda: subprocess.run(command, check=True, capture_output=True)}, RUNS)
        size = f"{file.stat().st_size / 1e3:.0f} kB"
    rate = len(files) / statistics.median(times)
    rows = [
        [f"check {len(files)} archives of the zoo, one process", milliseconds(times), f"{rate:,.0f} archives a second"],
        [f"`strongbox inspect` of {size}, whole process", milliseconds(inspected["inspect"]), ""],
    ]
    return (
        f"## Checking and the command\n\n{table(['job', 'ms: median (least–largest)', ''], rows)}\n\n{RUNS} runs each."
    )
