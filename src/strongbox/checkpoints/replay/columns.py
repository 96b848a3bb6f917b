"""What a column of a replay buffer is, in JSON: a dtype of numbers and the shape of one entry, or a text for each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy

from ...values.checks import NUMBER_TYPES, Array, check, instance, text, whole

__all__ = ["LARGEST", "TEXT", "Column", "columns_from_json", "columns_of", "columns_to_json", "dtype_name"]

LARGEST = 1 << 46
"""Rows, environments, or bytes of a column, at most: all products stay within 64 bits."""
MOST_COLUMNS = 256
MOST_DIMENSIONS = 8
LONGEST_NAME = 200

TEXT = "text"
"""The dtype of a column that has a text for each entry; in memory an array of objects."""

DTYPE = re.compile(r"[<>|][biufc][0-9]{1,2}")


@dataclass(frozen=True)
class Column:
    """A column's ``dtype``, as numpy writes it (``"<f4"``) or ``"text"``, and the ``shape`` of one entry."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def entry_bytes(self) -> int:
        """Bytes of one entry: one row of one environment; of a text those of a reference to it."""
        if self.dtype == TEXT:
            return numpy.dtype(object).itemsize
        return numpy.dtype(self.dtype).itemsize * prod(self.shape)

    @classmethod
    def from_json(cls, parsed: Any, name: str) -> Column:
        """Read and check a column; raises FormatError."""
        parsed = instance(parsed, dict, f"an object for the column {name!r}")
        dtype = text(parsed.get("dtype"), f"the dtype of {name!r}")
        check(
            dtype == TEXT or (DTYPE.fullmatch(dtype) is not None and is_number(dtype)),
            f"expected a dtype of numbers for {name!r}, found {dtype[:20]!r}.",
        )
        shape = instance(parsed.get("shape"), list, f"a list for the shape of {name!r}")
        check(len(shape) <= MOST_DIMENSIONS, f"expected at most {MOST_DIMENSIONS} dimensions for {name!r}.")
        check(dtype != TEXT or not shape, f"expected one text for each entry of {name!r}.")
        column = cls(dtype, tuple(whole(size, f"the shape of {name!r}", 1, LARGEST) for size in shape))
        check(column.entry_bytes <= LARGEST, f"expected entries of {name!r} that fit into memory.")
        return column

    def to_json(self) -> dict[str, Any]:
        """The same as JSON."""
        return {"dtype": self.dtype, "shape": list(self.shape)}


def is_number(dtype: str) -> bool:
    """Whether numpy writes one of the dtypes of numbers so."""
    try:
        found = numpy.dtype(dtype)
    except TypeError:
        return False
    return found.newbyteorder("=") in NUMBER_TYPES and found.str == dtype


def columns_of(arrays: Mapping[str, Array]) -> dict[str, Column]:
    """The columns that arrays of rows (rows, environments, …) are."""
    return {name: Column(dtype_name(array), array.shape[2:]) for name, array in arrays.items()}


def dtype_name(array: Array) -> str:
    """The dtype of a column whose entries an array has."""
    return TEXT if array.dtype == object else array.dtype.str


def columns_from_json(parsed: Any) -> dict[str, Column]:
    """Columns by name; raises FormatError."""
    parsed = instance(parsed, dict, "an object for the columns")
    check(len(parsed) <= MOST_COLUMNS, f"expected at most {MOST_COLUMNS} columns, found {len(parsed):,}.")
    for name in parsed:
        check(0 < len(name) <= LONGEST_NAME, f"expected names of columns of 1 to {LONGEST_NAME} characters.")
    return {name: Column.from_json(column, name) for name, column in parsed.items()}


def columns_to_json(columns: Mapping[str, Column]) -> dict[str, Any]:
    """The same as JSON."""
    return {name: column.to_json() for name, column in columns.items()}
