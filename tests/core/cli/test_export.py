"""``strongbox export``: what is written acts, what it says is so, and the archive stays what it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy
import pytest

from strongbox.archive import open_archive
from strongbox.cli import main
from strongbox.policies import open_policy
from tests.core.cli.archives import ARCHIVES, PPO

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("suffix", [".npz", ".zip"])
def test_what_is_written_acts(suffix: str, tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / f"policy{suffix}"
    assert main(["export", str(PPO), "--to", str(file)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].startswith(f"exported  {file}, ")
    assert out.splitlines()[1:] == ["compared  no difference, over 257 observations beside the policy itself"]
    assert err == ""
    policy, again = open_policy(PPO), open_policy(file)
    observation = numpy.ones(policy.graph.inputs[0].value.shape, numpy.float32)
    numpy.testing.assert_array_equal(again.predict(observation)[0], policy.predict(observation)[0])


def test_as_data(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "policy.npz"
    assert main(["export", str(PPO), "--to", str(file), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["path"], said["kind"], said["size"]) == (str(file), "npz", file.stat().st_size)
    assert (said["largest_difference"], said["compared"]) == (0, 257)
    with open_archive(PPO) as archive:
        assert said["source_sha256"] == hashlib.sha256(archive.members.read("policy.pth")).hexdigest()


@pytest.mark.parametrize(
    ("options", "normalized"),
    [
        (["--normalize", str(ARCHIVES / "ppo-gsde-normalized.vecnormalize.pkl")], ("",)),
        (["--raw"], ()),
        ([], ()),
    ],
)
def test_statistics(options: list[str], normalized: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "policy.zip"
    assert main(["export", str(ARCHIVES / "ppo-gsde-normalized.zip"), "--to", str(file), *options]) == 0
    assert open_policy(file).spec.normalized == normalized


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ppo.zip", "--to", "policy.pt"], "expected a file that ends in .onnx, .npz or .zip, found 'policy.pt'."),
        (["ppo.zip", "--to", "ppo.zip"], "ppo.zip: expected another file than the one that the policy was read from"),
        (["ppo.zip", "--to", "a.npz", "--output", "mean"], "expected further outputs for .onnx alone"),
        (["own.zip", "--to", "a.npz"], "expected a features extractor of SB3, found class Extractor of __main__"),
        (["none.zip", "--to", "a.npz"], "none.zip: no such file."),
    ],
)
def test_what_is_refused_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(PPO, "ppo.zip")
    shutil.copy(ARCHIVES / "ppo-own-code.zip", "own.zip")
    before = sorted(tmp_path.iterdir())
    assert main(["export", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
