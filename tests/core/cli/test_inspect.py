"""``strongbox inspect``: the page, the same as data, and single values.

The page of two archives stands in tests/data/golden. After a change that is meant, write them anew with
``STRONGBOX_WRITE_GOLDEN=1 pytest tests/core/cli/test_inspect.py`` and read the difference.
"""

from __future__ import annotations

import base64
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy
import pytest

from strongbox.archive import open_archive
from strongbox.cli import main
from strongbox.cli.full import full_lines
from strongbox.cli.json_form import value_json
from strongbox.values import from_portable, same
from tests.core.cli.archives import ARCHIVES, PPO, hostile_text, make_archive
from tests.zoo import ZOO, requires_zoo

Captured = pytest.CaptureFixture[str]

NAMES = sorted(path.stem for path in ARCHIVES.glob("*.zip"))
GOLDEN = ARCHIVES.parent / "golden"
WRITE_GOLDEN = os.environ.get("STRONGBOX_WRITE_GOLDEN") == "1"


def inspect(*arguments: str | Path) -> int:
    return main(["inspect", *map(str, arguments)])


# -- the page -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ppo", "ppo-own-code", "sac"])
def test_the_page(name: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ARCHIVES)
    assert inspect(f"{name}.zip", "--width=100") == 0
    page, golden = capsys.readouterr().out, GOLDEN / f"inspect-{name}.txt"
    if WRITE_GOLDEN:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(page, encoding="utf-8")
    assert page == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [60, 120])
@pytest.mark.parametrize("name", NAMES)
def test_every_page_fits_its_width(name: str, width: int, capsys: Captured) -> None:
    assert inspect(ARCHIVES / f"{name}.zip", f"--width={width}") == 0
    lines = capsys.readouterr().out.split("\n")[1:]
    assert [line for line in lines if len(line) > width] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_parameters_of_the_page_are_those_of_the_archive(name: str, capsys: Captured) -> None:
    inspect(ARCHIVES / f"{name}.zip")
    found = re.search(r"^Networks  ([\d,]+) parameters in all$", capsys.readouterr().out, re.MULTILINE)
    assert found
    with open_archive(ARCHIVES / f"{name}.zip") as archive:
        tensors = [tensor for _, tensor in archive.parameters["policy"].tensors()]
    distinct = {(id(tensor.storage), tensor.storage_offset, tensor.shape): tensor.count for tensor in tensors}
    assert int(found[1].replace(",", "")) == sum(distinct.values())


def test_several_pages(capsys: Captured) -> None:
    assert inspect(PPO, ARCHIVES / "sac.zip") == 0
    out = capsys.readouterr().out
    assert f"\n\n{ARCHIVES / 'sac.zip'}  " in out


def test_a_file_that_is_no_archive_does_not_hide_the_others(capsys: Captured) -> None:
    assert inspect("no-such.zip", PPO) == 2
    out, err = capsys.readouterr()
    assert err == "strongbox: no-such.zip: no such file.\n"
    assert f"{PPO}  " in out


def test_a_hostile_file_cannot_drive_the_terminal(tmp_path: Path, capsys: Captured) -> None:
    strange = {":type:": hostile_text, ":serialized:": hostile_text}
    data = {
        hostile_text: hostile_text,
        "\ud800": {"\ud801": strange},
        "x" + hostile_text: strange,
        "_" + hostile_text: 1,
    }
    info = f"- Python: {hostile_text}\n- {hostile_text}: 1\n".encode()
    path = make_archive(
        tmp_path / "a.zip", data, system_info__txt=info, _stable_baselines3_version=hostile_text.encode()
    )
    assert inspect(path) == 0
    assert inspect(path, "--json") == 0
    assert inspect(path, "--data", hostile_text) == 0
    out = capsys.readouterr().out
    assert "\\x1b[2J" in out
    assert [line for line in out.split("\n") if not line.isprintable()] == []


