"""Tensors: views on the file, checked once, copied only where they must be."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongbox.errors import FormatError, MismatchError
from strongbox.tensors import Geometry, Storage, Tensor, plan_pth, read_pth
from tests.core.tensors.pth_files import row_file, storage, tensor, zip_file
from tests.draws import drawn


def make(content: bytes, dtype: str, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> Tensor:
    return Tensor(dtype, Geometry(shape, strides, offset), Storage("0", dtype, len(content), lambda: content))


def numbers(count: int, dtype: str = "<f4") -> bytes:
    return numpy.arange(count, dtype=dtype).tobytes()


class Counting:
    """The content of a storage that counts how often it is read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return self.content


def test_nothing_is_read_until_asked_for_and_then_once() -> None:
    content = Counting(numbers(4))
    made = Tensor("float32", Geometry((4,), (1,), 0), Storage("0", "float32", 16, content))
    assert (made.nbytes, made.count, made.shape, made.device) == (16, 4, (4,), "cpu")
    assert repr(made) == "<Tensor float32 (4,)>"
    assert content.times == 0
    for _ in range(3):
        assert made.numpy().tolist() == [0.0, 1.0, 2.0, 3.0]
        made.verify()
    assert content.times == 1


def test_arrays_are_read_only_views() -> None:
    content = numpy.arange(6, dtype="<f4")
    made = make(content.data.cast("B"), "float32", (2, 2), (3, 1), 1)  # type: ignore[arg-type]
    found = made.numpy()
    assert found.tolist() == [[1.0, 2.0], [4.0, 5.0]]
    assert numpy.shares_memory(found, content)
    assert not found.flags.writeable
    with pytest.raises(ValueError, match="WRITEABLE"):
        found.flags.writeable = True


def test_elements_at_odd_addresses_are_copied() -> None:
    memory = numpy.zeros(17, numpy.uint8)
    memory[1:] = numpy.frombuffer(numbers(4), numpy.uint8)
    made = make(memory.data[1:], "float32", (4,), (1,))  # type: ignore[arg-type]
    found = made.numpy()
    assert found.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert found.flags.aligned
    assert not found.flags.writeable


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4)])
def test_tensors_without_elements(shape: tuple[int, ...]) -> None:
    for content in (b"", numbers(4)):
        made = make(content, "float32", shape, (1,) * len(shape), 3 if content else 0)
        assert made.numpy().shape == made.copy().shape == shape
        assert not made.numpy().flags.writeable
        assert made.copy().flags.writeable
        assert made.nbytes == 0
        made.verify()


def test_a_tensor_without_dimensions() -> None:
    for dtype, kind in (("float32", numpy.float32), ("bfloat16", numpy.float32), ("bool", numpy.bool_)):
        made = make(bytes(8), dtype, (), (), 1)
        assert made.numpy().shape == made.copy().shape == ()
        assert made.numpy().dtype == made.copy().dtype == kind
        assert isinstance(made.copy(), numpy.ndarray)
        assert made.copy().flags.writeable


def test_bfloat16_is_shown_as_float32() -> None:
    bits = numpy.array([0x3F80, 0xC000, 0x7F80, 0x0001], "<u2")
    made = make(bits.tobytes(), "bfloat16", (2, 2), (1, 2))
    assert made.numpy().dtype == numpy.float32
    assert made.numpy().tolist() == [[1.0, float("inf")], [-2.0, 2.0**-133]]
    assert made.stored().tolist() == [[0x3F80, 0x7F80], [0xC000, 0x0001]]
    assert not made.numpy().flags.writeable
    assert made.copy().flags.c_contiguous
    assert made.nbytes == 8


def test_copies_are_fresh_writable_and_contiguous() -> None:
    made = make(numbers(6), "float32", (2, 3), (1, 2))
    first, second = made.copy(), made.copy()
    assert first.flags.c_contiguous
    first[:] = 9
    assert second.tolist() == made.numpy().tolist() == [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]


