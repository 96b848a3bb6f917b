"""Rule Z7: what a file is, its content says."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile

import numpy as np
import pytest

from strongbox.container import identify, read_directory
from strongbox.errors import UnsupportedError
from tests.core.container.zips import Entry, build


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("data"))
    return file.getvalue()


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)


OTHERS = {
    "gzip": gzip.compress(b"x"),
    "xz": lzma.compress(b"x"),
    "bzip2": b"BZh91AY&SY",
    "Zstandard": b"\x28\xb5\x2f\xfd\x04\x00",
    "7z": b"7z\xbc\xaf\x27\x1c\x00\x04",
    "RAR": b"Rar!\x1a\x07\x01\x00",
    "tar": tar(),
    "pickle": pickle.dumps([1, 2], protocol=4),
    "torch's old layout": b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(20),
    "safetensors": safetensors(),
    "GGUF": b"GGUF\x03\0\0\0",
    ".npy": npy(),
    "web page": b"<!DOCTYPE html><html></html>",
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "split": b"PK\7\x08PK\3\4",
}


@pytest.mark.parametrize(("name", "content"), OTHERS.items(), ids=OTHERS.keys())
def test_other_formats_are_refused_by_name_and_say_what_to_do(name: str, content: bytes) -> None:
    with pytest.raises(UnsupportedError, match=name) as caught:
        read_directory(content)
    assert caught.value.hint


@pytest.mark.parametrize("name", OTHERS)
def test_a_zip_that_ends_another_format_is_not_a_zip(name: str) -> None:
    with pytest.raises(UnsupportedError, match=name):
        read_directory(OTHERS[name] + build(Entry()))


def test_a_zip_archive_is_one_and_random_bytes_are_nothing() -> None:
    archive = identify(build(Entry()))
    assert archive is not None
    assert archive.name == "a zip archive"
    assert identify(b"") is None
    assert identify(b"P") is None
    assert identify(bytes(1000)) is None
    assert identify(memoryview(b"hello")) is None
