"""The check: clean archives are clean, and each way of being wrong has a finding of its own."""

from __future__ import annotations

import base64
import io
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongbox.archive import Contents, Entry, Exact, Typed, check_archive, write_archive
from strongbox.limits import Limits
from tests.draws import drawn
from tests.zoo import ZOO, requires_zoo

ARCHIVES = Path(__file__).resolve().parents[2] / "data" / "archives"
CLEAN = sorted(path for path in ARCHIVES.glob("*.zip") if path.stem != "ppo-own-code")


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('this must never run')",))


def repacked(change: Callable[[dict[str, bytes]], None], name: str = "ppo") -> bytes:
    with zipfile.ZipFile(ARCHIVES / f"{name}.zip") as old:
        members = {member: old.read(member) for member in old.namelist()}
    change(members)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as new:
        for member, content in members.items():
            new.writestr(member, content)
    return file.getvalue()


def strongbox_archive() -> bytes:
    file = io.BytesIO()
    data: dict[str, Entry] = {
        "gae_lambda": Exact(0.95),
        "vf_coef": Exact(0.5),
        "_shape": Typed(type="<class 'tuple'>", value=(1, 2), pickle=pickle.dumps((1, 2))),
    }
    parameters = {"policy": {"weight": numpy.ones(8, "float32")}}
    write_archive(file, Contents(algorithm="stable_baselines3.a2c.a2c.A2C", data=data, parameters=parameters))
    return file.getvalue()


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.stem)
def test_archives_of_sb3_are_clean(path: Path) -> None:
    report = check_archive(path)
    assert [finding for finding in report.findings if finding.level != "note"] == []
    assert report.exit_code == 0
    assert report.called
    assert report.algorithm


def test_code_by_value_is_a_finding() -> None:
    report = check_archive(ARCHIVES / "ppo-own-code.zip")
    assert report.exit_code == 1
    assert {finding.kind for finding in report.findings} >= {"opaque"}


def test_what_a_loader_would_have_run_is_named() -> None:
    def plant(members: dict[str, bytes]) -> None:
        data = json.loads(members["data"])
        data["evil"] = {":type:": "dict", ":serialized:": base64.b64encode(pickle.dumps(Evil())).decode()}
        members["data"] = json.dumps(data).encode()

    report = check_archive(repacked(plant))
    assert report.exit_code == 1
    assert "builtins.exec" in report.called
    assert any(finding.kind == "executes" and "builtins.exec" in finding.message for finding in report.findings)


def test_what_an_array_of_jax_would_have_called_is_named() -> None:
    hidden = b"\x80\x02cjax._src.array\n_reconstruct_array\n(cos\nsystem\n(X\x02\x00\x00\x00idt)}tR."

    def plant(members: dict[str, bytes]) -> None:
        data = json.loads(members["data"])
        data["key"] = {":type:": "array", ":serialized:": base64.b64encode(hidden).decode()}
        members["data"] = json.dumps(data).encode()

    report = check_archive(repacked(plant))
    assert any(finding.kind == "executes" and "os.system" in finding.message for finding in report.findings)


