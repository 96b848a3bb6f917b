"""Writing: what stands in the file, byte for byte the same each time, and never half of it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import zipfile
from collections import deque
from pathlib import Path
from typing import Any

import numpy
import pytest

from strongbox.archive import Contents, Exact, Typed, check_archive, open_archive, write_archive
from strongbox.errors import LimitError, StrongboxError, UnsupportedError
from strongbox.values import LinearSchedule, Opaque, TableSchedule, same

WEIGHT = numpy.arange(12, dtype="float32").reshape(3, 4)
TABLE = TableSchedule(values=numpy.linspace(0.0, 1.0, 1025), largest_error=2e-7, source="cosine")


def contents(**changes: Any) -> Contents:
    parts: dict[str, Any] = {
        "algorithm": "stable_baselines3.a2c.a2c.A2C",
        "data": {
            "gae_lambda": Exact(0.95),
            "vf_coef": Exact(0.5),
            "_shape": Typed(type="<class 'tuple'>", value=(1, 2), pickle=pickle.dumps((1, 2)), attributes={"n": 2}),
            "lr_schedule": Typed(type="<class 'x'>", value=LinearSchedule(start=0.1, end=0.0)),
        },
        "parameters": {"policy": {"weight": WEIGHT}, "policy.optimizer": {"state": {}, "param_groups": [{"lr": 0.1}]}},
        "sb3_version": "2.9.2",
        "system_info": "- OS: Linux\n- Python: 3.11.7\n",
    }
    return Contents(**{**parts, **changes})


def written(**options: Any) -> bytes:
    file = io.BytesIO()
    write_archive(file, contents(), **options)
    return file.getvalue()


def test_what_an_exact_continuation_needs_is_kept_in_members_of_its_own() -> None:
    resume = {
        "random": {"words": numpy.arange(3, dtype="uint32"), "position": (1, 2**127)},
        "agent": {"_last_obs": None},
    }
    file = io.BytesIO()
    write_archive(file, contents(resume=resume))
    with open_archive(file.getvalue()) as archive:
        assert list(archive.resume) == ["random", "agent"]
        assert same(dict(archive.resume), resume)
        assert archive.other_members == []
    assert check_archive(file.getvalue()).clean
    assert list(open_archive(written()).resume) == []


def test_a_continuation_that_cannot_be_read_is_a_finding() -> None:
    file = io.BytesIO()
    write_archive(file, contents(resume={"random": {"a": (1, 2)}}))
    broken = file.getvalue().replace(b'"tuple"', b'"tuble"')
    with open_archive(broken) as archive, pytest.raises(StrongboxError, match=r"resume/random\.json"):
        archive.resume["random"]
    assert "resume/random.json" in {finding.member for finding in check_archive(broken).findings}


def test_a_continuation_without_a_portable_form_is_refused_before_anything_is_written() -> None:
    file = io.BytesIO()
    with pytest.raises(UnsupportedError, match=r"resume/agent\.json"):
        write_archive(file, contents(resume={"agent": {"_last_obs": object()}}))
    assert file.getvalue() == b""


def test_reads_back_what_it_writes(tmp_path: Path) -> None:
    report = write_archive(tmp_path / "agent", contents())
    assert report.path == str(tmp_path / "agent.zip")
    assert report.size == (tmp_path / "agent.zip").stat().st_size
    with open_archive(tmp_path / "agent.zip") as archive:
        assert archive.algorithm == "stable_baselines3.a2c.a2c.A2C"
        assert archive.data["_shape"] == (1, 2)
        assert archive.data["lr_schedule"] == LinearSchedule(start=0.1, end=0.0)
        assert archive.data["gae_lambda"] == 0.95
        assert archive.sb3_version == "2.9.2"
        assert archive.python_version == (3, 11)
        numpy.testing.assert_array_equal(archive.parameters["policy"]["weight"], WEIGHT)
        assert archive.parameters["policy.optimizer"]["param_groups"][0]["lr"] == 0.1
    assert check_archive(tmp_path / "agent.zip").findings == []


def test_members_stand_in_the_order_of_sb3_and_ordinary_tools_read_them() -> None:
    with zipfile.ZipFile(io.BytesIO(written())) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "data",
            "pytorch_variables.pth",
            "policy.pth",
            "policy.optimizer.pth",
            "_stable_baselines3_version",
            "system_info.txt",
            "strongbox.json",
        ]
        digests = json.loads(archive.read("strongbox.json"))["digests"]
        for name in archive.namelist():
            if name != "strongbox.json":
                assert digests[name] == hashlib.sha256(archive.read(name)).hexdigest()


def test_data_is_what_sb3_reads() -> None:
    with zipfile.ZipFile(io.BytesIO(written())) as archive:
        data = json.loads(archive.read("data"))
    assert data["gae_lambda"] == 0.95
    assert data["_shape"][":type:"] == "<class 'tuple'>"
    assert data["_shape"]["n"] == 2
    assert pickle.loads(base64.b64decode(data["_shape"][":serialized:"])) == (1, 2)


def test_tensors_are_aligned_in_the_outer_file() -> None:
    content = written()
    position = content.find(WEIGHT.tobytes())
    assert position > 0
    assert position % 64 == 0


def test_the_same_contents_give_the_same_bytes() -> None:
    assert written() == written()


def test_without_pickles_there_is_none() -> None:
    content = written(pickles=False)
    assert b":serialized:" not in content
    assert open_archive(content).data["_shape"] == (1, 2)


def test_without_pickles_culprits_are_named_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "agent.zip"
    path.write_bytes(b"the old file")
    part = Opaque(type="function f of __main__", reason="code by value")
    data = {"policy_kwargs": Typed(type="<class 'dict'>", value={"f": part}, pickle=b"\x80\x04N.")}
    with pytest.raises(UnsupportedError, match=r"policy_kwargs\['f'\]"):
        write_archive(path, contents(data=data), pickles=False)
    assert path.read_bytes() == b"the old file"


@pytest.mark.parametrize("value", ["x" * (64 << 20), [0] * 1_000_001])
def test_data_that_no_reader_takes_is_refused_before_anything_is_written(value: Any, tmp_path: Path) -> None:
    path = tmp_path / "agent.zip"
    path.write_bytes(b"the old file")
    with pytest.raises(LimitError, match="at most") as raised:
        write_archive(path, contents(data={"small": Exact(1), "policy_kwargs": Exact(value)}))
    assert "policy_kwargs" in str(raised.value.hint)
    assert path.read_bytes() == b"the old file"


def test_what_is_not_exactly_the_agents_is_reported_and_kept_in_the_file() -> None:
    part = Opaque(type="function f of __main__", reason="code by value")
    data = {
        "policy_kwargs": Typed(type="<class 'dict'>", value={"f": part}, pickle=b"\x80\x04N."),
        "learning_rate": Typed(type="<class 'function'>", value=TABLE, pickle=b"\x80\x04N."),
    }
    file = io.BytesIO()
    report = write_archive(file, contents(data=data, left_out={"connection": "cannot be pickled"}))
    assert report.opaque == {"policy_kwargs['f']": part}
    assert report.approximate == {"learning_rate": TABLE}
    assert report.left_out == {"connection": "cannot be pickled"}
    for word in ("connection", "cosine", "policy_kwargs['f']", "2e-07"):
        assert word in str(report)
    manifest = open_archive(file.getvalue()).manifest
    assert manifest is not None
    assert manifest.left_out == {"connection": "cannot be pickled"}
    assert manifest.approximate == {"learning_rate": 2e-7}
    assert manifest.opaque["policy_kwargs['f']"]["reason"] == "code by value"


def test_a_failing_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "agent.zip"
    write_archive(path, contents())
    before = path.read_bytes()
    code = (
        "import resource, sys, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from tests.core.archive.test_write import contents\n"
        "from strongbox.archive import write_archive\n"
        "from strongbox.errors import StrongboxError\n"
        "try: write_archive(sys.argv[1], contents())\n"
        "except StrongboxError as error: print(error)\n"
    )
    finished = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert str(path) in finished.stdout
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["agent.zip"]


@pytest.mark.parametrize("moment", [0.0, 0.001, 0.003, 0.01, 0.03])
def test_a_killed_write_leaves_a_whole_file(tmp_path: Path, moment: float) -> None:
    path = tmp_path / "agent.zip"
    write_archive(path, contents())
    code = (
        "import sys\nfrom tests.core.archive.test_write import contents\n"
        "from strongbox.archive import write_archive\nprint('ready', flush=True)\n"
        "while True: write_archive(sys.argv[1], contents())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
    assert check_archive(path).findings == []


def test_a_folder_in_the_way_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "agent.zip").mkdir()
    with pytest.raises(StrongboxError, match="folder"):
        write_archive(tmp_path / "agent.zip", contents())


def test_values_of_data_survive(tmp_path: Path) -> None:
    value = deque([{"r": 1.5, "l": 3}], maxlen=100)
    data = {"ep_info_buffer": Typed(type="<class 'collections.deque'>", value=value)}
    write_archive(tmp_path / "a.zip", contents(data=data))
    read = open_archive(tmp_path / "a.zip").data["ep_info_buffer"]
    assert read == value
    assert read.maxlen == 100