def test_a_page_has_an_end(tmp_path: Path, capsys: Captured) -> None:
    data = {f"{prefix}{index}": "x" * 200 for prefix in ("name", "_name") for index in range(2000)}
    assert inspect(make_archive(tmp_path / "a.zip", data)) == 0
    out = capsys.readouterr().out
    assert out.count("\n") < 1000
    assert out.count("and 1,800 more; --json has them all") == 2


@pytest.mark.parametrize(
    "numbers",
    [
        {"start": 0.0, "end": 1.0, "end_fraction": 1.0},
        {"start": -1.7e308, "end": 1.7e308},
        {"start": 1e-300, "end": 0.0, "end_fraction": 1e-300},
        {"start": 1.0, "end": 1.0},
    ],
)
def test_schedules_of_any_numbers(numbers: dict[str, float], tmp_path: Path, capsys: Captured) -> None:
    entry = {":type:": "x", ":portable:": {"$": "LinearSchedule", **numbers}}
    path = make_archive(tmp_path / "a.zip", {"lr_schedule": entry})
    assert inspect(path) == 0
    assert "lr_schedule" in capsys.readouterr().out
    assert inspect(path, "--json") == 0


def test_a_part_that_cannot_be_read_does_not_hide_the_rest(tmp_path: Path, capsys: Captured) -> None:
    broken = make_archive(tmp_path / "a.zip", {"gamma": 0.99}, policy__pth=b"nothing of torch", strongbox__json=b"{}")
    assert inspect(broken) == 2
    out = capsys.readouterr().out
    assert "Not readable\n" in out
    assert "policy.pth" in out
    assert "strongbox.json" in out
    assert re.search(r"^  gamma +0.99$", out, re.MULTILINE)
    assert inspect(broken, "--json") == 2
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 2


def test_what_is_not_there_is_not_shown(tmp_path: Path, capsys: Captured) -> None:
    assert inspect(make_archive(tmp_path / "a.zip", {})) == 0
    out = capsys.readouterr().out
    assert "unknown algorithm" in out
    assert not re.search(r"^(Spaces|Schedules|Hyperparameters|Networks|Optimizers|Normalization)", out, re.MULTILINE)


# -- the same as data -----------------------------------------------------------------------------

SHAPE: dict[str, Any] = {
    "path": (str, None),
    "size": int,
    "algorithm": (str, None),
    "algorithm_evidence": str,
    "environment": (str, None),
    "writer": str,
    "versions": {str: str},
    "spaces": {str: object},
    "schedules": {str: {"text": str, "value": object, "aliases": [str], "points": [(float, int, str)]}},
    "training": {
        "counters": {str: object},
        "episodes": int,
        "mean_return": (float, None),
        "mean_length": (float, None),
        "success_rate": (float, None),
        "started": (str, None),
    },
    "hyperparameters": {str: object},
    "state": {str: object},
    "parameters": int,
    "networks": [
        {
            "state_dict": str,
            "name": str,
            "parameters": int,
            "layers": [
                {
                    "name": str,
                    "kind": str,
                    "form": str,
                    "parameters": int,
                    "buffers": int,
                    "shared": int,
                    "shared_with": (str, None),
                    "dtype": str,
                    "tensors": {str: [int]},
                }
            ],
        }
    ],
    "variables": [object],
    "optimizers": [
        {
            "name": str,
            "kind": (str, None),
            "learning_rates": [(float, int)],
            "steps": (int, None),
            "tensors": int,
            "size": int,
        }
    ],
    "members": {str: int},
    "normalization": object,
    "opaque": {str: {"type": str, "reason": str}},
    "left_out": {str: str},
    "shared": {str: str},
    "missing": {str: str},
    "remarks": [str],
    "problems": [{"where": str, "problem": str, "hint": (str, None)}],
}
"""What the object of one file looks like; ``object`` stands for any JSON."""


