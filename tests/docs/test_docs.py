"""Everything that the documentation shows is run: its Python, its commands, and what these print."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

import strongbox
from strongbox.cli.parser import COMMANDS
from strongbox.pickles import decode
from strongbox.pickles.handlers import HANDLERS
from strongbox.values import from_portable, same, to_value
from tests.docs.pages import ROOT, Block, Command, find_pages, read_blocks, run_command, run_python
from tests.docs.workplace import furnish

PAGES = find_pages()
DATA_LANGUAGES = {"", "json", "text", "bash", "js"}
"""Blocks that are not run: drawings, data, and commands of other programs."""


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    furnish(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_does_what_it_says(page: Path, workplace: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__docs__"}
    for block in read_blocks(page):
        if block.not_run is not None:
            continue
        if block.language == "python":
            run_python(block, namespace)
        elif block.language == "console":
            check_commands(block, workplace)
        else:
            assert block.language in DATA_LANGUAGES, f"{block}: nobody knows how to run this"


def check_commands(block: Block, workplace: Path) -> None:
    for command in block.commands():
        printed, status = run_command(command, workplace)
        assert status == block.exit_status, f"{block}: $ {command.line}\n{printed}"
        assert command.matches(printed), f"{block}: $ {command.line}\nprints\n{printed}"


def test_json_is_json_and_its_pickles_say_what_stands_beside_them() -> None:
    blocks = [block for page in PAGES for block in read_blocks(page) if block.language == "json"]
    values = [value for block in blocks for value in json.loads(block.text).values()]
    entries = [value for value in values if isinstance(value, dict) and ":serialized:" in value]
    for entry in entries:
        pickled = to_value(decode(base64.b64decode(entry[":serialized:"], validate=True)))
        assert same(pickled, from_portable(entry[":portable:"]))
    assert entries


def test_few_blocks_are_not_run() -> None:
    blocks = [block for page in PAGES for block in read_blocks(page)]
    runnable = [block for block in blocks if block.language in {"python", "console"}]
    assert len(runnable) > 20
    elsewhere = [block for block in runnable if block.not_run is not None]
    assert [block for block in elsewhere if "make test-sbx runs it" not in str(block.not_run)] == []
    assert {block.page.name for block in elsewhere} <= {"jax.md"}  # whose blocks tests/live/adapters/jax runs


def test_every_command_is_documented_with_its_help() -> None:
    page = ROOT / "docs" / "commands.md"
    headings = re.findall(r"^## strongbox (\w+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    shown = {command.line for block in read_blocks(page) if block.language == "console" for command in block.commands()}
    assert headings == list(COMMANDS)
    assert {f"strongbox {name} --help" for name in COMMANDS} | {"strongbox --help"} <= shown


def test_every_public_name_is_documented() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in strongbox.__all__ if not re.search(rf"\b{name}\b", text)] == []


def test_the_format_lists_the_opcodes_that_are_obeyed() -> None:
    text = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    listed = re.search(r"<!-- opcodes -->\n(.*?)\n\n", text, re.DOTALL)
    assert listed is not None
    assert set(re.findall(r"`(\w+)`", listed[1])) == {opcode.name for opcode in HANDLERS} | {"PROTO", "STOP"}


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ((), "anything\n", True),
        (("one", "two"), "one\ntwo\n", True),
        (("one",), "one   \n", True),
        (("one",), "one\ntwo\n", False),
        (("one", "…"), "one\ntwo\nthree\n", True),
        (("…", "three"), "one\ntwo\nthree\n", True),
        (("…", "four"), "one\ntwo\nthree\n", False),
        (("a+",), "aa\n", False),
    ],
)
def test_outputs_are_compared(shown: tuple[str, ...], printed: str, expected: bool) -> None:
    assert Command("program", shown).matches(printed) is expected


def test_blocks_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# T\n\n```python\nx = 1\n\ny = 2\n```\n<!-- not run: slow -->\n```console\n$ a\nb\n$ c\n```\n")
    python, console = read_blocks(page)
    assert (python.language, python.text, python.line, python.not_run) == ("python", "x = 1\n\ny = 2", 4, None)
    assert (console.not_run, console.commands()) == ("slow", [Command("a", ("b",)), Command("c", ())])
