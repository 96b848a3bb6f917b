"""torch's older layout: a row of pickles that must agree with the storages behind them."""

from __future__ import annotations

from typing import Any

import numpy
import pytest

from strongbox.errors import FormatError, StrongboxError, UnsupportedError
from strongbox.pickles import Global, PersistentId
from strongbox.tensors import open_pth, read_pth
from tests.core.tensors.pth_files import SYSTEM, call, row_file, storage, tensor

FOUR = numpy.arange(4, dtype="<f4").tobytes()
TWO = numpy.array([7, 8], dtype="<i8").tobytes()


def below(numel: int = 4, **parts: Any) -> PersistentId:
    return storage(numel, **{"view": None, **parts})


TREE = {
    "a": tensor(below(), (2, 2), (2, 1)),
    "b": tensor(below(2, key="1", kind="torch.LongStorage"), (2,), (1,)),
}
RECORDS = [("0", 4, FOUR), ("1", 2, TWO)]


@pytest.mark.parametrize("records", [RECORDS, RECORDS[::-1]])
def test_storages_stand_in_the_order_of_their_keys(records: list[tuple[str, int, bytes]]) -> None:
    opened = open_pth(row_file(TREE, records))
    assert (opened.layout, opened.remarks) == ("row", ())
    assert opened.tree["a"].numpy().tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert opened.tree["b"].numpy().tolist() == [7, 8]


def test_views_of_a_storage_share_it() -> None:
    """Torch before 0.4 wrote views of storages: their own key, where they begin, how long they are."""
    root = [
        tensor(below(), (4,), (1,)),
        tensor(below(view=("9", 1, 2)), (2,), (1,)),
        tensor(below(view=("9", 1, 2)), (1,), (1,), 1),
        tensor(below(view=("9", 1, 2)), (0,), (1,), 0),
    ]
    tree = read_pth(row_file(root, [("0", 4, FOUR)]))
    assert [part.numpy().tolist() for part in tree] == [[0.0, 1.0, 2.0, 3.0], [1.0, 2.0], [2.0], []]
    assert len({id(part.storage) for part in tree}) == 1


def test_empty_storages_may_share_a_key_whatever_their_type() -> None:
    root = [tensor(below(0), (0,), (1,)), tensor(below(0, kind="torch.LongStorage"), (0,), (1,))]
    tree = read_pth(row_file(root, [("0", 0, b"")]))
    assert [part.dtype for part in tree] == ["float32", "int64"]


def test_a_file_without_tensors() -> None:
    assert read_pth(row_file({})) == {}


BROKEN: dict[str, bytes] = {
    "another magic number": row_file(TREE, RECORDS, magic=0x1950A86A20F9469CFC6D),
    "another version": row_file(TREE, RECORDS, version=1002),
    "a version that is a truth": row_file(TREE, RECORDS, version=True),
    "a version that is text": row_file(TREE, RECORDS, version="1001"),
    "no system": row_file(TREE, RECORDS, system=None),
    "a system without byte order": row_file(TREE, RECORDS, system={}),
    "a system that is called": row_file(TREE, RECORDS, system=call("os.uname")),
    "a byte order that is a number": row_file(TREE, RECORDS, system={**SYSTEM, "little_endian": 1}),
    "keys that are no list": row_file(TREE, RECORDS, keys=("0", "1")),
    "keys that are numbers": row_file(TREE, RECORDS, keys=[0, 1]),
    "a key twice": row_file(TREE, [*RECORDS, RECORDS[0]]),
    "a key too few": row_file(TREE, RECORDS[:1]),
    "a key too many": row_file(TREE, [*RECORDS, ("2", 0, b"")]),
    "another key": row_file(TREE, [RECORDS[0], ("2", 2, TWO)]),
    "a storage cut short": row_file(TREE, RECORDS)[:-1],
    "a storage without its number": row_file(TREE, RECORDS)[:-24],
    "bytes after the last storage": row_file(TREE, RECORDS, rest=b"x"),
    "more elements than declared (CVE-2026-24747)": row_file(TREE, [("0", 5, FOUR + bytes(4)), RECORDS[1]]),
    "fewer elements than declared": row_file(TREE, [("0", 3, FOUR), RECORDS[1]]),
    "a negative number of elements": row_file(TREE, [("0", -4, FOUR), RECORDS[1]]),
    "a view past the end": row_file([tensor(below(view=("9", 3, 2)), (1,), (1,))], RECORDS[:1]),
    "a view before the beginning": row_file([tensor(below(view=("9", -1, 2)), (1,), (1,))], RECORDS[:1]),
    "a view that is text": row_file([tensor(below(view="9"), (1,), (1,))], RECORDS[:1]),
    "a view of two parts": row_file([tensor(below(view=("9", 1)), (1,), (1,))], RECORDS[:1]),
    "a tensor past its view": row_file([tensor(below(view=("9", 1, 2)), (3,), (1,))], RECORDS[:1]),
    "an id of five parts": row_file([tensor(storage(4), (4,), (1,))], RECORDS[:1]),
    "another call after the keys": row_file(TREE, RECORDS, keys=call("os.system", "true")),
    "nothing after the magic number": row_file(TREE, RECORDS)[:15],
}


@pytest.mark.parametrize("name", BROKEN)
def test_parts_that_do_not_agree(name: str) -> None:
    with pytest.raises(StrongboxError):
        read_pth(BROKEN[name])


def test_big_endian_files_are_told_by_name() -> None:
    with pytest.raises(UnsupportedError, match="big-endian"):
        read_pth(row_file(TREE, RECORDS, system={**SYSTEM, "little_endian": False}))


def test_a_pickled_module_is_told_by_name() -> None:
    module = PersistentId(("module", Global("torch.nn", "Linear"), "file.py", "source"))
    with pytest.raises(UnsupportedError, match="whole module"):
        read_pth(row_file({"net": module}))


@pytest.mark.parametrize("length", range(0, len(row_file(TREE, RECORDS)), 3))
def test_a_file_cut_short_anywhere(length: int) -> None:
    with pytest.raises((FormatError, UnsupportedError)):
        read_pth(row_file(TREE, RECORDS)[:length])
