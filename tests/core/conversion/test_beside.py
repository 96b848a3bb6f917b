"""Statistics of VecNormalize that lie beside an agent: where they are found, and when they are another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongbox.archive import open_archive, open_normalization
from strongbox.conversion import ConvertReport, convert
from strongbox.errors import StrongboxError
from tests.core.conversion.archives import ARCHIVES

AGENT = (ARCHIVES / "ppo-gsde-normalized.zip").read_bytes()
STATISTICS = (ARCHIVES / "ppo-gsde-normalized.vecnormalize.pkl").read_bytes()
OTHER = (ARCHIVES / "cartpole.zip").read_bytes()
EXPECTED = open_normalization(STATISTICS)


def place(folder: Path, agent: str, *files: str, content: bytes = STATISTICS, archive: bytes = AGENT) -> ConvertReport:
    """Convert an agent beside which files lie."""
    for name, part in ((agent, archive), *((file, content) for file in files)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(part)
    return convert(folder / agent, folder / "new.zip")


def brought_in(report: ConvertReport) -> list[str]:
    return [change.change for change in report.changes if change.subject == "normalization"]


@pytest.mark.parametrize(
    ("agent", "files"),
    [
        ("a.zip", ("a.vecnormalize.pkl",)),
        ("Pendulum-v1.zip", ("Pendulum-v1/vecnormalize.pkl",)),
        ("best_model.zip", ("Pendulum-v1/vecnormalize.pkl",)),
        ("rl_model_1000_steps.zip", ("Pendulum-v1/vecnormalize.pkl",)),
        ("rl_model_1000_steps.zip", ("rl_model_vecnormalize_1000_steps.pkl",)),
        ("a.zip", ("vecnormalize.pkl",)),
        ("a.zip", ("vec_normalize.pkl",)),
        ("a.b", ("a.b.vecnormalize.pkl",)),
    ],
)
def test_statistics_are_found_where_programs_put_them(agent: str, files: tuple[str, ...], tmp_path: Path) -> None:
    report = place(tmp_path, agent, *files)
    assert brought_in(report) == [f"brought in from {Path(files[0]).name}"]
    with open_archive(tmp_path / "new.zip") as archive:
        assert archive.normalization == EXPECTED
    assert convert(tmp_path / "new.zip", tmp_path / "again.zip").changes == ()
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "new.zip").read_bytes()


@pytest.mark.parametrize(
    ("agent", "files"),
    [
        ("a.zip", ("b.vecnormalize.pkl",)),
        ("a.zip", ("Pendulum-v1/vecnormalize.pkl",)),
        ("best_model.zip", ("Pendulum-v1/vecnormalize.pkl", "Pendulum-v0/vecnormalize.pkl")),
        ("rl_model_1000_steps.zip", ("rl_model_vecnormalize_2000_steps.pkl",)),
    ],
)
def test_files_that_may_be_anothers_are_left_alone(agent: str, files: tuple[str, ...], tmp_path: Path) -> None:
    assert brought_in(place(tmp_path, agent, *files)) == []


def test_statistics_of_other_observations_are_passed_over_by_name(tmp_path: Path) -> None:
    report = place(tmp_path, "a.zip", "a.vecnormalize.pkl", archive=OTHER)
    assert brought_in(report) == []
    assert "other observations" in report.left_out["a.vecnormalize.pkl"]


def test_what_is_no_vecnormalize_is_passed_over_by_name(tmp_path: Path) -> None:
    report = place(tmp_path, "a.zip", "a.vecnormalize.pkl", content=b"cos\nsystem\n.")
    assert brought_in(report) == []
    assert "a.vecnormalize.pkl" in report.left_out


def test_the_archives_own_statistics_come_first(tmp_path: Path) -> None:
    place(tmp_path, "a.zip", "a.vecnormalize.pkl")
    (tmp_path / "new.vecnormalize.pkl").write_bytes(b"not even read")
    report = convert(tmp_path / "new.zip", tmp_path / "again.zip")
    assert report.changes == ()
    assert report.left_out == {}


def test_the_caller_may_name_statistics_or_none(tmp_path: Path) -> None:
    place(tmp_path, "a.zip", "elsewhere.pkl")
    convert(tmp_path / "a.zip", tmp_path / "named.zip", normalization=tmp_path / "elsewhere.pkl")
    assert convert(tmp_path / "named.zip", tmp_path / "given.zip", normalization=EXPECTED).changes == ()
    report = convert(tmp_path / "named.zip", tmp_path / "without.zip", normalization=None)
    assert brought_in(report) == ["left out"]
    found = {}
    for name in ("named", "given", "without"):
        with open_archive(tmp_path / f"{name}.zip") as archive:
            found[name] = archive.normalization
    assert found == {"named": EXPECTED, "given": EXPECTED, "without": None}
    with pytest.raises(StrongboxError):
        convert(tmp_path / "a.zip", tmp_path / "never.zip", normalization=tmp_path / "a.zip")
    assert not (tmp_path / "never.zip").exists()
