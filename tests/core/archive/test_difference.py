"""Differences: everything that is not alike is told, nothing else is, and memory does not grow with the files."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongbox.archive import Contents, Exact, Typed, open_archive, write_archive
from strongbox.archive.difference import ABSENT, compare_archives
from strongbox.errors import FormatError
from strongbox.values import Normalization, Opaque, RunningStatistics
from tests.draws import drawn

ARCHIVES = sorted((Path(__file__).resolve().parents[2] / "data" / "archives").glob("*.zip"))
WEIGHT = numpy.arange(1, 13, dtype="float32").reshape(3, 4)


def archive(**changes: Any) -> bytes:
    parts: dict[str, Any] = {
        "algorithm": "stable_baselines3.a2c.a2c.A2C",
        "data": {"gae_lambda": Exact(0.95), "n_steps": Exact(5)},
        "parameters": {
            "policy": {"weight": WEIGHT, "bias": numpy.zeros(3, "float32")},
            "policy.optimizer": {"state": {}, "param_groups": [{"lr": 0.1, "params": [0, 1]}]},
        },
    }
    file = io.BytesIO()
    write_archive(file, Contents(**{**parts, **changes}))
    return file.getvalue()


@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: path.stem)
def test_an_archive_is_equal_to_itself(path: Path) -> None:
    found = compare_archives(path, path)
    assert found.equal
    with open_archive(path) as opened:
        assert found.equal_data == len(opened.data)
        trees = [*opened.parameters.values(), *([opened.variables] if opened.variables is not None else [])]
        assert found.equal_tensors == sum(len(list(tree.tensors())) for tree in trees)
    assert "the same agent" in str(found)


@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: path.stem)
def test_different_agents_differ_both_ways(path: Path) -> None:
    other = next(each for each in ARCHIVES if each != path)
    there, back = compare_archives(path, other), compare_archives(other, path)
    assert not there.equal
    assert not back.equal
    assert {each.name for each in there.tensors} == {each.name for each in back.tensors}
    assert there.data.keys() == back.data.keys()
    absent = [tuple(value is ABSENT for value in pair) for pair in there.data.values()]
    assert absent == [tuple(value is ABSENT for value in reversed(back.data[name])) for name in there.data]


def test_a_tensor_that_moved() -> None:
    moved = WEIGHT.copy()
    moved[0, 0] += 3.0
    found = compare_archives(
        archive(), archive(parameters={"policy": {"weight": moved, "bias": numpy.zeros(3, "float32")}})
    )
    (tensor,) = found.tensors
    assert (tensor.state_dict, tensor.name, tensor.differing, tensor.change) == ("policy", "weight", 1, 3.0)
    norm = float(numpy.linalg.norm(WEIGHT.astype("float64")))
    assert tensor.norms is not None
    assert tensor.norms == pytest.approx((norm, float(numpy.linalg.norm(moved.astype("float64")))), rel=1e-15)
    assert tensor.relative == pytest.approx(3 / norm)
    cosine = float(WEIGHT.reshape(-1) @ moved.reshape(-1)) / (tensor.norms[0] * tensor.norms[1])
    assert tensor.cosine == pytest.approx(cosine)
    assert found.settings == {
        "policy.optimizer.param_groups.0.lr": (0.1, ABSENT),
        "policy.optimizer.param_groups.0.params": ([0, 1], ABSENT),
    }
    assert found.equal_tensors == 1


@pytest.mark.parametrize(
    "other",
    [numpy.arange(1, 13, dtype="float64").reshape(3, 4), numpy.arange(12, dtype="int64").reshape(3, 4)],
)
def test_a_type_that_changed_is_a_difference_and_is_compared(other: Any) -> None:
    found = compare_archives(archive(), archive(parameters={"policy": {"weight": other}}))
    weight = next(each for each in found.tensors if each.name == "weight")
    assert weight.is_comparable
    assert weight.first is not None
    assert (weight.first.dtype, str(weight.second)) == ("float32", f"{other.dtype} 3×4")
    assert weight.differing == 12


def test_tensors_that_cannot_be_compared_come_first() -> None:
    parameters = {"policy": {"weight": numpy.ones((2, 4), "float32"), "bias": numpy.ones(3, "float32")}}
    found = compare_archives(archive(), archive(parameters=parameters))
    assert [(each.name, each.is_comparable) for each in found.tensors] == [("bias", True), ("weight", False)]
    assert found.tensors[0].relative == math.inf  # from a norm of 0
    assert math.isnan(found.tensors[0].cosine or 0.0)


def test_signed_zeros_and_nan_are_told_by_their_bits() -> None:
    zeros = {"policy": {"weight": WEIGHT, "bias": numpy.full(3, -0.0, "float32")}}
    (zero,) = compare_archives(archive(), archive(parameters={**optimizer(), **zeros})).tensors
    assert (zero.differing, zero.change) == (3, 0.0)
    nans = {"policy": {"weight": numpy.full((3, 4), numpy.nan, "float32"), "bias": numpy.zeros(3, "float32")}}
    assert compare_archives(archive(parameters=nans), archive(parameters=nans)).equal
    (nan,) = compare_archives(archive(), archive(parameters={**optimizer(), **nans})).tensors
    assert math.isnan(nan.relative or 0.0)


def optimizer() -> dict[str, Any]:
    return {"policy.optimizer": {"state": {}, "param_groups": [{"lr": 0.1, "params": [0, 1]}]}}


@pytest.mark.parametrize("bits", [0x7F800001, 0x7FC00000, 0xFF800001])
def test_a_nan_of_any_bits_is_compared_without_a_complaint(bits: int) -> None:
    nans = {"policy": {"weight": numpy.full((3, 4), bits, "uint32").view("float32")}}
    found = compare_archives(archive(parameters=nans), archive())
    assert next(each.differing for each in found.tensors if each.name == "weight") == 12


def test_values_that_are_not_understood_are_told_by_their_bytes() -> None:
    def with_pickle(content: bytes) -> bytes:
        entry = Typed(type="<class 'x'>", value=Opaque("x", "no recipe knows it"), pickle=content)
        return archive(data={"thing": entry})

    first, second = with_pickle(b"\x80\x04cx\ny\n."), with_pickle(b"\x80\x04cx\nz\n.")
    assert compare_archives(first, first).equal
    assert list(compare_archives(first, second).data) == ["thing"]


def test_statistics_resume_state_and_algorithm() -> None:
    statistics = RunningStatistics(mean=numpy.zeros(2), var=numpy.ones(2), count=1.0)
    more = RunningStatistics(mean=numpy.zeros(2), var=numpy.ones(2), count=2.0)

    def normalized(part: RunningStatistics) -> Normalization:
        return Normalization(
            observations={"": part},
            rewards=statistics,
            clip_obs=10.0,
            clip_reward=10.0,
            gamma=0.99,
            epsilon=1e-8,
            training=True,
            norm_obs=True,
            norm_reward=True,
        )

    first = archive(normalization=normalized(statistics), resume={"run": {"phase": 1}})
    second = archive(normalization=normalized(more), resume={"run": {"phase": 2}}, algorithm="my.A2C")
    found = compare_archives(first, second)
    assert found.normalization == {"observations": (statistics, more)}
    assert found.resume == {"run": ({"phase": 1}, {"phase": 2})}
    assert found.algorithm == ("stable_baselines3.a2c.a2c.A2C", "my.A2C")
    assert not found.equal


def test_who_wrote_a_file_is_told_and_makes_no_difference() -> None:
    found = compare_archives(archive(sb3_version="2.9.2"), archive(sb3_version="2.8.0"))
    assert found.versions == {"Stable-Baselines3": ("2.9.2", "2.8.0")}
    assert found.equal


def test_an_error_names_the_file_and_the_member() -> None:
    broken = bytearray(archive())
    place = bytes(broken).index(WEIGHT.tobytes())
    broken[place] ^= 1
    with pytest.raises(FormatError, match=r"policy\.pth"):
        compare_archives(archive(), bytes(broken))


SHAPES = st.sampled_from([(), (0,), (7,), (3, 5), (2, 3, 4)])
DTYPES = st.sampled_from(["float32", "float64", "float16", "int64", "uint8", "bool", "complex64", "complex128"])


@given(st.data(), SHAPES, DTYPES)
@settings(max_examples=drawn(60), deadline=None, derandomize=True)
def test_differing_elements_are_counted_one_by_one(data: st.DataObject, shape: tuple[int, ...], dtype: str) -> None:
    size = math.prod(shape)
    values = numpy.array(data.draw(st.lists(st.integers(0, 1), min_size=size, max_size=size)), dtype)
    changed = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    other = numpy.where(changed, 1 - values, values).astype(dtype)
    trees = [{"policy": {"tensor": array.reshape(shape)}} for array in (values, other)]
    found = compare_archives(archive(parameters=trees[0]), archive(parameters=trees[1]))
    assert [each.differing for each in found.tensors] == [sum(changed)] * any(changed)


def test_transposed_tensors_of_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongbox.archive.tensor_difference.BLOCK", 5)
    large = numpy.arange(60, dtype="float32").reshape(4, 15)
    other = large.copy()
    other[2, 7:9] += 1
    for first in (large, numpy.asfortranarray(large)):
        found = compare_archives(
            archive(parameters={"policy": {"a": first}}), archive(parameters={"policy": {"a": other}})
        )
        assert [(each.differing, round(each.change or 0.0, 12)) for each in found.tensors] == [(2, 1.414213562373)]


MEASURE = """
import resource, sys
from strongbox.archive.difference import compare_archives
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
before = int(status["VmData"].split()[0]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (before + (48 << 20),) * 2)
found = compare_archives(*sys.argv[1:])
print(found.tensors[0].differing, found.equal_tensors)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the size of a process as Linux tells it")
def test_memory_does_not_grow_with_the_archives(tmp_path: Path) -> None:
    paths = []
    for name, changed in (("first", 0.0), ("second", 1.0)):
        large = numpy.zeros((4096, 8192), "float32")  # 128 MiB
        large[17, 5] = changed
        paths.append(tmp_path / f"{name}.zip")
        write_archive(paths[-1], Contents(algorithm="x.Y", data={}, parameters={"policy": {"a": large}}), durable=False)
    done = subprocess.run([sys.executable, "-c", MEASURE, *paths], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["1", "0"], done.stderr


def test_progress_ends_where_all_is_compared() -> None:
    seen: list[tuple[int, int, str]] = []
    compare_archives(archive(), archive(), progress=lambda *step: seen.append(step))
    assert [name for _, _, name in seen] == ["policy: weight", "policy: bias"]
    assert seen[0][0] == 0
    assert all(0 <= done < total for done, total, _ in seen)
    assert seen[0][1] == 2 * (WEIGHT.nbytes + 12)
