"""The command line as a whole: help, errors in one line, exit codes, streams that end early."""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import strongbox._version
from strongbox.cli import build_parser, main
from strongbox.cli.parser import COMMANDS
from tests.core.cli.archives import PPO, hostile_text, make_archive

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_every_command_has_help_with_examples(command: list[str], capsys: Captured) -> None:
    assert main([*command, "--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: strongbox")
    assert "examples:\n  " in out
    assert err == ""


def test_the_examples_of_the_help_are_understood() -> None:
    parser = build_parser()
    for line in all_help(parser).splitlines():
        if line.startswith("  strongbox ") and "COMMAND" not in line:
            words = line.split("|")[0].split(">")[0].split()[1:]
            assert parser.parse_args(words).command == words[0]


def all_help(parser: argparse.ArgumentParser) -> str:
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return "\n".join([parser.format_help(), *(command.format_help() for command in commands.choices.values())])


def test_version(capsys: Captured) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"strongbox {strongbox._version.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspct", "a.zip"], "strongbox: expected a command, found 'inspct'. Did you mean 'inspect'?"),
        (["xyzzy"], f"strongbox: expected a command, found 'xyzzy'. Commands are: {', '.join(COMMANDS)}."),
        (["checkpoints", "lsit", "run"], "strongbox: expected an action, found 'lsit'. Did you mean 'list'?"),
        (
            ["checkpoints", "xyzzy"],
            "strongbox: expected an action, found 'xyzzy'. Actions are: list, show, verify, prune, pack.",
        ),
        ([], "strongbox: the following arguments are required: COMMAND. See: strongbox --help"),
        (["inspect"], "strongbox: the following arguments are required: FILE. See: strongbox inspect --help"),
        (["inspect", "a.zip", "--jason"], "strongbox: unrecognized arguments: --jason. See: strongbox --help"),
        (["extract", "a.zip"], "strongbox: the following arguments are required: --to. See: strongbox extract --help"),
        (["inspect", "no-such.zip"], "strongbox: no-such.zip: no such file."),
    ],
)
def test_errors_are_one_line(arguments: list[str], message: str, capsys: Captured) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == message
    assert err.count("\n") == 1


def test_an_unknown_option_cannot_drive_the_terminal(capsys: Captured) -> None:
    assert main(["inspect", "a", f"--{hostile_text}"]) == 2
    assert capsys.readouterr().err.removesuffix("\n").isprintable()


def test_an_unknown_name_of_data_suggests_the_nearest(capsys: Captured) -> None:
    assert main(["inspect", str(PPO), "--data", "observation_spice"]) == 2
    assert "found 'observation_spice'. Did you mean 'observation_space'?" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0", "-3", "wide", "1e3", "²"])
def test_a_width_is_a_positive_number(text: str, capsys: Captured) -> None:
    assert main(["inspect", str(PPO), f"--width={text}"]) == 2
    assert "expected a number of columns" in capsys.readouterr().err


class Impatient(io.StringIO):
    """A stream whose reader presses Ctrl-C."""

    def write(self, text: str) -> int:
        raise KeyboardInterrupt


def test_an_interrupted_command(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr(sys, "stdout", Impatient())
    assert main(["inspect", str(PPO)]) == 130
    assert capsys.readouterr().err == "strongbox: interrupted.\n"


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    program = [sys.executable, "-m", "strongbox", *arguments]
    return subprocess.run(program, capture_output=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


def test_as_a_module() -> None:
    done = run("check", str(PPO), "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["verdict"] == "clean"
    assert done.stderr == b""


def test_a_reader_that_stops_early() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        program = [sys.executable, "-m", "strongbox", "inspect", str(PPO)]
        done = subprocess.run(program, stdout=write, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(write)
    assert done.returncode == 141
    assert done.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device here that is always full")
@pytest.mark.parametrize("command", [["inspect", str(PPO)], ["check", "--json", str(PPO)], ["completion", "bash"]])
def test_a_full_disk(command: list[str]) -> None:
    program = [sys.executable, "-m", "strongbox", *command]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert done.stderr == b"strongbox: the output cannot be written: No space left on device.\n"


def test_a_path_without_a_name(capsys: Captured) -> None:
    for command in ("inspect", "check"):
        assert main([command, ""]) == 2
    out, err = capsys.readouterr()
    assert "expected a file, found a folder" in out
    assert "expected a file, found a folder" in err


def test_a_stream_of_plain_ascii(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "a.zip", {"größe": "箱", "lr": 1})
    done = run("inspect", str(archive), env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert b"gr\\xf6\\xdfe" in done.stdout


def test_no_module_of_a_framework_is_loaded() -> None:
    program = "import sys; from strongbox.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", program, "inspect", str(PPO)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert not loaded & {"torch", "gymnasium", "gym", "stable_baselines3", "sb3_contrib", "cloudpickle", "pytest"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_every_command_and_option(shell: str, capsys: Captured) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in (*COMMANDS, "json", "data", "width", "quiet", "verbose", "force", "raw"))


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("extract --f", "--force"),
        ("checkpoints pr", "prune"),
        ("checkpoints prune --dr", "--dry-run"),
        ("checkpoints prune runs/pendulum --l", "--last"),
        ("chec", "check checkpoints"),
    ],
)
def test_the_script_for_bash_runs(words: str, completed: str, capsys: Captured) -> None:
    main(["completion", "bash"])
    script = capsys.readouterr().out
    script += f'COMP_WORDS=(strongbox {words}); COMP_CWORD={len(words.split())}; _strongbox; echo "${{COMPREPLY[*]}}"'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{completed}\n", "")
