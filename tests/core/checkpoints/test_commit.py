"""``commit.json``: what is written reads back, and what breaks a rule is refused by name."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from strongbox.checkpoints import POINTS, Commit, FileRecord
from strongbox.errors import FormatError, LimitError, StrongboxError, UnsupportedError
from strongbox.limits import Limits
from tests.draws import drawn

DIGEST = "0123456789abcdef" * 4
EXAMPLES = settings(max_examples=drawn(100), deadline=None, derandomize=True, database=None)
COMMIT = Commit(
    step=10_000,
    time=1764108062.5,
    point="rollout_start",
    files={"agent.zip": FileRecord(100, DIGEST), "replay.json": FileRecord(20, DIGEST)},
    metrics={"eval/mean_reward": -1.5},
    inexact={"environments[0]": "no handler knows it"},
    logs={"logs/progress.csv": 1234},
)

texts = some.text(max_size=20)
counts = some.integers(0, 2**63)
commits = some.builds(
    Commit,
    step=counts,
    time=some.floats(0, 1e12),
    point=some.sampled_from(POINTS),
    files=some.just(COMMIT.files),
    metrics=some.dictionaries(texts, some.floats(allow_nan=False), max_size=5),
    inexact=some.dictionaries(texts, texts, max_size=5),
    logs=some.dictionaries(texts, counts, max_size=5),
    writer=some.just(""),
)


def read(tmp_path: Path, content: bytes) -> Commit:
    path = tmp_path / "commit.json"
    path.write_bytes(content)
    return Commit.read(str(path))


@EXAMPLES
@given(commits)
def test_what_is_written_reads_back(tmp_path_factory: pytest.TempPathFactory, commit: Commit) -> None:
    found = read(tmp_path_factory.getbasetemp(), commit.to_bytes())
    assert found.writer.startswith("strongbox ")
    assert Commit(**{**vars(found), "writer": ""}) == commit


def test_it_is_made_for_people_to_read() -> None:
    lines = COMMIT.to_bytes().decode("ascii").splitlines()
    assert lines[1] == '    "format": "strongbox checkpoint",'
    assert '    "step": 10000,' in lines
    assert len(lines) == 12
    assert (COMMIT.exact, COMMIT.size) == (False, 120)


def test_a_metric_may_be_no_number(tmp_path: Path) -> None:
    commit = Commit(**{**vars(COMMIT), "metrics": {"a": math.nan, "b": math.inf}})
    found = read(tmp_path, commit.to_bytes()).metrics
    assert math.isnan(found["a"])
    assert found["b"] == math.inf


def test_what_a_later_minor_version_adds_is_left_alone(tmp_path: Path) -> None:
    content = {**json.loads(COMMIT.to_bytes()), "host": "elsewhere"}
    assert read(tmp_path, json.dumps(content).encode()).step == COMMIT.step


CASES: list[tuple[str, Any]] = [
    ("format", "strongbox run"),
    ("version", 0),
    ("version", "1"),
    ("version", True),
    ("step", -1),
    ("step", 1.5),
    ("step", True),
    ("step", None),
    ("time", -1.0),
    ("time", math.inf),
    ("time", "now"),
    ("point", "on_step"),
    ("point", None),
    ("metrics", []),
    ("metrics", {"a": "1"}),
    ("metrics", {"a": True}),
    ("inexact", {"a": 1}),
    ("inexact", None),
    ("logs", {"a": -1}),
    ("logs", {"a": 1.0}),
    ("writer", 1),
    ("files", {}),
    ("files", {"replay.json": {"size": 1, "sha256": DIGEST}}),
    ("files", {"agent.zip": {"size": 1, "sha256": DIGEST[1:]}}),
    ("files", {"agent.zip": {"size": 1, "sha256": DIGEST.upper()}}),
    ("files", {"agent.zip": {"size": -1, "sha256": DIGEST}}),
    ("files", {"agent.zip": {"size": 1}}),
    ("files", {"agent.zip": [1, DIGEST]}),
]
NAMES = ["../agent.zip", "/etc/passwd", "a/b", "", ".", "..", ".hidden", "commit.json", "a\0b", "-x", "a" * 101, "é"]


@pytest.mark.parametrize(("key", "value"), CASES)
def test_what_breaks_a_rule_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    content = json.dumps({**json.loads(COMMIT.to_bytes()), key: value}).encode()
    with pytest.raises(FormatError, match="expected") as raised:
        read(tmp_path, content)
    assert raised.value.path == str(tmp_path / "commit.json")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_could_lead_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    content = json.loads(COMMIT.to_bytes())
    content["files"][name] = {"size": 1, "sha256": DIGEST}
    with pytest.raises(FormatError, match="expected the plain name of a file"):
        read(tmp_path, json.dumps(content).encode())


@pytest.mark.parametrize("key", ["format", "version", "step", "time", "point", "metrics", "inexact", "logs", "files"])
def test_nothing_may_be_missing(tmp_path: Path, key: str) -> None:
    content = json.loads(COMMIT.to_bytes())
    del content[key]
    with pytest.raises(FormatError, match="expected"):
        read(tmp_path, json.dumps(content).encode())


def test_a_later_version_and_a_longer_file_are_refused(tmp_path: Path) -> None:
    content = COMMIT.to_bytes().replace(b'"version": 1', b'"version": 7')
    with pytest.raises(
        UnsupportedError, match=r"expected version 1 or earlier of the format, found 7\. Update Strongbox"
    ):
        read(tmp_path, content)
    path = tmp_path / "commit.json"
    with pytest.raises(LimitError, match="expected at most 100 bytes, found more"):
        Commit.read(str(path), limits=Limits(data_bytes=100))


@EXAMPLES
@given(some.integers(0, 2**32), some.binary(max_size=4))
def test_any_damage_gives_a_value_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, place: int, content: bytes
) -> None:
    whole = COMMIT.to_bytes()
    place %= len(whole)
    try:
        found = read(tmp_path_factory.getbasetemp(), whole[:place] + content + whole[place + len(content) :])
    except StrongboxError:
        return
    assert isinstance(found.step, int)
