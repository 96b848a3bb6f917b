"""Every pickle of real archives decodes, is written again, and reads back the same."""

from __future__ import annotations

import base64
import io
import json
import pickle
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongbox.pickles import Decoded, Global, decode, decode_next, encode, walk
from tests.core.pickles.graphs import outline
from tests.core.pickles.oracle import load_as_nodes
from tests.zoo import ZOO, requires_zoo

DATA = Path(__file__).resolve().parents[2] / "data"
ARCHIVES = sorted((DATA / "archives").glob("*.zip"))
OLD_ROW = 5
"""Pickles in a row in the old .pth layout: magic number, protocol, system, object, keys of storages."""


def data_pickles(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    """The pickles of the member data."""
    for name, value in json.loads(archive.read("data")).items():
        if isinstance(value, dict) and ":serialized:" in value:
            yield name, base64.b64decode(value[":serialized:"])


def tensor_members(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    """The .pth members."""
    for name in archive.namelist():
        if name.endswith(".pth"):
            yield name, archive.read(name)


def check_data(content: bytes) -> Decoded:
    """Decode, compare with CPython's unpickler, write, decode again."""
    decoded = decode(content)
    assert outline(decoded.root) == outline(load_as_nodes(content))
    written = encode(decoded)
    again = decode(written)
    assert outline(again) == outline(decoded)
    assert encode(again) == written
    assert {item.path for item in again.globals} == {item.path for item in decoded.globals}
    return decoded


def check_tensors(decoded: Decoded) -> None:
    """Write in protocol 2 and decode again."""
    written = encode(decoded, protocol=2)
    again = decode(written, persistent=True)
    assert outline(again) == outline(decoded)
    assert encode(again, protocol=2) == written


def check_member(content: bytes) -> None:
    """Check the pickles of a .pth member of either layout."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as member:
            for name in member.namelist():
                if name.endswith("data.pkl"):
                    check_tensors(decode(member.read(name), persistent=True))
        return
    end = 0
    for _ in range(OLD_ROW):
        decoded, end = decode_next(content, end, persistent=True)
        check_tensors(decoded)


def check_archive(path: Path) -> set[str]:
    """Check every pickle of an archive; the paths of all names in its data."""
    names: set[str] = set()
    with zipfile.ZipFile(path) as archive:
        for _, content in data_pickles(archive):
            names.update(node.path for node in walk(check_data(content)) if isinstance(node, Global))
        for _, content in tensor_members(archive):
            check_member(content)
    return names


@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: path.stem)
def test_archives_of_every_algorithm(path: Path) -> None:
    assert check_archive(path)


@pytest.mark.parametrize("path", sorted((DATA / "values").glob("*.json")), ids=lambda path: path.stem)
def test_pickles_of_every_python(path: Path) -> None:
    fixtures = json.loads(path.read_text())["fixtures"]
    assert fixtures
    for fixture in fixtures:
        check_data(zlib.decompress(base64.b64decode(fixture["pickle"])))


@requires_zoo
@pytest.mark.zoo
def test_all_real_archives() -> None:
    paths = sorted(ZOO.glob("*.zip"))
    assert len(paths) >= 57
    names = set().union(*(check_archive(path) for path in paths))
    assert {"numpy.dtype", "gym.spaces.box.Box", "cloudpickle.cloudpickle_fast._function_setstate"} <= names


@requires_zoo
@pytest.mark.zoo
def test_all_real_statistics() -> None:
    paths = sorted(ZOO.glob("*.vecnormalize.pkl"))
    assert len(paths) >= 30
    for path in paths:
        decoded = check_data(path.read_bytes())
        assert decoded.root.path.endswith("VecNormalize")


def test_the_oracle_runs_nothing() -> None:
    """What the tests compare with is itself harmless."""
    assert load_as_nodes(pickle.dumps(print)).path == "builtins.print"