def test_a_flipped_bit_is_found_wherever_it_is() -> None:
    content = bytearray((ARCHIVES / "ppo.zip").read_bytes())
    for position in range(40, len(content), len(content) // 60):
        content[position] ^= 0x10
        assert not check_archive(bytes(content)).clean, position
        content[position] ^= 0x10
    assert check_archive(bytes(content)).clean


def test_a_member_that_changed_since_it_was_saved() -> None:
    with zipfile.ZipFile(io.BytesIO(strongbox_archive())) as old:
        members = {member: old.read(member) for member in old.namelist()}
    members["data"] = members["data"].replace(b"0.95", b"0.96")
    del members["pytorch_variables.pth"]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as new:
        for member, content in members.items():
            new.writestr(member, content)
        new.writestr("added.txt", b"")
    report = check_archive(file.getvalue())
    assert {(finding.kind, finding.member) for finding in report.findings if finding.level == "warning"} == {
        ("digest", "data"),
        ("digest", "pytorch_variables.pth"),
        ("digest", "added.txt"),
    }


def test_two_readers_must_see_one_agent() -> None:
    def differ(members: dict[str, bytes]) -> None:
        data = json.loads(members["data"])
        data["shape"] = {
            ":type:": "<class 'tuple'>",
            ":portable:": {"$": "tuple", "items": [1, 2]},
            ":serialized:": base64.b64encode(pickle.dumps((1, 3))).decode(),
        }
        members["data"] = json.dumps(data).encode()

    report = check_archive(repacked(differ))
    assert [finding.kind for finding in report.findings if finding.level == "warning"] == ["disagreement"]


def test_a_repacked_archive_is_clean_with_a_note() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(ARCHIVES / "ppo.zip") as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    report = check_archive(file.getvalue())
    assert report.exit_code == 0
    assert any(finding.level == "note" and finding.kind == "structure" for finding in report.findings)


@pytest.mark.parametrize("content", [b"", b"nothing", b"\x80\x04N."])
def test_other_files_are_unreadable(content: bytes) -> None:
    report = check_archive(content)
    assert report.exit_code == 2
    assert not report.readable


def test_limits_are_options() -> None:
    report = check_archive(ARCHIVES / "ppo.zip", limits=Limits(members=3))
    assert report.exit_code == 2
    assert "LimitError" in {finding.kind for finding in report.findings}


def test_what_is_inflated_is_counted_over_the_members_of_members() -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(ARCHIVES / "ppo.zip") as old, zipfile.ZipFile(io.BytesIO(old.read("policy.pth"))) as tensors:
        with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as new:
            for name in tensors.namelist():
                new.writestr(name, tensors.read(name))
        size = sum(record.file_size for record in tensors.infolist())

    def copies(members: dict[str, bytes]) -> None:
        members.update({f"policy{number}.pth": inner.getvalue() for number in range(4)})

    content = repacked(copies)
    assert check_archive(content, limits=Limits(inflated_bytes=4 * size)).readable
    report = check_archive(content, limits=Limits(inflated_bytes=4 * size - 1))
    assert "LimitError" in {finding.kind for finding in report.findings}


def test_deflate_inside_deflate_does_not_multiply_its_ratios() -> None:
    """80 MiB of zeros as 80 KB, and these as a file of some hundred bytes: each ratio would pass on its own."""
    inner, file = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("archive/data.pkl", pickle.dumps({}, protocol=2))
        new.writestr("archive/version", "3\n")
        new.writestr("archive/unused", bytes(80 << 20))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("data", "{}")
        new.writestr("policy.pth", inner.getvalue())
    report = check_archive(file.getvalue(), limits=Limits(deflate_ratio=2000))
    assert [finding.member for finding in report.findings if finding.kind == "LimitError"] == ["policy.pth"]
    assert "at most 67108864 bytes in all" in str(report)
    assert check_archive(file.getvalue(), limits=Limits(deflate_ratio=1_000_000)).readable


PEAK = """
import resource, sys
from strongbox.archive import check_archive
check_archive(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert check_archive(sys.argv[2]).exit_code == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is another one")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(path, "w") as new:
        new.writestr("data", "{}")
        for number in range(12):
            new.writestr(f"other{number}", bytes(8 << 20))
    command = [sys.executable, "-c", PEAK, str(CLEAN[0]), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 48 << 10, "KiB of 96 MiB stayed in memory"


def test_a_report_reads_as_text() -> None:
    assert "clean" in str(check_archive(CLEAN[0]))
    assert "unreadable" in str(check_archive(b""))


@settings(max_examples=drawn(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_mutation_gives_a_report(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(CLEAN)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert", "repeat"])):
            case "flip":
                content[start] ^= data.draw(st.integers(1, 255))
            case "cut":
                del content[start : start + data.draw(st.integers(1, 200))]
            case "insert":
                content[start:start] = data.draw(st.binary(min_size=1, max_size=40))
            case "repeat":
                content[start:start] = content[start : start + data.draw(st.integers(1, 400))]
        if not content:
            break
    report = check_archive(bytes(content))
    assert report.exit_code in (0, 1, 2)
    assert str(report)


@requires_zoo
@pytest.mark.zoo
@pytest.mark.parametrize("path", sorted(ZOO.glob("*.zip")), ids=lambda path: path.stem)
def test_real_archives_are_clean(path: Path) -> None:
    report = check_archive(path)
    assert [str(finding) for finding in report.findings if finding.level != "note"] == []
