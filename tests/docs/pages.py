"""The pages of the documentation, taken apart into blocks and run.

A block of Python is run as it stands; all blocks of a page share one namespace, in order. A console block
holds commands behind ``$`` and what they print; each is run in a shell, and what it prints is compared
with what stands there, where something stands there. A line that is only ``…`` stands for any lines.

On the line above a block may stand why it is not run, or with which status its commands end::

    <!-- not run: it needs two hours -->
    <!-- exit status: 1 -->
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "Block", "Command", "find_pages", "read_blocks", "run_command", "run_python"]

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"(?P<indent> *)```(?P<language>\w*)$")
NOTE = re.compile(r"<!-- (?P<kind>not run|exit status): (?P<text>.+) -->$")
COLUMNS = 88
ANY_LINES = "…"


@dataclass(frozen=True)
class Block:
    """One fenced block: the number of its first line of content, from 1, and the notes above it."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None = None
    exit_status: int = 0

    def commands(self) -> list[Command]:
        """The commands of a console block, each with the output that stands below it."""
        commands: list[Command] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                commands.append(Command(line[2:], ()))
            else:
                assert commands, f"{self}: a console block begins with a command"
                commands[-1] = Command(commands[-1].line, (*commands[-1].output, line))
        return commands

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One line of a shell, and the lines that it is said to print."""

    line: str
    output: tuple[str, ...]

    def matches(self, printed: str) -> bool:
        """Whether what was printed is what stands in the page; nothing there matches anything."""
        if not self.output:
            return True
        lines = ("(?:.*\n)*" if line.strip() == ANY_LINES else re.escape(line.rstrip()) + "\n" for line in self.output)
        return re.fullmatch("".join(lines), "".join(f"{line.rstrip()}\n" for line in printed.splitlines())) is not None


def find_pages() -> list[Path]:
    """The README and every page below docs, in order."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def read_blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start, language = None, ""
    for number, line in enumerate(lines):
        fence = FENCE.match(line)
        if start is None and fence:
            start, language = number + 1, fence["language"]
        elif start is not None and fence:
            text = "\n".join(lines[start:number])
            yield Block(page, start + 1, language, text, **_notes(lines, start - 2))
            start = None
    assert start is None, f"{page}: a block is not closed"


def _notes(lines: list[str], above: int) -> dict[str, Any]:
    note = NOTE.match(lines[above].strip()) if above >= 0 else None
    if note is None:
        return {}
    return {"not_run": note["text"]} if note["kind"] == "not run" else {"exit_status": int(note["text"])}


def run_python(block: Block, namespace: dict[str, Any]) -> None:
    """Run a block so that an error names its line in the page."""
    padded = "\n" * (block.line - 1) + block.text
    exec(compile(padded, str(block.page), "exec"), namespace)


def run_command(command: Command, folder: Path) -> tuple[str, int]:
    """What a command prints in a folder, on a page as wide as the documentation, and its exit status."""
    beside_python = str(Path(sys.executable).parent)
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "PATH": f"{beside_python}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["/bin/sh", "-c", command.line],
        cwd=folder,
        env=environment,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.stdout, done.returncode
