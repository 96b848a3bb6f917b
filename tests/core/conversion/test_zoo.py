"""The real archives: each converts, twice to the same bytes, and its schedules give what their own Python computed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from strongbox.archive import check_archive, open_archive
from strongbox.conversion import convert
from strongbox.values import ConstantSchedule, LinearSchedule
from tests.zoo import ZOO, requires_zoo

pytestmark = [requires_zoo, pytest.mark.zoo]

NAMES = sorted(path.stem for path in ZOO.glob("*.zip")) if ZOO.is_dir() else []
COMPUTED = json.loads((Path(__file__).resolve().parents[2] / "data" / "schedules" / "zoo.json").read_text())
"""By archive and attribute, at 0, 1/16, …, 1; made by tests/data/make_zoo_schedules.py."""


@pytest.mark.parametrize("name", NAMES)
def test_a_real_archive_becomes_one_of_today(name: str, tmp_path: Path) -> None:
    new, again = tmp_path / "new.zip", tmp_path / "again.zip"
    report = convert(ZOO / f"{name}.zip", new, durable=False)
    assert not report.left_out
    assert not report.opaque
    assert not report.approximate
    assert check_archive(new).clean
    with open_archive(new) as archive:
        globals = {
            node.module.partition(".")[0]
            for key in archive.data
            if (decoded := archive.data.decoded(key)) is not None
            for node in decoded.globals
        }
        assert globals <= {"numpy", "collections", "torch", "gymnasium", "stable_baselines3", "sb3_contrib"}
        assert (archive.normalization is not None) is (ZOO / f"{name}.vecnormalize.pkl").is_file()
        for key, values in COMPUTED.get(name, {}).items():
            schedule = archive.data[key]
            assert isinstance(schedule, ConstantSchedule | LinearSchedule)
            pairs = zip((schedule(point / 16) for point in range(17)), values, strict=True)
            assert all(math.isclose(found, value, rel_tol=1e-12, abs_tol=1e-18) for found, value in pairs), key
    second = convert(new, again, durable=False)
    assert second.changes == ()
    assert again.read_bytes() == new.read_bytes()


def test_the_learning_rate_of_every_archive_that_keeps_a_function_was_computed() -> None:
    with_function = set()
    for name in NAMES:
        with open_archive(ZOO / f"{name}.zip") as archive:
            if archive.data.pickle("learning_rate") is not None:
                with_function.add(name)
    assert {name for name, computed in COMPUTED.items() if "learning_rate" in computed} == with_function
    assert len(with_function) == 38
