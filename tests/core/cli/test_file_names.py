"""File names from a stranger's names: inside their folder, portable, and never twice."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.cli.file_names import FileNames
from tests.core.cli.archives import EXAMPLES

PORTABLE = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mlp_extractor.policy_net.0.weight", "mlp_extractor.policy_net.0.weight.npy"),
        ("../../etc/passwd", "_.._etc_passwd.npy"),
        ("/absolute", "_absolute.npy"),
        ("C:\\Windows", "C__Windows.npy"),
        ("..", "_.npy"),
        ("", "_.npy"),
        (".hidden", "hidden.npy"),
        ("nul", "_nul.npy"),
        ("COM1.weight", "_COM1.weight.npy"),
        ("a\x00b\nc", "a_b_c.npy"),
        ("größe", "gr__e.npy"),
        ("\ud800", "_.npy"),
    ],
)
def test_names(name: str, file: str) -> None:
    assert FileNames().add(name, ".npy") == file


def test_names_that_would_be_one_file_become_two() -> None:
    names = FileNames("tree.json")
    assert [names.add(name) for name in ("Weight", "weight", "WEIGHT", "a/b", "a_b", "TREE.json")] == [
        "Weight",
        "weight~2",
        "WEIGHT~3",
        "a_b",
        "a_b~2",
        "TREE.json~2",
    ]


def test_long_names_stay_apart() -> None:
    names = FileNames()
    first, second = names.add("x" * 5000 + "a", ".npy"), names.add("x" * 5000 + "b", ".npy")
    assert first != second
    assert max(len(first), len(second)) <= 100


def test_many_names_made_to_collide() -> None:
    names = FileNames()
    assert len({names.add(chr(0x4E00 + index)) for index in range(20_000)}) == 20_000


@EXAMPLES
@given(
    st.lists(
        st.text(st.characters(exclude_categories=())) | st.sampled_from(["A", "a", "a~2", "A~2", ".", "/"]), max_size=8
    )
)
def test_any_names_give_distinct_portable_files(given_names: list[str]) -> None:
    names = FileNames()
    files = [names.add(name, suffix) for name, suffix in zip(given_names, ["", ".npy"] * 4, strict=False)]
    assert len({file.lower() for file in files}) == len(files)
    for file in files:
        assert PORTABLE.fullmatch(file)
        assert not file.endswith(".")
        assert not DEVICES.fullmatch(file)
        assert len(file) <= 110
