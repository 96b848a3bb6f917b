"""Written files: read back the same, aligned, the same bytes each time."""

from __future__ import annotations

import enum
import io
import pickletools
import zipfile
from collections import OrderedDict, defaultdict, namedtuple
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongbox.container import ZipWriter, read_directory
from strongbox.errors import LimitError, StrongboxError, UnsupportedError
from strongbox.tensors import (
    DTYPES,
    StateDict,
    StorageData,
    Tensor,
    TensorData,
    TorchName,
    contiguous_strides,
    open_pth,
    plan_pth,
    read_pth,
)
from tests.draws import drawn

MADE = Path(__file__).resolve().parents[2] / "data" / "archives"


def live(
    content: bytes, dtype: str, shape: tuple[int, ...], strides: tuple[int, ...] | None = None, **others: Any
) -> TensorData:
    storage = others.pop("storage", None) or StorageData(buffer=content, dtype=dtype)
    strides = contiguous_strides(shape) if strides is None else strides
    offset = others.pop("storage_offset", 0)
    return TensorData(dtype=dtype, shape=shape, strides=strides, storage_offset=offset, storage=storage, **others)


def same(found: Any, expected: Any) -> bool:
    """Equality of trees: arrays and tensors by type, shape and bytes."""
    if isinstance(expected, Tensor):
        expected = expected.numpy()
    if isinstance(expected, numpy.ndarray):
        found = found.numpy()
        return bool(
            (found.dtype, found.shape) == (expected.dtype.newbyteorder("="), expected.shape)
            and found.tobytes() == expected.astype(found.dtype).tobytes()
        )
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(same, found, expected))
    return type(found) is type(expected) and (found == expected or found != found)


# -- what is written is read back ------------------------------------------------------------------

NUMPY_TYPES = [dtype.name for dtype in DTYPES.values() if dtype.name != "bfloat16"]
ARRAYS = st.builds(
    lambda name, shape, transposed, big: (
        numpy.zeros(shape, name).T.astype(numpy.dtype(name).newbyteorder(big))
        if transposed
        else numpy.ones(shape, numpy.dtype(name).newbyteorder(big))
    ),
    st.sampled_from(NUMPY_TYPES),
    st.lists(st.integers(0, 3), max_size=3),
    st.booleans(),
    st.sampled_from("<>"),
)
KEYS = st.text(max_size=5) | st.integers(-5, 5)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=8)
TREES = st.recursive(
    SCALARS | ARRAYS,
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.lists(parts, max_size=3).map(tuple)
        | st.dictionaries(KEYS, parts, max_size=3)
        | st.dictionaries(KEYS, parts, max_size=3).map(OrderedDict)
    ),
    max_leaves=10,
)


@settings(max_examples=drawn(300), deadline=None, derandomize=True)
@given(TREES)
def test_any_tree_is_read_back(tree: Any) -> None:
    content = plan_pth(tree).to_bytes()
    opened = open_pth(content)
    assert opened.remarks == ()
    assert same(opened.tree, tree)
    assert plan_pth(tree).to_bytes() == content
    assert plan_pth(opened.tree).to_bytes() == content


@pytest.mark.parametrize("dtype", DTYPES)
def test_live_tensors_are_read_back(dtype: str) -> None:
    itemsize = DTYPES[dtype].itemsize
    content = bytes(numpy.arange(6 * itemsize, dtype=numpy.uint8) % 2)
    data = StorageData(buffer=memoryview(content), dtype=dtype, identity="shared")
    again = StorageData(buffer=bytearray(content), dtype=dtype, identity="shared")
    tree = {
        "whole": live(b"", dtype, (2, 3), storage=data),
        "turned": live(b"", dtype, (3, 2), (1, 3), storage=data),
        "part": live(b"", dtype, (2,), (2,), storage=again, storage_offset=1),
        "spread": live(b"", dtype, (2, 2), (0, 1), storage=data),
        "number": live(b"", dtype, (), storage=data, storage_offset=5),
        "empty": live(b"", dtype, (0, 3)),
        "parameter": live(content, dtype, (6,), requires_grad=True, parameter=True),
        "frozen": live(content, dtype, (6,), parameter=True),
        "graded": live(content, dtype, (6,), requires_grad=True),
    }
    opened = open_pth(plan_pth(tree).to_bytes())
    stored = numpy.frombuffer(content, DTYPES[dtype].stored)
    found = {name: tensor.stored().tolist() for name, tensor in opened.tree.items()}
    assert found["whole"] == stored.reshape(2, 3).tolist()
    assert found["turned"] == stored.reshape(2, 3).T.tolist()
    assert found["part"] == stored[1::2][:2].tolist()
    assert found["spread"] == [stored[:2].tolist()] * 2
    assert found["number"] == stored[5].item()
    assert found["empty"] == []
    flags = {name: (tensor.requires_grad, tensor.parameter) for name, tensor in opened.tree.items()}
    assert flags["parameter"] == (True, True)
    assert flags["frozen"] == (False, True)
    assert flags["graded"] == (True, False)
    shared = ("whole", "turned", "part", "spread", "number")
    assert len({id(opened.tree[name].storage) for name in shared}) == 1
    assert len(opened.storages) == 5


