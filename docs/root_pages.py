"""Pages of the site that live in the project's root, so that nothing is written twice.

The README becomes the home page, the changelog and the guide for contributors pages of their own; their
links are turned to where the pages are on the site. mkdocs calls :func:`on_files` (see mkdocs.yml).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

__all__ = ["on_files"]

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"README.md": "index.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
LINK = re.compile(r"\[([^\]]*)\]\(([^)#:\s]+)(#[^)]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the root's pages to the site."""
    for source, page in PAGES.items():
        content = LINK.sub(turn_link, (ROOT / source).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=content))
    return files


def turn_link(link: re.Match[str]) -> str:
    """A link to a page of the site, turned to where it is there; of a link to any other file, its text."""
    text, target, anchor = link[1], link[2], link[3] or ""
    if target in PAGES:
        return f"[{text}]({PAGES[target]}{anchor})"
    return f"[{text}]({target.removeprefix('docs/')}{anchor})" if target.startswith("docs/") else text
