"""torch's zip layout: which files are read, and what others are told."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import Any

import numpy
import pytest

from strongbox.errors import FormatError, LimitError, RefusedError, StrongboxError, UnsupportedError
from strongbox.limits import Limits
from strongbox.tensors import open_pth, read_pth
from tests.core.tensors.pth_files import storage, tensor, zip_file

FOUR = numpy.arange(4, dtype="<f4").tobytes()
TREE = {"weight": tensor(storage(4), (4,), (1,))}


def made(**changes: Any) -> bytes:
    return zip_file(TREE, {"0": FOUR}, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"top": "policy"},
        {"top": "some-name_1.2"},
        {"byteorder": None},
        {"version": b"3"},
        {"version": b"10\n"},
        {"others": {".data/serialization_id": b"0" * 40, ".format_version": b"1", ".storage_alignment": b"64"}},
    ],
)
def test_what_torch_writes_is_read_without_remarks(changes: dict[str, Any]) -> None:
    opened = open_pth(made(**changes))
    assert opened.layout == "zip"
    assert opened.remarks == ()
    assert [storage.key for storage in opened.storages] == ["0"]
    assert opened.tree["weight"].numpy().tolist() == [0.0, 1.0, 2.0, 3.0]


def test_what_belongs_to_no_tensor_is_remarked() -> None:
    opened = open_pth(made(others={"data/1": b"spare", "notes.txt": b"hello"}))
    assert opened.remarks == (
        "archive/data/1 belongs to no tensor and is never read.",
        "archive/notes.txt belongs to no tensor and is never read.",
    )


def test_deflated_members_are_read_and_remarked() -> None:
    opened = open_pth(made(compression=zipfile.ZIP_DEFLATED))
    assert any("deflated" in remark for remark in opened.remarks)
    assert opened.tree["weight"].numpy().tolist() == [0.0, 1.0, 2.0, 3.0]
    assert not opened.tree["weight"].numpy().flags.writeable


OTHERS: dict[str, tuple[bytes, type[StrongboxError], str]] = {
    "nothing": (b"", FormatError, "something else"),
    "text": (b"hello", FormatError, "something else"),
    "a pickle": (b"\x80\x02}.", UnsupportedError, "bare pickle"),
    "an array": (b"\x93NUMPY" + bytes(20), UnsupportedError, r"\.npy"),
    "version 1": (made(version=b"1\n"), UnsupportedError, "version 3"),
    "version 11": (made(version=b"11"), UnsupportedError, "version 3"),
    "a version between spaces of other alphabets": (made(version=b"3\x1c\n"), FormatError, "version number"),
    "version text": (made(version=b"three"), FormatError, "version number"),
    "a long version": (made(version=b"3" * 1000), FormatError, "at most 64 bytes"),
    "no version": (made(version=None), FormatError, "member 'archive/version'"),
    "big-endian": (made(byteorder=b"big"), UnsupportedError, "big-endian"),
    "another byte order": (made(byteorder=b"middle"), FormatError, "byte order"),
    "TorchScript": (made(others={"constants.pkl": b"\x80\x02}."}), UnsupportedError, "TorchScript"),
    "TorchScript code": (made(others={"code/__torch__.py": b"pass"}), UnsupportedError, "TorchScript"),
    "torch.package": (made(others={".data/extern_modules": b"os"}), UnsupportedError, r"torch\.package"),
    "no pickle": (zip_file(0, others={}).replace(b"data.pkl", b"data.plk"), FormatError, r"data\.pkl"),
    "an empty pickle": (zip_file(0, pickle=b""), FormatError, "pickle"),
    "two pickles": (zip_file(0, pickle=b"\x80\x02}.\x80\x02}."), FormatError, "after the pickle"),
    "a pickle cut short": (zip_file(0, pickle=b"\x80\x02}"), FormatError, "pickle"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_told_by_name(name: str) -> None:
    content, error, message = OTHERS[name]
    with pytest.raises(error, match=message):
        read_pth(content)


def test_a_tar_file_is_told_by_name() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    with pytest.raises(UnsupportedError, match=r"tar archive, as torch wrote before 0\.1\.10"):
        read_pth(file.getvalue())


def test_two_top_folders() -> None:
    file = io.BytesIO(made())
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("other/data.pkl", b"\x80\x02}.")
    with pytest.raises(FormatError, match="one folder"):
        read_pth(file.getvalue())


def test_a_member_outside_of_the_file() -> None:
    with pytest.raises(RefusedError):
        read_pth(made(others={"../../data/0": b"x"}))


def test_members_are_counted() -> None:
    content = made(others={f"data/{index}": b"" for index in range(1, 40)})
    read_pth(content)
    with pytest.raises(LimitError):
        read_pth(content, limits=Limits(inner_members=20))


def test_the_pickle_is_measured_before_it_is_read() -> None:
    with pytest.raises(LimitError, match="pickle of at most 10 bytes"):
        read_pth(made(), limits=Limits(pickle_bytes=10))


def test_reading_touches_no_byte_of_a_tensor() -> None:
    """The storage is damaged, and still the tree is read: only a look at the tensor finds out."""
    content = made().replace(FOUR, b"\xff" * 16)
    tree = read_pth(content)
    assert tree["weight"].shape == (4,)
    with pytest.raises(FormatError):
        tree["weight"].verify()


def test_views_of_any_kind_are_taken() -> None:
    for content in (made(), bytearray(made()), memoryview(made()), memoryview(bytearray(made()))):
        assert read_pth(content)["weight"].numpy().tolist() == [0.0, 1.0, 2.0, 3.0]
