"""What a stranger made of a segment or a manifest gives a value or a StrongboxError, and nothing else."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import pytest

from strongbox.checkpoints.replay import ReplayManifest, ReplayStore
from strongbox.checkpoints.replay.encoding import PREFIX
from strongbox.errors import CheckpointError, FormatError, LimitError, StrongboxError, UnsupportedError
from tests.core.checkpoints.replay.golden import FOLDER, blank_columns, golden_late, golden_manifest
from tests.draws import drawn

EVIL: tuple[Any, ...] = (None, True, -1, 0, 1, 2, 3, 5, 64, 1 << 31, 1 << 45, 1 << 62, 1 << 200, 1.5, float("nan"), "")
EVIL += (
    "x",
    "none",
    "zlib",
    "observations",
    "next_frames",
    "|O",
    "|b1",
    ">f8",
    "<f8",
    [],
    {},
    [1] * 9,
    {"kind": "plain"},
)

Json = dict[str, Any]


def header_of(content: bytes) -> Json:
    length = int.from_bytes(content[12:16], "little")
    parsed: Json = json.loads(content[PREFIX : PREFIX + length])
    return parsed


def with_header(content: bytes, header: Json) -> bytes:
    body = content[PREFIX + int.from_bytes(content[12:16], "little") :]
    text = json.dumps(header).encode()
    text += b" " * (-(PREFIX + len(text)) % 64)
    return content[:12] + len(text).to_bytes(4, "little") + text + body


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths_of(item, (*path, key))


def changed(value: Any, random: Random) -> Any:
    """A JSON value with one part replaced, taken away, or exchanged for another one of its own."""
    value = copy.deepcopy(value)
    places = [path for path in paths_of(value) if path]
    *parents, last = random.choice(places)
    holder = value
    for key in parents:
        holder = holder[key]
    choice = random.randrange(10)
    if choice == 0 and isinstance(holder, dict):
        del holder[last]
    elif choice == 1 and type(holder[last]) is int:
        holder[last] += random.choice((-1, 1, 64))
    elif choice == 2:
        other: Any = value
        for key in random.choice(places):
            other = other[key]
        holder[last] = copy.deepcopy(other)
    else:
        holder[last] = random.choice(EVIL)
    return value


def broken_bytes(content: bytes, random: Random) -> bytes:
    """The same file with a few bytes changed, a piece cut out, or its end cut off."""
    made = bytearray(content)
    choice = random.randrange(4)
    if choice == 0:
        return bytes(made[: random.randrange(len(made))])
    if choice == 1:
        start = random.randrange(len(made))
        del made[start : start + random.choice((1, 8, 64))]
        return bytes(made)
    for _ in range(random.choice((1, 3))):
        made[random.randrange(random.choice((16, 1500, len(made))))] = random.randrange(256)
    return bytes(made)


def replace_segment(folder: Path, codec: str, change: Callable[[bytes], bytes], which: int = 0) -> ReplayManifest:
    """A run's folder in which one segment was changed, and everything that names it was made to fit."""
    form = golden_manifest(codec).to_json()
    names = list(form["segments"])
    for name in names:
        content = (FOLDER / f"{name}.segment").read_bytes()
        content = change(content) if name == names[which] else content
        fresh = hashlib.sha256(content).hexdigest()
        (folder / f"{fresh}.segment").write_bytes(content)
        form = json.loads(json.dumps(form).replace(name, fresh))
        form["segments"][fresh]["size"] = len(content)
    return ReplayManifest.from_json(form)


def outcome(read: Callable[[], object]) -> str:
    with contextlib.suppress(StrongboxError):
        read()
        return "whole"
    return "refused"


def codec_for(number: int) -> str:
    installed = ("none", "zlib") if find_spec("zstandard") is None else ("none", "zlib", "zstd")
    return installed[number % len(installed)]


@pytest.mark.parametrize("start", range(0, drawn(600), 150))
def test_segments_with_a_changed_header_give_a_value_or_an_error(start: int, tmp_path: Path) -> None:
    outcomes = Counter[str]()
    for number in range(start, start + 150):
        random, folder = Random(number), tmp_path / str(number)
        folder.mkdir()

        def change(content: bytes, random: Random = random) -> bytes:
            return with_header(content, changed(header_of(content), random))

        manifest = replace_segment(folder, codec_for(number), change, random.choice((0, 0, 0, 1)))
        outcomes[outcome(lambda f=folder, m=manifest: ReplayStore(f).read(m, blank_columns()))] += 1  # type: ignore[misc]
    assert outcomes["refused"] > 75


@pytest.mark.parametrize("start", range(0, drawn(300), 150))
def test_segments_with_changed_bytes_give_a_value_or_an_error(start: int, tmp_path: Path) -> None:
    for number in range(start, start + 150):
        random, folder = Random(number), tmp_path / str(number)
        folder.mkdir()

        def read(folder: Path = folder, random: Random = random, codec: str = codec_for(number)) -> None:
            manifest = replace_segment(folder, codec, lambda content: broken_bytes(content, random))
            ReplayStore(folder).read(manifest, blank_columns())

        outcome(read)