def test_memory_that_a_function_gives_is_asked_for_when_its_turn_comes() -> None:
    asked = []

    def give() -> bytes:
        asked.append(1)
        return bytes(16)

    plan = plan_pth({"a": live(b"", "float32", (4,), storage=StorageData(buffer=give, dtype="float32", nbytes=16))})
    assert plan.size > 16
    assert asked == []
    assert len(plan.to_bytes()) == plan.size
    assert asked == [1]


def test_an_array_in_two_places_is_written_once() -> None:
    array = numpy.arange(1000.0)
    opened = open_pth(plan_pth({"a": array, "b": [array], "c": array.copy()}).to_bytes())
    assert len(opened.storages) == 2
    assert opened.tree["a"] is opened.tree["b"][0]


def test_metadata_of_a_state_dict_is_kept() -> None:
    tree = OrderedDict(weight=numpy.ones(2))
    tree.__dict__["_metadata"] = OrderedDict({"": {"version": 1}})
    found = read_pth(plan_pth(tree).to_bytes())
    assert vars(found) == vars(tree)


def test_names_of_torch_are_written_again() -> None:
    tree = [TorchName("dtype", "bfloat16"), TorchName("device", "cpu"), TorchName("device", "cuda:1")]
    assert read_pth(plan_pth(tree).to_bytes()) == tree


def test_numbers_of_numpy_become_numbers_of_python() -> None:
    tree = {"lr": numpy.float64(0.1), "n": numpy.int32(3), "on": numpy.bool_(True), "single": numpy.float32(0.1)}
    found = read_pth(plan_pth(tree).to_bytes())
    assert found == {"lr": 0.1, "n": 3, "on": True, "single": float(numpy.float32(0.1))}
    assert [type(value) for value in found.values()] == [float, int, bool, float]


def test_default_dicts_and_state_dicts_are_written_as_dicts() -> None:
    assert read_pth(plan_pth({"a": defaultdict(dict, b=StateDict({"c": 1}))}).to_bytes()) == {"a": {"b": {"c": 1}}}


@pytest.mark.parametrize("path", sorted(MADE.glob("*.zip")), ids=lambda path: path.stem)
def test_state_dicts_of_archives_are_carried_over(path: Path) -> None:
    outer = read_directory(path.read_bytes())
    for name in outer:
        if name.endswith(".pth"):
            opened = open_pth(outer.span(name))
            content = plan_pth(opened.tree).to_bytes()
            assert opened.remarks == ()
            assert same(read_pth(content), opened.tree)


# -- how it is written -----------------------------------------------------------------------------


def test_storages_are_aligned_in_the_outer_file() -> None:
    tree = {str(index): numpy.full(index + 1, index, numpy.uint8) for index in range(20)}
    for align in (64, 4096):
        file = io.BytesIO()
        writer = ZipWriter(file)
        writer.add("data", b"x" * 17)
        written = plan_pth(tree, align=align).write(writer, "policy.pth")
        writer.close()
        outer = read_directory(file.getvalue())
        assert outer["policy.pth"].start == written.start
        inner = read_directory(outer.span("policy.pth"))
        starts = [written.start + member.start for name, member in inner.items() if "/data/" in name]
        assert len(starts) == 20
        assert [start % align for start in starts] == [0] * 20
        for name, tensor in StateDict(read_pth(outer.read("policy.pth"))).tensors():
            assert tensor.numpy().tolist() == tree[name].tolist()


