"""``strongbox checkpoints``: what each action prints, what it does, and how it ends.

The outputs of a run of five checkpoints stand in tests/data/golden/checkpoints.txt. After a change that is meant,
write them anew with ``STRONGBOX_WRITE_GOLDEN=1 pytest tests/core/cli/test_checkpoints.py`` and read the difference.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import strongbox._version
from strongbox.archive import check_archive, open_archive
from strongbox.checkpoints import RunFolder
from strongbox.cli import main
from strongbox.cli.checkpoints.parser import ACTIONS, duration
from strongbox.cli.checkpoints.verifying import verify
from tests.core.checkpoints.runs import BREAKS, add_segment, begin_run, files_of, replay_of, write
from tests.core.cli.archives import ARCHIVES, hostile_text

Captured = pytest.CaptureFixture[str]

GOLDEN = ARCHIVES.parent / "golden" / "checkpoints.txt"
WRITE_GOLDEN = os.environ.get("STRONGBOX_WRITE_GOLDEN") == "1"
BEGAN = 1764108062.0
"""2025-11-25 22:01:02 UTC."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five checkpoints, each of three segments at most; that of step 40,000 is not exact. Paths are relative to it."""
    folder = begin_run(tmp_path / "run")
    segments: list[str] = []
    for number in range(1, 6):
        segments = [*segments[-2:], add_segment(folder, bytes(1000 * number))]
        write(
            folder,
            10_000 * number,
            replay=replay_of(*segments),
            metrics={"eval/mean_reward": -((number - 3) ** 2) * 100.5, "rollout/ep_rew_mean": float(number)},
            inexact={"environments[0]: CarRacing-v3": "no handler knows its inner state"} if number == 4 else {},
            logs={"progress.csv": 1234},
            time=BEGAN + 100 * number,
        )
    held(folder).release()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "88")
    return Path("run")


