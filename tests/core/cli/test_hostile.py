"""Whatever values stand under whatever names: an exit code, printable lines, and never an exception."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from strongbox.archive import open_archive
from strongbox.cli import main
from strongbox.cli.json_form import value_json
from tests.core.cli.archives import ARCHIVES, EXAMPLES, hostile_text, make_archive


def real_forms() -> dict[str, Any]:
    """Values of real agents in portable form, by their names."""
    forms: dict[str, Any] = {}
    for name in ("ppo", "sac", "her-sac", "ddpg", "ars"):
        with open_archive(ARCHIVES / f"{name}.zip") as archive:
            forms.update({key: value_json(archive.data[key]) for key in archive.data})
    return forms


FORMS = real_forms()

names = st.sampled_from([*FORMS, hostile_text]) | st.text(st.characters(exclude_categories=()), max_size=4)
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.just(hostile_text)
plain = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["r", "l", "$", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
typed = st.builds(lambda form: {":type:": "x", ":portable:": form}, st.sampled_from([*FORMS.values()]) | plain)


def run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = main(arguments)
    return code, out.getvalue()


@EXAMPLES
@given(st.dictionaries(names, typed | plain, max_size=6))
def test_any_values_under_any_names(data: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = str(make_archive(Path(folder) / "a.zip", data))
        commands = [["inspect", path], ["inspect", path, "--json"], ["check", path, "--verbose"]]
        commands += [["inspect", path, "--data", name] for name in data if not name.startswith("-")]
        for command in commands:
            code, text = run(*command)
            assert code in (0, 1, 2)
            assert all(line.isprintable() for line in text.split("\n"))
            if code == 0 and "--json" in command:
                json.loads(text, parse_constant=lambda name: 1 / 0)
        assert run("extract", path, "--to", f"{folder}/out")[0] in (0, 2)


@EXAMPLES
@given(st.data())
def test_a_damaged_file(data: st.DataObject) -> None:
    content = bytearray((ARCHIVES / "ppo.zip").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(len(content) // 2, len(content))) :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.zip"
        path.write_bytes(content)
        for command in (["inspect"], ["inspect", "--json"], ["check"]):
            code, text = run(*command, str(path))
            assert code in (0, 1, 2)
            assert all(line.isprintable() for line in text.split("\n"))
