"""One regression test for each published weakness of other loaders, on whole archives.

Each case builds the file that the advisory speaks of and shows what Strongbox makes of it. The rules
behind them are tested one by one in the rooms that keep them; here the whole reader is asked.
"""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strongbox.archive import check_archive, open_archive
from strongbox.errors import FormatError, LimitError, RefusedError, StrongboxError, UnsupportedError

ARCHIVES = Path(__file__).resolve().parents[2] / "data" / "archives"
PPO = (ARCHIVES / "ppo.zip").read_bytes()


def members() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(PPO)) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(content: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as written:
        for name, each in content.items():
            written.writestr(name, each)
    return file.getvalue()


def inner(**records: bytes) -> bytes:
    """A .pth file of torch's zip layout."""
    names = {"pickled": "archive/data.pkl", "storage": "archive/data/0"}
    return packed({names[name]: content for name, content in records.items()} | {"archive/version": b"3\n"})


def with_policy(content: bytes) -> bytes:
    return packed({**members(), "policy.pth": content})


def with_pickle(content: bytes) -> bytes:
    """An archive whose data has one attribute of this pickle."""
    entry = {":type:": "<class 'dict'>", ":serialized:": base64.b64encode(content).decode()}
    return packed({**members(), "data": json.dumps({**json.loads(members()["data"]), "victim": entry}).encode()})


def tensor_pickle(
    *, offset: int = 0, size: bytes = b"K\x02\x85", stride: bytes = b"K\x01\x85", numel: int = 2
) -> bytes:
    """The data.pkl of one tensor: torch._utils._rebuild_tensor_v2((storage, offset, size, stride, …))."""
    return (
        b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
        + b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK"
        + bytes([numel])
        + b"tQK"
        + bytes([offset])
        + size
        + stride
        + b"\x89ccollections\nOrderedDict\n)RtRs."
    )


class Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.parts = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts


def policy_of(content: bytes) -> Any:
    return dict(open_archive(content).parameters["policy"])


def victim_of(content: bytes) -> Any:
    value = open_archive(content).data["victim"]
    report = check_archive(content)
    assert report.exit_code == 1, report
    return value


REFUSED: list[tuple[str, str, Callable[[], Any], type[StrongboxError]]] = [
    (
        "CVE-2025-32434",
        "torch.load(weights_only=True) handed tar and TorchScript files to another loader",
        lambda: policy_of(
            with_policy(packed({"archive/constants.pkl": b"\x80\x02).", "archive/data.pkl": b"\x80\x02}."}))
        ),
        UnsupportedError,
    ),
    (
        "CVE-2026-24747",
        "SETITEM on something that is no dict, in weights_only pickles",
        lambda: policy_of(with_policy(inner(pickled=b"\x80\x02]K\x00K\x01s."))),
        RefusedError,
    ),
    (
        "CVE-2026-24747 (storage size)",
        "a storage that says another size than its record has",
        lambda: policy_of(with_policy(inner(pickled=tensor_pickle(numel=4), storage=bytes(8)))),
        FormatError,
    ),
    (
        "GHSA-jg6j-8w4h-2pg2",
        "strides that read beyond the storage",
        lambda: policy_of(with_policy(inner(pickled=tensor_pickle(stride=b"K\x09\x85"), storage=bytes(8)))),
        FormatError,
    ),
    (
        "CVE-2025-10155",
        "a pickle under a torch file's extension is told by content, never by the extension",
        lambda: policy_of(with_policy(pickle.dumps(Calls(print, "never")))),
        StrongboxError,
    ),
    (
        "CVE-2025-10156",
        "a member with a wrong CRC made a scanner skip the archive",
        lambda: policy_of(_wrong_crc(with_policy(inner(pickled=b"\x80\x02cos\nsystem\n.")), b"cos\nsystem")),
        StrongboxError,
    ),
    (
        "CVE-2025-10157",
        "submodules of a known module passed a block list by prefix",
        lambda: policy_of(with_policy(inner(pickled=b"\x80\x02ctorch._utils.evil\n_rebuild_tensor_v2\n)R."))),
        RefusedError,
    ),
    (
        "CVE-2025-1889",
        "code in a member whose extension a scanner does not know",
        lambda: policy_of(with_policy(inner(pickled=b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R."))),
        RefusedError,
    ),
    (
        "CVE-2025-1944",
        "the names of the two headers of a member differ",
        lambda: open_archive(PPO.replace(b"policy.pth", b"polity.pth", 1)),
        FormatError,
    ),
    (
        "CVE-2025-1945",
        "flag bits that make one of two readers fail",
        lambda: open_archive(_flag_bits(PPO)),
        StrongboxError,
    ),
    (
        "CVE-2024-0450",
        "entries that overlap, so that a small file inflates to a large one",
        lambda: open_archive(_overlapping()),
        FormatError,
    ),
    (
        "CVE-2025-8291",
        "a zip64 locator that points elsewhere than before the end record",
        lambda: open_archive(_zip64_locator(PPO)),
        FormatError,
    ),
    (
        "CVE-2026-15310",
        "a member that inflates without bound",
        lambda: open_archive(packed({"data": bytes(50_000_000)}, zipfile.ZIP_DEFLATED)).data,
        LimitError,
    ),
    (
        "CVE-2025-54368",
        "two archives in one file, of which two readers see one each",
        lambda: open_archive(packed({"data": b"{}"}) + PPO),
        FormatError,
    ),
]

OPAQUE = [
    (
        "CVE-2024-37065",
        "the type that is declared is not the one that is used",
        Calls(type("x", (), {}).__class__, "y"),
    ),
    (
        "CVE-2025-54412",
        "a function by the name of an allowed type",
        Calls(__import__("operator").methodcaller, "system"),
    ),
    ("CVE-2025-1716", "pip.main by its global", b"\x80\x02cpip\nmain\nX\x07\x00\x00\x00install\x85R."),
]


@pytest.mark.parametrize(
    ("build", "error"), [case[2:] for case in REFUSED], ids=[f"{case[0]}: {case[1]}" for case in REFUSED]
)
def test_refused(build: Callable[[], Any], error: type[StrongboxError], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(error) as caught:
        build()
    assert caught.value.problem
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [case[2] for case in OPAQUE], ids=[f"{case[0]}: {case[1]}" for case in OPAQUE])
def test_never_built(content: Any) -> None:
    value = victim_of(with_pickle(content if isinstance(content, bytes) else pickle.dumps(content)))
    assert type(value).__name__ == "Opaque"


def test_cve_2025_54886_there_is_no_other_loader_to_fall_back_to() -> None:
    entry = {
        ":type:": "x",
        ":portable:": {"$": "unheard of"},
        ":serialized:": base64.b64encode(b"\x80\x04K\x07.").decode(),
    }
    content = packed({**members(), "data": json.dumps({"victim": entry}).encode()})
    assert type(open_archive(content).data["victim"]).__name__ == "Opaque"


CRASHES = [
    ("200,000 tuples within one another as a key", b"\x80\x02}" + b")" + b"\x85" * 200_000 + b"K\x00s.", 1),
    ("a LONG_BINPUT that takes a gigabyte, and a row in a table", b"\x80\x02Nr\xff\xff\xff\x07.", 0),
    ("a BYTEARRAY8 that takes two", b"\x80\x05\x96" + struct.pack("<Q", 2**31) + b".", 1),
    ("100,000 lists within one another", b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".", 2),
    (
        "shared parts that expand to 2**60 values",
        b"\x80\x04(]\x94"
        + b"".join(b"]\x94(h" + bytes([level]) + b"h" + bytes([level]) + b"e" for level in range(60))
        + b"t.",
        2,
    ),
]


@pytest.mark.parametrize(("content", "expected"), [case[1:] for case in CRASHES], ids=[case[0] for case in CRASHES])
def test_what_crashes_or_fills_an_ordinary_unpickler_costs_little(
    content: bytes, expected: int, tmp_path: Path
) -> None:
    path = tmp_path / "crash.zip"
    path.write_bytes(with_pickle(content))
    code = (
        "import resource, sys, strongbox\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000,) * 2)\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (20, 20))\n"
        "report = strongbox.check(sys.argv[1]); print(report.exit_code)\n"
        # Not ru_maxrss, which begins with what the process that starts this one took.
        "print(int(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]) // 1024)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    finished = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    )
    exit_code, mebibytes = map(int, finished.stdout.split())
    assert exit_code == expected
    assert mebibytes < 300


def test_every_advisory_of_the_list_has_a_test() -> None:
    listed = {
        "CVE-2025-32434",
        "CVE-2026-24747",
        "GHSA-jg6j-8w4h-2pg2",
        "CVE-2024-37065",
        "CVE-2025-54412",
        "CVE-2025-54886",
        "CVE-2025-1716",
        "CVE-2025-1889",
        "CVE-2025-1944",
        "CVE-2025-1945",
        "CVE-2025-10155",
        "CVE-2025-10156",
        "CVE-2025-10157",
        "CVE-2024-0450",
        "CVE-2025-8291",
        "CVE-2026-15310",
        "CVE-2025-54368",
    }
    tested = {name.split(" ")[0] for name in [*(case[0] for case in REFUSED), *(case[0] for case in OPAQUE)]} | {
        "CVE-2025-54886"
    }
    assert listed == tested


def _wrong_crc(content: bytes, inside: bytes) -> bytes:
    """The same archive with one byte of the content changed and no CRC mended."""
    position = content.index(inside)
    return content[:position] + b"C" + content[position + 1 :]


def _flag_bits(content: bytes) -> bytes:
    """The encryption bit set in the central record alone."""
    (position,) = struct.unpack("<L", content[-6:-2])
    return content[: position + 8] + b"\x01" + content[position + 9 :]


def _overlapping() -> bytes:
    """Two central records that point at one local entry."""
    body = bytes(100)
    name = b"data"
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 33, zlib.crc32(body), 100, 100, 4, 0) + name + body
    records = b"".join(
        struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, zlib.crc32(body), 100, 100, 4, 0, 0, 0, 0, 0, 0)
        + each
        for each in (b"data", b"date")
    )
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, len(records), len(local), 0)
    return local + records + end


def _zip64_locator(content: bytes) -> bytes:
    end = content[-22:]
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    return content[:-22] + locator + end