def fits(value: Any, shape: Any) -> bool:
    if isinstance(shape, tuple):
        return any(fits(value, each) for each in shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(item, shape[0]) for item in value)
    if isinstance(shape, dict) and set(shape) <= {str}:
        return isinstance(value, dict) and all(fits(item, shape[str]) for item in value.values())
    if isinstance(shape, dict):
        return (
            isinstance(value, dict)
            and list(value) == list(shape)
            and all(fits(value[key], shape[key]) for key in shape)
        )
    return value is None if shape is None else isinstance(value, shape) and (shape is object or type(value) is shape)


def strictly(text: str) -> Any:
    """Parse JSON as the standard has it: without NaN and infinities."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"JSON has no {name}"))


@pytest.mark.parametrize("name", NAMES)
def test_json(name: str, capsys: Captured) -> None:
    assert inspect(ARCHIVES / f"{name}.zip", "--json") == 0
    (line,) = capsys.readouterr().out.splitlines()
    summary = strictly(line)
    assert [key for key in SHAPE if not fits(summary.get(key), SHAPE[key])] == []
    assert list(summary) == list(SHAPE)


def test_json_has_one_line_for_each_file(capsys: Captured) -> None:
    assert inspect(*ARCHIVES.glob("*.zip"), "--json") == 0
    paths = [strictly(line)["path"] for line in capsys.readouterr().out.splitlines()]
    assert paths == [str(path) for path in ARCHIVES.glob("*.zip")]


def test_numbers_that_json_does_not_know(tmp_path: Path, capsys: Captured) -> None:
    path = make_archive(tmp_path / "a.zip", {"a": float("nan"), "b": [float("inf"), {"c": -float("inf")}]})
    assert inspect(path, "--json") == 0
    assert strictly(capsys.readouterr().out)["hyperparameters"] == {"a": "NaN", "b": ["Infinity", {"c": "-Infinity"}]}


# -- one value ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_value_prints_in_full_and_as_json(name: str) -> None:
    with open_archive(ARCHIVES / f"{name}.zip") as archive:
        opaque = {key.partition("[")[0].partition(".")[0] for key in archive.opaque}
        for key, value in archive.data.items():
            assert list(full_lines(value, width=80))
            form = strictly(json.dumps(value_json(value)))
            assert key in opaque or same(from_portable(form), value)


def test_one_value(capsys: Captured) -> None:
    assert inspect(PPO, "--data", "action_space", "--json") == 0
    assert strictly(capsys.readouterr().out)["$"] == "Discrete"
    assert inspect(PPO, "--data", "gamma") == 0
    assert capsys.readouterr().out == "0.99\n"


def test_an_array_prints_every_digit(capsys: Captured) -> None:
    assert inspect(PPO, "--data", "_last_obs") == 0
    numbers = re.findall(r"-?\d+\.\d+", capsys.readouterr().out)
    with open_archive(PPO) as archive:
        assert numpy.array_equal(numpy.array(numbers, "float32"), archive.data["_last_obs"].ravel())


def test_a_large_array_prints_every_element(tmp_path: Path, capsys: Captured) -> None:
    content = base64.b64encode(numpy.arange(3000, dtype="<i8").tobytes()).decode()
    form = {"$": "array", "dtype": "int64", "shape": [3000], "base64": content}
    path = make_archive(tmp_path / "a.zip", {"weights": {":type:": "x", ":portable:": form}})
    assert inspect(path, "--data", "weights") == 0
    out = capsys.readouterr().out
    assert re.findall(r"\d+", out.split("\n", 1)[1]) == [str(index) for index in range(3000)]


@requires_zoo
def test_real_archives(capsys: Captured) -> None:
    files = sorted(ZOO.glob("*.zip"))
    assert inspect(*files) == 0
    assert "Not understood" not in capsys.readouterr().out
    assert inspect(*files, "--json") == 0
    summaries = [strictly(line) for line in capsys.readouterr().out.splitlines()]
    assert len(summaries) == 57
    assert all(summary["algorithm"] and not summary["opaque"] and not summary["problems"] for summary in summaries)
    assert all(optimizer["kind"] for summary in summaries for optimizer in summary["optimizers"])
