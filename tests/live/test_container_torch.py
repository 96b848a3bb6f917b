"""torch reads the ``.pth`` members that are planned here, and we read those that torch writes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
import torch

from strongbox.container import ZipPlan, ZipWriter, open_source, read_directory

TENSORS = {
    "weight": torch.arange(300_000, dtype=torch.float32).reshape(600, 500),
    "half": torch.ones(7, dtype=torch.bfloat16),
    "empty": torch.zeros(0),
    "count": torch.tensor(12),
}


def torch_file() -> bytes:
    file = io.BytesIO()
    torch.save(TENSORS, file)
    return file.getvalue()


def test_what_torch_writes_is_read() -> None:
    content = torch_file()
    directory = read_directory(content)
    with zipfile.ZipFile(io.BytesIO(content)) as other:
        assert list(directory) == other.namelist()
        for name, member in directory.items():
            assert bytes(directory.read(name)) == other.read(name)
            assert member.start % 64 == 0


def test_a_file_of_torch_with_another_name_inside_is_read(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "my weights.pth")
    with open_source(tmp_path / "my weights.pth") as source:
        assert "my weights/data.pkl" in read_directory(source.view)


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("only", [True, False], ids=["weights only", "all"])
def test_torch_reads_what_was_planned_from_its_own_pickle(tmp_path: Path, *, only: bool, mapped: bool) -> None:
    archive = tmp_path / "agent.zip"
    content = torch_file()
    directory = read_directory(content)
    plan = ZipPlan()
    for name in directory:
        plan.add(name, directory.span(name))
    with archive.open("w+b") as file, ZipWriter(file) as writer:
        writer.add("data", b"{}")
        written = writer.add("policy.pth", plan)
    inner = archive.read_bytes()[written.start : written.start + written.size]
    members = read_directory(inner)
    assert all((written.start + member.start) % 64 == 0 for member in members.values())
    (tmp_path / "policy.pth").write_bytes(inner)
    loaded = torch.load(tmp_path / "policy.pth", weights_only=only, mmap=mapped)
    assert list(loaded) == list(TENSORS)
    assert all(torch.equal(loaded[name], tensor) for name, tensor in TENSORS.items())
    assert all(loaded[name].dtype == tensor.dtype for name, tensor in TENSORS.items())


def test_torch_reads_it_out_of_the_archive_as_stable_baselines3_does() -> None:
    directory = read_directory(torch_file())
    plan = ZipPlan()
    for name in directory:
        plan.add(name, directory.read(name))
    file = io.BytesIO()
    with ZipWriter(file) as writer:
        writer.add("policy.pth", plan)
    with zipfile.ZipFile(file) as archive, archive.open("policy.pth") as member:
        loaded = torch.load(io.BytesIO(member.read()), weights_only=True)
    assert torch.equal(loaded["weight"], TENSORS["weight"])
