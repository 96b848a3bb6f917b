"""Reading members: verified content, and the same bytes as ``zipfile`` for whatever is accepted."""

from __future__ import annotations

import io
import random
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.container import Directory, combine_crc, open_source, read_directory
from strongbox.errors import FormatError, StrongboxError
from strongbox.limits import DEFAULT_LIMITS
from tests.core.container.zips import EXAMPLES, Entry, build, deflate, extra_field, torch_zip
from tests.zoo import ZOO, requires_zoo

SMALL = build(
    Entry(),
    Entry(name=b"policy.pth", content=b"weights " * 20, deflated=True),
    Entry(name=b"empty", content=b""),
)
MIXED = torch_zip({b"archive/data.pkl": b"\x80\2N.", b"archive/data/0": bytes(range(100)), b"archive/version": b"3\n"})
CONTENTS = {"data": b"{}" * 100, "policy.pth": bytes(range(256)) * 9, "empty": b""}


class Pipe(io.RawIOBase):
    """A file that cannot seek."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        self.content += memoryview(content)  # type: ignore[arg-type]
        return memoryview(content).nbytes  # type: ignore[arg-type]


def python_zip(file: io.BytesIO | Pipe, method: int, *, zip64: bool) -> None:
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in CONTENTS.items():
            with archive.open(name, "w", force_zip64=zip64) as member:
                member.write(content)


@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("streamed", [False, True])
def test_what_zipfile_writes_is_read(*, zip64: bool, method: int, streamed: bool) -> None:
    pipe, file = Pipe(), io.BytesIO()
    python_zip(pipe if streamed else file, method, zip64=zip64)
    check_same_as_zipfile(bytes(pipe.content) if streamed else file.getvalue(), CONTENTS)


@pytest.mark.skipif(shutil.which("zip") is None, reason="there is no zip program here")
@pytest.mark.parametrize("options", [["-0"], ["-9"], ["-X"], ["-fz"], ["-fd"], ["-D"]], ids=" ".join)
def test_what_a_person_repacked_is_read(tmp_path: Path, options: list[str]) -> None:
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    subprocess.run(["zip", "-q", *options, "out.zip", *CONTENTS], cwd=tmp_path, check=True)
    check_same_as_zipfile((tmp_path / "out.zip").read_bytes(), CONTENTS)


def check_same_as_zipfile(archive: bytes, contents: dict[str, bytes]) -> None:
    directory = read_directory(archive)
    with zipfile.ZipFile(io.BytesIO(archive)) as other:
        assert list(directory) == other.namelist() == list(contents)
        assert [m.header_start for m in directory.values()] == [i.header_offset for i in other.infolist()]
        for name, content in contents.items():
            assert bytes(directory.read(name)) == other.read(name) == content
            assert bytes(directory.span(name)) == content
            directory.verify(name)


@requires_zoo
@pytest.mark.zoo
def test_real_archives_and_their_tensors_are_read_as_zipfile_reads_them() -> None:
    members = inner_members = 0
    for path in sorted(ZOO.glob("*.zip")):
        with open_source(path) as source:
            directory = read_directory(source.view)
            with zipfile.ZipFile(path) as other:
                check_same_as_zipfile(bytes(source.view), {name: other.read(name) for name in other.namelist()})
            assert directory.remarks == ()
            members += len(directory)
            for name in directory:
                if bytes(directory.span(name)[:2]) == b"PK":
                    inner_members += check_inner(bytes(directory.span(name)))
    assert members == 323
    assert inner_members == 2004


def check_inner(content: bytes) -> int:
    with zipfile.ZipFile(io.BytesIO(content)) as other:
        contents = {name: other.read(name) for name in other.namelist()}
    check_same_as_zipfile(content, contents)
    return len(contents)


def test_stored_content_is_a_view_into_the_archive() -> None:
    directory = read_directory(SMALL)
    for content in (directory.read("data"), directory.span("data")):
        assert content.obj is SMALL
        assert content.readonly


def test_inflated_content_is_read_only() -> None:
    directory = read_directory(SMALL)
    assert bytes(directory.read("policy.pth")) == b"weights " * 20
    assert directory.read("policy.pth").readonly
    assert directory.span("policy.pth").readonly


@pytest.mark.parametrize("name", ["data", "policy.pth"])
def test_a_wrong_checksum_is_found_and_named(name: str) -> None:
    wrong: dict[str, int | bytes] = {"crc": 12345}
    entries = [
        Entry(local=dict(wrong), central=dict(wrong)),
        Entry(name=b"policy.pth", content=b"weights", deflated=True, local=dict(wrong), central=dict(wrong)),
    ]
    directory = read_directory(build(*entries))
    for action in (directory.read, directory.verify):
        with pytest.raises(FormatError, match="CRC-32") as caught:
            action(name)
        assert caught.value.member == name


def test_a_span_of_a_stored_member_is_not_looked_at() -> None:
    archive = bytearray(SMALL)
    archive[archive.index(b"hello")] ^= 1
    directory = read_directory(archive)
    assert bytes(directory.span("data")) == b"iello"
    with pytest.raises(FormatError, match="CRC-32"):
        directory.read("data")


def test_a_span_of_a_deflated_member_is_checked() -> None:
    archive = bytearray(SMALL)
    stored = deflate(b"weights " * 20)
    archive[archive.index(stored) + len(stored) - 1] ^= 0xFF
    with pytest.raises(FormatError):
        read_directory(archive).span("policy.pth")


def test_a_missing_member_is_named_with_those_that_are_there() -> None:
    directory = read_directory(SMALL)
    for action in (directory.read, directory.span, directory.verify):
        with pytest.raises(FormatError, match=r"expected a member 'dat', found 'data', 'policy.pth', 'empty'"):
            action("dat")
    with pytest.raises(KeyError):
        directory["dat"]
    assert directory.get("dat") is None
    assert "dat" not in directory


def test_a_directory_is_a_mapping_in_the_order_of_the_archive() -> None:
    directory = read_directory(build(Entry(name=b"b"), Entry(name=b"a")))
    assert list(directory) == ["b", "a"]
    assert len(directory) == 2
    assert directory["a"].name == "a"
    assert repr(directory) == "<Directory of 2 members>"


def test_deflated_members_are_remarked_on() -> None:
    assert read_directory(SMALL).remarks == (
        "1 of 3 members are deflated: the archive was repacked with an ordinary zip tool.",
    )
    assert read_directory(SMALL).inflated_bytes == 160
    assert read_directory(MIXED).remarks == ()
    assert read_directory(MIXED).inflated_bytes == 0


def test_a_directory_outlives_its_source(tmp_path: Path) -> None:
    (tmp_path / "agent.zip").write_bytes(SMALL)
    with open_source(tmp_path / "agent.zip") as source:
        directory = read_directory(source.view)
    assert bytes(directory.read("data")) == b"hello"


def test_a_member_beyond_4_gib_is_found_and_read(tmp_path: Path) -> None:
    size = (1 << 32) + 10
    crc = zeros_crc(size)
    sizes = struct.pack("<2Q", size, size)
    big: dict[str, int | bytes] = {"size": 0xFFFFFFFF, "stored_size": 0xFFFFFFFF, "crc": crc}
    first = Entry(name=b"big", content=b"", local={**big, "extra": extra_field(1, sizes)})
    header = first.local_bytes()
    second_start = len(header) + size
    offset: dict[str, int | bytes] = {"header_start": 0xFFFFFFFF}
    second = Entry(central={**offset, "extra": extra_field(1, struct.pack("<Q", second_start))})
    central = Entry(name=b"big", content=b"", central={**big, "extra": extra_field(1, sizes)}).central_bytes(0)
    central += second.central_bytes(0)
    start = second_start + len(second.local_bytes())
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, len(central), start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, start + len(central), 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(central), 0xFFFFFFFF, 0)
    path = tmp_path / "big.zip"
    with path.open("wb") as file:
        file.write(header)
        file.seek(size, io.SEEK_CUR)
        file.write(second.local_bytes() + central + end64 + locator + end)
    with open_source(path) as source:
        directory = read_directory(source.view)
        assert directory["big"].size == size
        assert bytes(directory.read("data")) == b"hello"
    with zipfile.ZipFile(path) as other:
        assert other.getinfo("big").file_size == size
        assert other.read("data") == b"hello"


def zeros_crc(size: int) -> int:
    """The CRC-32 of zeros, by doubling."""
    crc, power, power_size = 0, combine_crc(0, 0xD202EF8D, 1), 1
    while size:
        if size & 1:
            crc = combine_crc(crc, power, power_size)
        power, power_size, size = combine_crc(power, power, power_size), 2 * power_size, size >> 1
    return crc


# What mutation may do to an archive: change bytes, cut some out, repeat some, put some in.
VALID = {"plain": SMALL, "torch": MIXED, "zip64": build(Entry(), Entry(name=b"b", deflated=True), end64={})}


def mutate(archive: bytes, chance: random.Random) -> bytes:
    content = bytearray(archive)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        position = chance.randrange(len(content))
        end = min(len(content), position + chance.choice((1, 2, 4, 30)))
        action = chance.randrange(6)
        if action == 0:
            content[position] ^= 1 << chance.randrange(8)
        elif action == 1:
            content[position] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif action == 2:
            content[position:end] = chance.choice((b"\0", b"\xff")) * (end - position)
        elif action == 3:
            del content[position:end]
        elif action == 4:
            content[position:position] = content[chance.randrange(len(content)) :][: end - position]
        else:
            content[position:position] = chance.randbytes(end - position)
        if not content:
            return b""
    return bytes(content)


@pytest.mark.parametrize("archive", VALID.values(), ids=VALID.keys())
@EXAMPLES
@given(seed=st.integers(0, 1 << 32))
def test_a_mutated_archive_gives_what_zipfile_gives_or_an_error(archive: bytes, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(10):
        check_value_or_error(mutate(archive, chance))


@pytest.mark.parametrize("archive", VALID.values(), ids=VALID.keys())
def test_an_archive_with_any_one_byte_changed_gives_what_zipfile_gives_or_an_error(archive: bytes) -> None:
    for position in range(len(archive)):
        for value in (0, 0xFF, archive[position] ^ 1, archive[position] ^ 0x20):
            check_value_or_error(archive[:position] + bytes([value]) + archive[position + 1 :])


@EXAMPLES
@given(content=st.binary(max_size=300))
def test_any_bytes_before_an_end_record_give_a_value_or_an_error(content: bytes) -> None:
    check_value_or_error(b"PK\3\4" + content + build())
    check_value_or_error(content)


def check_value_or_error(archive: bytes) -> None:
    try:
        directory = read_directory(archive)
        contents = {name: bytes(directory.read(name)) for name in directory}
    except StrongboxError:
        return
    assert sum(map(len, contents.values())) <= len(archive) * DEFAULT_LIMITS.deflate_ratio
    check_tiling(directory, archive)
    check_same_as_zipfile(archive, contents)


def check_tiling(directory: Directory, archive: bytes) -> None:
    members = sorted(directory.values(), key=lambda member: member.header_start)
    position = 0
    for member in members:
        assert position <= member.header_start < member.start
        position = member.start + member.stored_size
    assert position < len(archive)
