"""``python -m benchmarks``: all tables, as Markdown; ``--write`` puts them into docs/benchmarks.md.

Where only some sections are asked for, the others stay on the page as they are: each says on which
machine it was measured.

Every section runs in a process of its own, so that none inherits the memory of another.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from .measure import machine

SECTIONS = ("opening", "large", "small", "checking", "acting", "checkpoints", "replay")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
MARK = "<!-- what follows is written by `make bench` -->"


def main() -> int:
    """Run the sections and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="which tables (all unless told)")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmarks.md")
    options = parser.parse_args()
    pages = []
    for name in options.sections or SECTIONS:
        command = [sys.executable, "-W", "ignore", "-c", f"from benchmarks.{name} import run; print(run())"]
        finished = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
        pages.append(f"{finished.stdout.strip()} Measured on: {machine()}.")
        print(f"\n{pages[-1]}", flush=True)
    if options.write:
        _write(pages)
    return 0


def _write(pages: list[str]) -> None:
    """Put sections in the place of those of the same heading, which are told by their first line."""
    head, _, written = PAGE.read_text(encoding="utf-8").partition(MARK)
    sections = {text.splitlines()[0]: f"## {text.strip()}" for text in written.split("## ")[1:]}
    sections.update({page.splitlines()[0].removeprefix("## "): page for page in pages})
    PAGE.write_text("\n\n".join([head.rstrip(), MARK, *sections.values()]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
