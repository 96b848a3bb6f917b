"""Types of elements: one table, both ways."""

from __future__ import annotations

import struct

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongbox.errors import UnsupportedError
from strongbox.tensors import DTYPES
from strongbox.tensors.dtypes import by_numpy, by_storage_class, widen_bfloat16
from tests.draws import drawn


def test_every_type_of_the_specification_is_there() -> None:
    assert set(DTYPES) == {
        "bool",
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
        *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
    }


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
def test_the_table_leads_back_to_each_type(dtype: object) -> None:
    found = DTYPES[getattr(dtype, "name", "")]
    if found.storage_class is not None:
        assert by_storage_class(found.storage_class) is found
    if found.name != "bfloat16":
        assert by_numpy(found.shown) is found
        assert by_numpy(found.shown.newbyteorder(">")) is found
        assert found.shown == numpy.dtype(found.name)


@pytest.mark.parametrize("name", ["O", "V8", "S4", "U4", "M8[s]", "m8[s]", "i4,f4", "V0"])
def test_other_types_of_numpy_are_no_types_of_tensors(name: str) -> None:
    with pytest.raises(UnsupportedError, match="numpy's"):
        by_numpy(numpy.dtype(name))


def test_long_double_is_no_type_of_tensors() -> None:
    if numpy.dtype(numpy.longdouble).itemsize > 8:
        with pytest.raises(UnsupportedError, match="numpy's"):
            by_numpy(numpy.dtype(numpy.longdouble))


@settings(max_examples=drawn(200), deadline=None, derandomize=True)
@given(st.integers(0, 0xFFFF))
def test_bfloat16_is_the_upper_half_of_a_float32(bits: int) -> None:
    (expected,) = struct.unpack("<f", struct.pack("<I", bits << 16))
    found = widen_bfloat16(numpy.array([bits], "<u2"))
    assert found.dtype == numpy.float32
    assert found.view("<u4")[0] == bits << 16
    assert found[0] == expected or expected != expected