def test_copy_into_an_array() -> None:
    target = numpy.zeros((3, 2), numpy.float32).T
    make(numbers(6), "float32", (2, 3), (3, 1)).copy_into(target)
    assert target.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def test_copy_bfloat16_into_values_or_bits() -> None:
    made = make(b"\x80\x3f", "bfloat16", (), ())
    values, bits = numpy.zeros((), numpy.float32), numpy.zeros((), numpy.uint16)
    made.copy_into(values)
    made.copy_into(bits)
    assert (values.item(), bits.item()) == (1.0, 0x3F80)


@pytest.mark.parametrize(
    "target", [numpy.zeros(3, numpy.float32), numpy.zeros((4, 1), numpy.float32), numpy.zeros(4, numpy.float64)]
)
def test_copy_into_another_shape_or_type(target: Any) -> None:
    with pytest.raises(MismatchError):
        make(numbers(4), "float32", (4,), (1,)).copy_into(target)


def test_booleans_are_0_and_1() -> None:
    assert make(b"\x00\x01", "bool", (2,), (1,)).numpy().tolist() == [False, True]
    broken = make(b"\x00\x02", "bool", (2,), (1,))
    for look in (broken.numpy, broken.copy, broken.stored, broken.verify):
        with pytest.raises(FormatError, match="booleans"):
            look()


def test_a_storage_of_another_length_than_it_says() -> None:
    with pytest.raises(FormatError, match="expected 8 bytes"):
        Storage("0", "float32", 8, lambda: b"1234").read()


def test_a_tensor_is_inside_its_storage_whoever_makes_it() -> None:
    with pytest.raises(FormatError):
        make(numbers(4), "float32", (5,), (1,))


def test_a_wrong_checksum_is_found_at_the_first_look() -> None:
    content = bytearray(zip_file({"a": tensor(storage(64), (64,), (1,))}, {"0": numbers(64)}))
    content[content.index(numbers(64)) + 5] ^= 1
    made = read_pth(content)["a"]
    for _ in range(2):
        with pytest.raises(FormatError, match="CRC-32") as caught:
            made.numpy()
        assert caught.value.member == "archive/data/0"


def test_the_device_is_told() -> None:
    made = read_pth(zip_file(tensor(storage(4, device="cuda:1"), (4,), (1,)), {"0": numbers(4)}))
    assert made.device == "cuda:1"
    assert repr(made) == "<Tensor float32 (4,) on cuda:1>"


@settings(max_examples=drawn(200), deadline=None, derandomize=True)
@given(st.data(), st.lists(st.integers(0, 3), max_size=4), st.integers(0, 5))
def test_views_agree_with_numpys_own_strides(data: Any, shape: list[int], offset: int) -> None:
    strides = data.draw(st.lists(st.integers(0, 5), min_size=len(shape), max_size=len(shape)))
    needed = offset + sum(max(size - 1, 0) * stride for size, stride in zip(shape, strides, strict=True)) + 1
    memory = numpy.arange(needed, dtype="<i4")
    content = row_file(
        tensor(storage(needed, kind="torch.IntStorage", view=None), tuple(shape), tuple(strides), offset),
        [("0", needed, memory.tobytes())],
    )
    expected = numpy.lib.stride_tricks.as_strided(memory[offset:], shape, [4 * stride for stride in strides])
    made = read_pth(content)
    assert made.numpy().tolist() == made.copy().tolist() == expected.tolist()


def test_content_is_the_elements_in_order_or_nothing() -> None:
    array = numpy.arange(12, dtype="float32").reshape(3, 4)
    flags = numpy.array([True, False])
    tree = read_pth(plan_pth({"whole": array, "none": array[:0], "flags": flags}).to_bytes())
    content = tree["whole"].content()
    assert bytes(content) == array.tobytes()
    assert content.readonly
    assert bytes(tree["none"].content()) == b""
    assert tree["flags"].content() is None