def test_the_members_are_those_of_torch() -> None:
    content = plan_pth({"a": numpy.ones(2), "b": numpy.ones(3)}).to_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = ["data.pkl", "byteorder", "data/0", "data/1", "version"]
        assert archive.namelist() == [f"archive/{name}" for name in names]
        assert archive.read("archive/byteorder") == b"little"
        assert archive.read("archive/version") == b"3\n"
        assert archive.testzip() is None
        opcodes = {opcode.name for opcode, _, _ in pickletools.genops(archive.read("archive/data.pkl"))}
    assert opcodes <= {
        *("PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "BINPERSID", "BINPUT", "BINGET", "EMPTY_DICT"),
        *("SETITEM", "SETITEMS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "BINUNICODE", "BININT1"),
        *("NEWFALSE", "NEWTRUE", "NONE", "BINFLOAT"),
    }


def test_every_tensor_has_hooks_of_its_own() -> None:
    """Loaded tensors keep hooks in this dict: were it shared, a hook on one would be a hook on all."""
    content = plan_pth({"a": numpy.ones(2), "b": numpy.ones(2)}).to_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        opcodes = [
            (opcode.name, argument) for opcode, argument, _ in pickletools.genops(archive.read("archive/data.pkl"))
        ]
    empty_calls = [a for a, b in pairwise(opcodes) if (a[0], b[0]) == ("EMPTY_TUPLE", "REDUCE")]
    assert len(empty_calls) == 2


# -- what is refused -------------------------------------------------------------------------------


class Colour(enum.IntEnum):
    """A number that is more than a number."""

    RED = 1


Pair = namedtuple("Pair", "a b")

REFUSED: dict[str, Any] = {
    "an object": object(),
    "a set": {1},
    "bytes": b"text",
    "an enum": Colour.RED,
    "a named tuple": Pair(1, 2),
    "a function": len,
    "a complex number": 1j,
    "an array of objects": numpy.array([None]),
    "an array of text": numpy.array(["a"]),
    "a masked array": numpy.ma.masked_array([1.0], [True]),
    "a structured array": numpy.zeros(1, "i4,f4"),
    "an array of dates": numpy.zeros(1, "M8[s]"),
    "a date": numpy.datetime64("2020-01-01"),
    "numpy text": numpy.str_("a"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_file_of_tensors_cannot_hold(name: str) -> None:
    with pytest.raises(UnsupportedError):
        plan_pth({"state": [REFUSED[name]]})


def test_the_place_is_told() -> None:
    with pytest.raises(UnsupportedError, match=r"found object at state\.3\.extra\.0"):
        plan_pth({"state": {3: {"extra": [object()]}}})


def test_integers_and_depth_are_those_that_the_reader_takes() -> None:
    assert read_pth(plan_pth([2**127 - 1, -(2**127) + 1]).to_bytes()) == [2**127 - 1, -(2**127) + 1]
    with pytest.raises(LimitError):
        plan_pth([2**127])
    deep: list[Any] = []
    deep.append(deep)
    with pytest.raises(LimitError):
        plan_pth(deep)


DESCRIPTIONS: dict[str, Any] = {
    "past its storage": lambda: live(bytes(16), "float32", (5,)),
    "another type than its storage": lambda: live(
        b"", "int32", (4,), storage=StorageData(buffer=bytes(16), dtype="float32")
    ),
    "two types of one memory": lambda: [
        live(b"", "int32", (4,), storage=StorageData(buffer=bytes(16), dtype="int32", identity=1)),
        live(b"", "float32", (4,), storage=StorageData(buffer=bytes(16), dtype="float32", identity=1)),
    ],
    "an unknown type": lambda: live(bytes(16), "float8_e5m2", (4,)),
    "nine dimensions": lambda: live(bytes(16), "float32", (1,) * 9),
    "a function without a size": lambda: StorageData(buffer=bytes, dtype="float32"),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_descriptions_are_checked(name: str) -> None:
    with pytest.raises(StrongboxError):
        plan_pth(DESCRIPTIONS[name]())


def test_memory_that_is_larger_than_its_elements_is_cut() -> None:
    found = read_pth(plan_pth({"a": live(bytes(18), "float32", (4,))}).to_bytes())
    assert found["a"].storage.nbytes == 16