def test_two_checkpoints_differ_by_what_was_learnt_between_them(run: Path, capsys: Captured) -> None:
    first = f"{run}/checkpoints/000000010000"
    assert main(["diff", first, str(run), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [os.path.dirname(said[name]) for name in ("first", "second")] == [
        os.path.abspath(first),
        os.path.join("run", "checkpoints", "000000050000"),
    ]
    assert said["learnt"]["rollout/ep_rew_mean"] == [1.0, 5.0]
    assert "eval/mean_reward" not in said["learnt"]  # the same at both
    assert main(["diff", first, first]) == 0
    assert main(["diff", str(run / "checkpoints"), first]) == 2


def held(folder: RunFolder) -> Any:
    assert folder._lock is not None
    return folder._lock


def checkpoints(*arguments: str | Path) -> int:
    return main(["checkpoints", *map(str, arguments)])


def path_of(step: int) -> Path:
    return Path("run") / "checkpoints" / f"{step:012d}"


def test_what_every_action_prints(run: Path, capsys: Captured) -> None:
    commands = (
        "list run",
        "show run",
        "show run --step 40000",
        "verify run",
        "prune run --last 1 --every 20000 --best 1 --dry-run",
        "prune run --last 1 --every 20000 --best 1",
        "list run --metric rollout/ep_rew_mean",
        "pack run --to packed.zip",
        "pack run --step 20000 --without-replay --to agent.zip",
    )
    shown = []
    for command in commands:
        assert checkpoints(*command.split()) == 0
        out, err = capsys.readouterr()
        assert err == ""
        shown.append(f"$ strongbox checkpoints {command}\n{out}")
    text = "\n".join(shown).replace(strongbox._version.__version__, "VERSION")
    if WRITE_GOLDEN:
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 88


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_help_with_examples(action: str, capsys: Captured) -> None:
    assert checkpoints(action, "--help") == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"usage: strongbox checkpoints {action} ")
    assert f"examples:\n  strongbox checkpoints {action} " in out
    assert "exit status" in out
    assert max(map(len, out.splitlines())) <= 100
    assert err == ""


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lists_fit_their_width(run: Path, width: int, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert checkpoints("list", run) == 0
    assert checkpoints("show", run) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= width


@pytest.mark.parametrize("action", ["list", "show", "verify", "prune --last 1", "pack --to x.zip"])
def test_what_is_no_run_is_one_line(action: str, tmp_path: Path, capsys: Captured) -> None:
    assert checkpoints(*action.split(), tmp_path) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("expected the folder of a run, with run.json in it, found a folder without one.\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize("breaks", BREAKS, ids=lambda breaks: breaks.__name__)
@pytest.mark.parametrize("action", ["list", "show", "verify", "prune --last 1", "pack --to x.zip", "inspect"])
def test_a_broken_run_file_is_one_line_that_says_what_to_do(
    action: str, breaks: Callable[[Path], object], run: Path, capsys: Captured
) -> None:
    breaks(run / "run.json")
    before = files_of(RunFolder(run))
    assert (main(["inspect", str(run)]) if action == "inspect" else checkpoints(*action.split(), run)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(
        r"run\.json.*: expected .*(move it out of the way: run\.resume|Update Strongbox: pip install)", err
    )
    assert err.count("\n") == 1
    assert files_of(RunFolder(run)) == before


def test_a_run_without_checkpoints(tmp_path: Path, capsys: Captured) -> None:
    begin_run(tmp_path)
    assert checkpoints("list", tmp_path) == 0
    assert "0 checkpoints" in capsys.readouterr().out
    assert checkpoints("verify", tmp_path) == 0
    assert capsys.readouterr().out == f"{tmp_path}: no checkpoints\n"
    assert checkpoints("show", tmp_path) == 2
    assert "expected a checkpoint, found none. The run has not committed one yet." in capsys.readouterr().err


@pytest.mark.parametrize("action", ["show", "verify", "pack --to x.zip"])
def test_a_step_that_is_not_there(run: Path, action: str, capsys: Captured) -> None:
    assert checkpoints(*action.split(), run, "--step", "123") == 2
    assert "expected a checkpoint of step 123, found 10,000, 20,000, 30,000, 40,000, 50,000." in capsys.readouterr().err


# -- the same as data -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_metric_that_no_checkpoint_has(run: Path, form: list[str], capsys: Captured) -> None:
    assert checkpoints("list", run, "--metric", "eval/mean_rewrd", *form) == 2
    assert "Did you mean 'eval/mean_reward'? There are: eval/mean_reward" in capsys.readouterr().err
    assert checkpoints("list", run, "--metric", "eval/mean_reward", *form) == 0


def test_a_list_as_data(run: Path, capsys: Captured) -> None:
    assert checkpoints("list", run, "--json") == 0
    form = json.loads(capsys.readouterr().out)
    assert list(form) == ["path", "algorithm", "environment", "created", "size", "checkpoints", "damaged"]
    assert [item["step"] for item in form["checkpoints"]] == [10_000, 20_000, 30_000, 40_000, 50_000]
    fourth = form["checkpoints"][3]
    assert fourth["inexact"] == {"environments[0]: CarRacing-v3": "no handler knows its inner state"}
    assert (fourth["exact"], fourth["replay_size"]) == (False, 9000)
    assert form["size"] == sum(item["size"] for item in form["checkpoints"]) + 15_000


def test_one_as_data(run: Path, capsys: Captured) -> None:
    assert checkpoints("show", run, "--step", "40000", "--json") == 0
    form = json.loads(capsys.readouterr().out)
    assert form["step"] == 40_000
    assert form["restores"] == ["policy", "data", "replay", "resume/counters"]
    assert form["logs"] == {"progress.csv": 1234}
    assert len(form["segments"]) == 3
    assert set(form["files"]) == {"agent.zip", "replay.json"}


def test_numbers_that_json_does_not_know(run: Path, capsys: Captured) -> None:
    folder = RunFolder(run)
    with folder.lock():
        write(folder, 60_000, metrics={"a": float("nan"), "b": float("-inf")})
    assert checkpoints("list", run, "--json") == 0
    assert json.loads(capsys.readouterr().out)["checkpoints"][-1]["metrics"] == {"a": "NaN", "b": "-Infinity"}
    assert checkpoints("list", run, "--metric", "a") == 0
    assert "nan" in capsys.readouterr().out


def test_decisions_as_data(run: Path, capsys: Captured) -> None:
    assert checkpoints("prune", run, "--last", "1", "--dry-run", "--json") == 0
    form = json.loads(capsys.readouterr().out)
    assert form["dry_run"] is True
    assert [(item["step"], item["kept"]) for item in form["checkpoints"]][-2:] == [(40_000, False), (50_000, True)]
    assert form["freed"] > 3000


# -- verify ---------------------------------------------------------------------------------------


def test_a_segment_that_was_changed(run: Path, capsys: Captured) -> None:
    (segment,) = {*segments(run, 10_000)}
    (run / "replay" / f"{segment}.segment").write_bytes(bytes(999))
    assert checkpoints("verify", run) == 2
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if "checkpoints/0" in line] == ["unreadable"] * 3 + ["clean"] * 2
    assert checkpoints("verify", run, "--step", "50000") == 0


def segments(run: Path, step: int) -> tuple[str, ...]:
    return next(checkpoint.segments for checkpoint in RunFolder(run).checkpoints() if checkpoint.step == step)


def test_a_segment_that_is_missing(run: Path, capsys: Captured) -> None:
    (run / "replay" / f"{segments(run, 50_000)[-1]}.segment").unlink()
    assert checkpoints("verify", run, "--json") == 2
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [report["exit_code"] for report in reports] == [0, 0, 0, 0, 2]
    (finding,) = reports[-1]["findings"]
    assert finding["message"] == "expected a regular file, found none."


def test_a_damaged_one_is_listed_and_fails_the_verification(run: Path, capsys: Captured) -> None:
    (path_of(30_000) / "commit.json").write_text("{}")
    assert checkpoints("list", run) == 1
    assert "damaged  run/checkpoints/000000030000/commit.json: expected an object with" in capsys.readouterr().out
    assert checkpoints("verify", run) == 2
    assert capsys.readouterr().out.startswith("unreadable  run/checkpoints/000000030000\n")
    assert checkpoints("list", run, "--json") == 1
    assert list(json.loads(capsys.readouterr().out)["damaged"]) == [str(path_of(30_000))]


def test_leftovers_are_no_findings(run: Path, capsys: Captured) -> None:
    shutil.copytree(path_of(50_000), run / "checkpoints" / ".strongbox-000000060000-0011223344556677.tmp")
    assert checkpoints("verify", run) == 0
    assert capsys.readouterr().out.count("clean") == 5


def test_the_progress_of_a_verification_is_shown_in_sizes(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    newest = RunFolder(run).newest()
    assert newest is not None
    assert verify(newest).clean
    assert re.search(r"[KiB\d. ]+/14\.7 KiB \|.*run/checkpoints/000000050000/replay\.json", screen.getvalue())
    assert screen.getvalue().endswith("\r\x1b[K")


# -- prune ----------------------------------------------------------------------------------------


def test_a_dry_run_changes_nothing_and_needs_no_lock(run: Path) -> None:
    before = files_of(RunFolder(run))
    with RunFolder(run).lock():
        assert checkpoints("prune", run, "--last", "1", "--dry-run") == 0
    assert files_of(RunFolder(run)) == before


def test_what_is_dropped_is_gone_with_its_segments(run: Path) -> None:
    kept = segments(run, 50_000)
    assert checkpoints("prune", run, "--last", "1") == 0
    assert os.listdir(run / "checkpoints") == ["000000050000"]
    assert set(os.listdir(run / "replay")) == {f"{name}.segment" for name in kept}
    assert checkpoints("verify", run) == 0


def test_a_run_that_is_being_written_is_not_pruned(run: Path, capsys: Captured) -> None:
    before = files_of(RunFolder(run))
    with RunFolder(run).lock():
        assert checkpoints("prune", run, "--last", "1") == 2
    assert f"found it held by process {os.getpid()} on " in capsys.readouterr().err
    assert files_of(RunFolder(run)) == before


def test_nothing_is_dropped_where_no_whole_one_would_stay(run: Path, capsys: Captured) -> None:
    (run / "replay" / f"{segments(run, 50_000)[-1]}.segment").unlink()
    before = files_of(RunFolder(run))
    assert checkpoints("prune", run, "--last", "1") == 2
    assert "found that all are damaged; nothing was dropped. See: strongbox checkpoints verify run" in (
        capsys.readouterr().err
    )
    assert files_of(RunFolder(run)) == before
    assert checkpoints("prune", run, "--last", "2") == 0, "the older of the two is whole"


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ((), "expected a rule that says what to keep, found none. For example --last 3"),
        (("--best", "1", "--metric", "eval/mean_rewrd"), "Did you mean 'eval/mean_reward'?"),
        (("--metric", "x"), "expected best with metric, found metric alone."),
        (("--last", "0"), "expected a whole number, 1 or more, found '0'"),
        (("--newer-than", "soon"), "expected a time such as 90m, 12h or 7d, found 'soon'"),
    ],
)
def test_rules_that_mean_nothing(run: Path, rules: tuple[str, ...], message: str, capsys: Captured) -> None:
    before = files_of(RunFolder(run))
    assert checkpoints("prune", run, *rules) == 2
    assert message in capsys.readouterr().err
    assert files_of(RunFolder(run)) == before


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("12h", 43_200), ("7d", 604_800), ("0", 0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "-1", "nan", "inf", "1e999d", "7w", "٣d d"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected a time such as"):
        duration(text)


# -- pack, and inspect ----------------------------------------------------------------------------


def test_a_packed_one_is_clean_and_holds_its_replay(run: Path, capsys: Captured) -> None:
    assert checkpoints("pack", run, "--to", "packed.zip", "--json") == 0
    form = json.loads(capsys.readouterr().out)
    assert form == {"path": "packed.zip", "size": os.path.getsize("packed.zip"), "step": 50_000, "replay": True}
    assert check_archive("packed.zip").findings == []
    with open_archive("packed.zip") as archive:
        assert archive.replay is not None
        assert set(archive.replay) == set(segments(run, 50_000))


def test_without_replay_it_is_the_agents_archive(run: Path) -> None:
    assert checkpoints("pack", run, "--step", "20000", "--without-replay", "--to", "agent.zip") == 0
    assert Path("agent.zip").read_bytes() == (path_of(20_000) / "agent.zip").read_bytes()


@pytest.mark.parametrize("target", ["run/checkpoints/000000020000/agent.zip", "run/new/deep.zip", "link.zip"])
def test_nothing_is_packed_into_a_run(run: Path, target: str, capsys: Captured) -> None:
    Path("link.zip").symlink_to("run/checkpoints/000000020000/agent.zip")
    before = files_of(RunFolder(run))
    assert checkpoints("pack", run, "--to", target) == 2
    assert "expected a target outside of every run, found one in the run" in capsys.readouterr().err
    assert files_of(RunFolder(run)) == before
    assert not Path("run/new").exists()


def test_a_packed_one_is_extracted_with_its_replay_as_it_lies_in_the_run(run: Path) -> None:
    checkpoints("pack", run, "--to", "packed.zip")
    assert main(["extract", "packed.zip", "--to", "unpacked"]) == 0
    index = json.loads(Path("unpacked/index.json").read_text())
    assert index["not_extracted"] == []
    assert json.loads(Path("unpacked/replay/replay.json").read_text()) == replay_of(*segments(run, 50_000))
    for name, file in index["replay"]["segments"].items():
        assert (Path("unpacked") / file).read_bytes() == (run / "replay" / f"{name}.segment").read_bytes()


def test_inspect_shows_a_run_and_its_newest_agent(run: Path, capsys: Captured) -> None:
    assert main(["inspect", str(run)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("run\n  5 checkpoints · ")
    assert "\nrun/checkpoints/000000050000/agent.zip  " in out
    assert "num_timesteps  50000" in out
    assert "Missing for an exact continuation" not in out


def test_inspect_of_a_run_as_data_and_one_value_of_it(run: Path, capsys: Captured) -> None:
    assert main(["inspect", str(run), "--json"]) == 0
    form = json.loads(capsys.readouterr().out)
    assert form["algorithm"] == "stable_baselines3.a2c.a2c.A2C"
    assert form["missing"] == {}
    assert len(form["run"]["checkpoints"]) == 5
    assert main(["inspect", str(run), "--data", "num_timesteps", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == 50_000


def test_inspect_names_what_is_not_exact(run: Path, capsys: Captured) -> None:
    assert main(["inspect", str(path_of(40_000) / "agent.zip"), "--json"]) == 0
    missing = json.loads(capsys.readouterr().out)["missing"]
    assert missing == {"environments[0]: CarRacing-v3": "no handler knows its inner state"}


def test_a_strangers_run_cannot_drive_the_terminal(tmp_path: Path, capsys: Captured) -> None:
    folder = begin_run(tmp_path)
    write(folder, 10, metrics={hostile_text: 1.0}, inexact={hostile_text: hostile_text}, logs={hostile_text: 1})
    for name in (hostile_text, f"nobody's {hostile_text}"):
        path = tmp_path / "run.json"
        path.write_text(path.read_text().replace("stable_baselines3.a2c.a2c.A2C", json.dumps(name)[1:-1]))
        for action in ("list", "show", "verify", "prune --last 1 --dry-run"):
            checkpoints(*action.split(), tmp_path)
        checkpoints("list", tmp_path, "--metric", hostile_text)
        main(["inspect", str(tmp_path)])
    out, err = capsys.readouterr()
    assert err == ""
    assert all(line.isprintable() for line in out.splitlines())
