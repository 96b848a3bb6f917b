"""Values in full, one field below the other."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy
import pytest

from strongbox.cli.full import full_lines
from strongbox.values import ClassReference, Discrete, Opaque


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        (0.1, ["0.1"]),
        ("text\n", ["'text\\n'"]),
        (None, ["None"]),
        ([1, 2], ["[1, 2]"]),
        ((), ["()"]),
        ({}, ["dict of 0"]),
        ({"a": [1, {"b": 2}]}, ["dict of 1", "  'a': list of 2", "    0: 1", "    1: dict of 1", "      'b': 2"]),
        (deque([1], maxlen=100), ["deque of 1, at most 100", "  0: 1"]),
        ({3, 1}, ["set of 2", "  -: 1", "  -: 3"]),
        (
            numpy.array([[1, 2], [3, 4.5]], "float32"),
            ["array of float32, shape (2, 2)", "  [[1.  2. ]", "   [3.  4.5]]"],
        ),
        (numpy.dtype("float32"), ["float32"]),
        (ClassReference("torch.nn", "ReLU"), ["ClassReference(torch.nn.ReLU)"]),
        (Discrete(n=3), ["Discrete", "  random_state: None", "  n: 3", "  start: 0", "  dtype: int64"]),
        (Opaque("T", "why"), ["Opaque", "  type: 'T'", "  reason: 'why'", "  needs_code: False"]),
    ],
)
def test_lines(value: Any, lines: list[str]) -> None:
    assert list(full_lines(value, width=80)) == lines


def test_a_long_list_stands_below_itself() -> None:
    assert len(list(full_lines(list(range(100)), width=80))) == 101
