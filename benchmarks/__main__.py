"""``python -m benchmarks``: all tables, as Markdown; ``--write`` puts them into docs/benchmarks.md.

Every section runs in a process of its own, so that none inherits the memory of another.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from .measure import machine

SECTIONS = ("opening", "large", "small", "checking", "acting", "replay")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
MARK = "<!-- what follows is written by `make bench` -->"


def main() -> int:
    """Run the sections and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="which tables (all unless told)")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    options = parser.parse_args()
    pages = [f"Measured on: {machine()}."]
    print(pages[0], flush=True)
    for name in options.sections or SECTIONS:
        command = [sys.executable, "-W", "ignore", "-c", f"from benchmarks.{name} import run; print(run())"]
        finished = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
        pages.append(finished.stdout.strip())
        print(f"\n{pages[-1]}", flush=True)
    if options.write:
        head = PAGE.read_text(encoding="utf-8").split(MARK)[0].rstrip()
        PAGE.write_text("\n\n".join([head, MARK, *pages]) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
