"""The blocks of the page on JAX that need it: the other blocks are run where all pages are."""

from __future__ import annotations

from pathlib import Path

import pytest

import strongbox
from tests.docs.pages import ROOT, read_blocks, run_python
from tests.docs.workplace import furnish
from tests.live.adapters.jax.agents import sbx

PAGE = ROOT / "docs" / "how-to" / "jax.md"
BLOCKS = [block for block in read_blocks(PAGE) if block.not_run is not None]


def test_its_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    furnish(tmp_path)
    monkeypatch.chdir(tmp_path)
    namespace = {"strongbox": strongbox}
    for block in BLOCKS:
        run_python(block, namespace)
    assert isinstance(namespace["model"], sbx.SAC)
    assert (tmp_path / "kept.zip").is_file()
