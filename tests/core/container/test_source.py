"""Files of every kind, seen as bytes."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from strongbox.container import open_source
from strongbox.errors import FormatError, StrongboxError

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "agent.zip"
    path.write_bytes(CONTENT)
    return path


def test_a_path_is_mapped(path: Path) -> None:
    for given in (path, str(path)):
        with open_source(given) as source:
            assert bytes(source.view) == CONTENT
            assert source.view.readonly
            assert source.size == len(CONTENT)
            assert source.path == str(path)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_taken_as_they_are(kind: type[bytes]) -> None:
    with open_source(kind(CONTENT)) as source:
        assert bytes(source.view) == CONTENT
        assert source.view.readonly
        assert source.path is None


@pytest.mark.parametrize(
    "view",
    [
        np.frombuffer(CONTENT, dtype=">i4").reshape(-1, 5).data,
        memoryview(CONTENT)[::-1][::-1],
        np.frombuffer(CONTENT, dtype=np.float16).data,
    ],
    ids=["big-endian matrix", "reversed twice", "float16"],
)
def test_views_of_any_shape_become_bytes(view: memoryview) -> None:
    with open_source(view) as source:
        assert bytes(source.view) == CONTENT
        assert source.size == len(CONTENT)


def test_a_file_object_is_seen_from_its_beginning_and_left_where_it_stood(path: Path) -> None:
    for buffering in (-1, 0):
        with path.open("rb", buffering=buffering) as file:
            file.seek(100)
            with open_source(file) as source:
                assert bytes(source.view) == CONTENT
                assert source.path == str(path)
            assert file.tell() == 100


def test_other_binary_files_are_read_wholly() -> None:
    file = io.BytesIO(CONTENT)
    file.seek(7)
    with open_source(file) as source:
        assert bytes(source.view) == CONTENT
        assert source.path is None
    assert file.tell() == 7


def test_a_compressed_file_object_is_read_as_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "agent.gz"
    path.write_bytes(gzip.compress(CONTENT))
    with gzip.open(path) as file, open_source(file) as source:  # type: ignore[arg-type]
        assert bytes(source.view) == CONTENT


def test_a_pipe_is_read_to_its_end() -> None:
    reader, writer = os.pipe()
    os.write(writer, CONTENT[:1000])
    os.close(writer)
    with os.fdopen(reader, "rb") as file, open_source(file) as source:
        assert source.view == CONTENT[:1000]


def test_what_a_temporary_file_has_not_written_yet_is_seen() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(CONTENT)
        with open_source(file) as source:
            assert bytes(source.view) == CONTENT
        assert file.tell() == len(CONTENT)
    with tempfile.NamedTemporaryFile() as named, open_source(CONTENT) as expected:
        named.write(CONTENT)
        with open_source(named) as source:
            assert source.view == expected.view


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such file") as caught:
        open_source(tmp_path / "agent")
    assert caught.value.path == str(tmp_path / "agent")
    assert caught.value.hint is None


def test_a_missing_file_points_to_the_zip_beside_it(path: Path) -> None:
    with pytest.raises(FormatError, match="no such file") as caught:
        open_source(path.with_suffix(""))
    assert caught.value.hint == f"There is {str(path)!r}: open that."


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_folder_that_shadows_its_zip_points_to_it(path: Path, ending: str) -> None:
    path.with_suffix("").mkdir()
    with pytest.raises(FormatError, match="expected a file, found a folder") as caught:
        open_source(str(path.with_suffix("")) + ending)
    assert caught.value.hint == f"There is {str(path)!r}: open that."


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with (tmp_path / "empty").open("rb") as file:
        for empty in (tmp_path / "empty", file, b"", io.BytesIO()):
            with pytest.raises(FormatError, match="empty file"):
                open_source(empty)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_named_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FormatError, match="not a regular file"):
        open_source(tmp_path / "pipe")


@pytest.mark.parametrize("bad", [3, None, ["a"], b"x".hex, object()], ids=lambda bad: type(bad).__name__)
def test_what_is_no_file_is_refused(bad: object) -> None:
    with pytest.raises(FormatError, match="expected a path, bytes or a binary file"):
        open_source(bad)  # type: ignore[arg-type]


def test_text_files_are_refused(path: Path) -> None:
    with path.open() as file, pytest.raises(FormatError, match="open as text") as caught:
        open_source(file)  # type: ignore[arg-type]
    assert caught.value.hint == 'Open it with "rb".'

    class Words:
        def read(self) -> str:
            return "words"

    with pytest.raises(FormatError, match="gives str"):
        open_source(Words())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 5000, "file/inside"])
def test_paths_that_cannot_be_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FormatError):
        open_source(f"{tmp_path}/{name}")


def test_a_closed_file_object_is_refused(path: Path) -> None:
    for file in (path.open("rb"), io.BytesIO(CONTENT)):
        file.close()
        with pytest.raises(FormatError, match="closed"):
            open_source(file)


def test_a_path_in_bytes_inside_an_object_is_refused() -> None:
    class BytesPath:
        def __fspath__(self) -> bytes:
            return b"agent.zip"

    with pytest.raises(FormatError, match="path as text"):
        open_source(BytesPath())  # type: ignore[arg-type]


def test_a_closed_source_says_so_and_closes_twice(path: Path) -> None:
    source = open_source(path)
    source.close()
    source.close()
    with pytest.raises(StrongboxError, match="closed"):
        _ = source.view
    source.release_memory()
    source.read_ahead()


@pytest.mark.parametrize("mapped", [True, False])
def test_arrays_outlive_their_source(path: Path, *, mapped: bool) -> None:
    with open_source(path if mapped else CONTENT) as source:
        array = np.frombuffer(source.view, dtype=np.uint8)
        part = np.frombuffer(source.view[256:512], dtype=np.uint8)
    path.unlink()
    assert array.tobytes() == CONTENT
    assert part.tobytes() == CONTENT[256:512]
    assert not array.flags.writeable


def test_memory_is_given_back_and_content_stays(path: Path) -> None:
    with open_source(path) as source:
        array = np.frombuffer(source.view, dtype=np.uint8)
        source.read_ahead()
        assert array.tobytes() == CONTENT
        source.release_memory()
        assert array.tobytes() == CONTENT
    with open_source(CONTENT) as source:
        source.read_ahead()
        source.release_memory()
        assert bytes(source.view) == CONTENT


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not say how much memory is in use")
def test_released_memory_is_no_longer_in_use(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(32 << 20))
    with open_source(path) as source:
        assert not np.frombuffer(source.view, dtype=np.uint8).any()
        before = shared_pages()
        source.release_memory()
        assert before - shared_pages() > (24 << 20) // os.sysconf("SC_PAGESIZE")


def shared_pages() -> int:
    """Pages of files that are in this process's memory."""
    return int(Path("/proc/self/statm").read_text().split()[2])


def test_a_source_shows_what_it_is(path: Path) -> None:
    assert repr(open_source(CONTENT)) == f"<Source in memory, {len(CONTENT)} bytes>"
    with open_source(path) as source:
        assert repr(source) == f"<Source {path}, {len(CONTENT)} bytes>"
