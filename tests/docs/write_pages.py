"""Write what commands print into the pages that show it: ``python -m tests.docs.write_pages``.

Blocks that show no output, and outputs with a line ``…`` in them, are left as they are.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from tests.docs.pages import ANY_LINES, Block, find_pages, read_blocks, run_command, run_python
from tests.docs.workplace import furnish

__all__ = ["main"]


def printed_text(block: Block, folder: Path) -> str:
    """A console block with what its commands print now."""
    lines = []
    for command in block.commands():
        output, _ = run_command(command, folder)
        shown = command.output
        if shown and not any(line.strip() == ANY_LINES for line in shown):
            shown = tuple(line.rstrip() for line in output.splitlines())
        lines += [f"$ {command.line}", *shown]
    return "\n".join(lines)


def write_page(page: Path) -> None:
    """Run a page in a folder of its own and put the outputs into it."""
    lines = page.read_text(encoding="utf-8").splitlines()
    namespace: dict[str, Any] = {"__name__": "__docs__"}
    shift = 0
    with tempfile.TemporaryDirectory() as folder:
        furnish(Path(folder))
        os.chdir(folder)
        for block in read_blocks(page):
            if block.not_run is None and block.language == "python":
                run_python(block, namespace)
            elif block.not_run is None and block.language == "console":
                new = printed_text(block, Path(folder)).splitlines()
                old = block.text.splitlines()
                start = block.line - 1 + shift
                lines[start : start + len(old)] = new
                shift += len(new) - len(old)
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Write all pages."""
    for page in find_pages():
        write_page(page)


if __name__ == "__main__":
    main()