@pytest.mark.parametrize("start", range(0, drawn(900), 300))
def test_changed_manifests_give_a_value_or_an_error(start: int) -> None:
    form = golden_manifest("none").to_json()
    outcomes = Counter[str]()
    for number in range(start, start + 300):
        random = Random(number)

        def read(random: Random = random) -> None:
            manifest = ReplayManifest.from_json(changed(form, random))
            written = json.dumps(manifest.to_json())
            assert json.dumps(ReplayManifest.from_json(json.loads(written)).to_json()) == written
            ReplayStore(FOLDER).read(manifest, blank_columns())

        outcomes[outcome(read)] += 1
    assert outcomes["refused"] > 150


@pytest.mark.parametrize("parsed", [None, [], "x", 1, {}, {"format": "strongbox archive", "version": 1}])
def test_what_is_no_manifest_is_refused(parsed: Any) -> None:
    with pytest.raises(FormatError, match="strongbox replay"):
        ReplayManifest.from_json(parsed)


def test_later_versions_are_refused_by_number(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="found 2"):
        ReplayManifest.from_json({**golden_manifest("none").to_json(), "version": 2})
    manifest = replace_segment(tmp_path, "none", lambda content: content[:8] + b"\2" + content[9:])
    with pytest.raises(UnsupportedError, match="found 2"):
        ReplayStore(tmp_path).read(manifest, blank_columns())


def edit(*path: Any, to: Any) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        header = header_of(content)
        holder: Any = header["columns"]
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = to
        return with_header(content, header)

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (edit("next_observations", "follows", to="next_observations"), "follow another column"),
        (edit("next_observations", "follows", to="next_frames"), "follow another column"),
        (edit("observations", "follows", to="next_observations"), "follow no other column"),
        (edit("next_observations", "count", to=1), "to differ, found others"),
        (edit("rewards", "content", "part", "offset", to=1), "multiple of 64"),
        (edit("rewards", "content", "part", "codec", to="lzma"), "known codec"),
        (edit("rewards", "content", "part", "size", to=1 << 40), "the size of"),
        (edit("rewards", "dtype", to="<i4"), "as the manifest has it"),
        (edit("frames", "content", "axis", to=1), "planes of images"),
        (edit("frames", "content", "table", to=1), "the table of"),
        (edit("notes", "content", "kind", to="plain"), "that is texts"),
        (edit("rewards", "content", "kind", to="texts"), "that is plain or planes"),
        (edit("notes", "content", "bytes", to=7), "texts of 7 bytes"),
    ],
)
def test_a_segment_that_contradicts_itself_is_refused(
    change: Callable[[bytes], bytes], expected: str, tmp_path: Path
) -> None:
    manifest = replace_segment(tmp_path, "none", change)
    with pytest.raises(FormatError, match=expected) as caught:
        ReplayStore(tmp_path).read(manifest, blank_columns())
    assert caught.value.path is not None


def test_a_small_file_cannot_claim_much_memory(tmp_path: Path) -> None:
    """Rows without number in the header and the manifest: refused before anything is allocated."""
    form = golden_manifest("zlib").to_json()
    name = form["ranges"][0][0]
    content = (FOLDER / f"{name}.segment").read_bytes()
    header = {**header_of(content), "rows": 1 << 30}
    content = with_header(content, header)
    fresh = hashlib.sha256(content).hexdigest()
    (tmp_path / f"{fresh}.segment").write_bytes(content)
    form = json.loads(json.dumps(form).replace(name, fresh))
    form["segments"][fresh] = {"size": len(content), "rows": 1 << 30}
    form["late_ranges"], form["late_columns"] = [], {}
    form["segments"] = {fresh: form["segments"][fresh]}
    manifest = ReplayManifest.from_json(form)
    live = {column: rows for column, rows in blank_columns().items() if column not in golden_late()}
    tracemalloc.start()
    with pytest.raises(LimitError, match="in the rows of a segment"):
        ReplayStore(tmp_path).read(manifest, live)
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()


def test_a_truth_value_is_true_or_false(tmp_path: Path) -> None:
    def change(content: bytes) -> bytes:
        part = header_of(content)["columns"]["dones"]["content"]["part"]
        place = PREFIX + int.from_bytes(content[12:16], "little") + part["offset"]
        return content[:place] + b"\7" + content[place + 1 :]

    with pytest.raises(FormatError, match="only true and false"):
        ReplayStore(tmp_path).read(replace_segment(tmp_path, "none", change), blank_columns())


def test_a_text_is_utf_8(tmp_path: Path) -> None:
    manifest = replace_segment(tmp_path, "none", lambda content: content.replace("✓".encode(), b"\xff\xff\xff"))
    with pytest.raises(FormatError, match="UTF-8"):
        ReplayStore(tmp_path).read(manifest, blank_columns())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are those of POSIX")
def test_a_pipe_in_place_of_a_segment_is_refused_at_once(tmp_path: Path) -> None:
    manifest = golden_manifest("none")
    for name in manifest.segments:
        os.mkfifo(tmp_path / f"{name}.segment")
    with pytest.raises((FormatError, CheckpointError)):
        ReplayStore(tmp_path).read(manifest, blank_columns())
