"""``--limit``: every bound of the reader, for every command that reads an archive."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from strongbox.cli import main
from strongbox.cli.limits import read_limits
from strongbox.cli.parser import build_parser
from strongbox.limits import DEFAULT_LIMITS, Limits, how_to_raise

ARCHIVES = Path(__file__).resolve().parents[2] / "data"
SBX = str(ARCHIVES / "sbx" / "dqn.zip")


def limits(*options: str) -> Limits:
    return read_limits(build_parser().parse_args(["inspect", "a.zip", *options]))


def test_without_it_limits_are_the_defaults() -> None:
    assert limits() == DEFAULT_LIMITS


@pytest.mark.parametrize("name", [item.name for item in fields(Limits)])
def test_every_limit_is_an_option(name: str) -> None:
    assert getattr(limits("--limit", f"{name}=7"), name) == 7


def test_sizes_may_be_short() -> None:
    found = limits("--limit", "data_bytes=2K", "--limit", "pickle_bytes=3M", "--limit", "inflated_bytes=4G")
    assert (found.data_bytes, found.pickle_bytes, found.inflated_bytes) == (2 << 10, 3 << 20, 4 << 30)


@pytest.mark.parametrize("text", ["bytes=7", "data_bytes", "data_bytes=", "data_bytes=-1", "data_bytes=1T", "depth=１"])
def test_what_is_no_limit(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "a.zip", "--limit", text]) == 2
    assert "expected " in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["inspect", SBX],
        ["check", SBX],
        ["diff", SBX, SBX],
        ["extract", SBX, "--to", "out"],
        ["convert", SBX, "--to", "out"],
        ["export", SBX, "--to", "out.npz"],
        ["play", SBX],
    ],
)
def test_commands_keep_it_and_say_how_to_raise_it(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--limit", "data_bytes=1000"]) == 2
    captured = capsys.readouterr()
    said = " ".join((captured.out + captured.err).split())
    assert "--limit data_bytes=... on the command line" in said
    assert "limits=Limits(data_bytes=...)" in said


def test_a_pickle_that_is_too_long_names_its_limit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", SBX, "--limit", "pickle_bytes=20K"]) == 2
    assert "--limit pickle_bytes=..." in " ".join(capsys.readouterr().out.split())


def test_the_hint_of_several() -> None:
    assert how_to_raise("depth", "nodes") == (
        "Where the file is trusted, raise it: limits=Limits(depth=..., nodes=...), "
        "or --limit depth=... --limit nodes=... on the command line."
    )
