"""Any data comes back as it was."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

import numpy
from hypothesis import given, settings
from hypothesis import strategies as st

import strongbox
from strongbox.errors import StrongboxError
from tests.core.adapters.own.agents import (
    Move,
    Phase,
    saved,
)

TEXT = st.text(max_size=8)
KEYS = (
    st.none() | st.booleans() | st.integers(-(2**59), 2**59) | TEXT | st.binary(max_size=8) | st.floats(allow_nan=False)
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats()
    | TEXT
    | st.binary(max_size=8)
    | st.builds(numpy.float32, st.floats(width=32))
    | st.builds(
        lambda numbers: numpy.array(numbers, numpy.int64), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3)
    )
    | st.sampled_from(Phase)
    | st.builds(Move, st.integers(0, 9), st.integers(0, 9), st.floats())
    | st.complex_numbers()
)
DATA: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.builds(deque, st.lists(inner, max_size=3), st.none() | st.integers(0, 9))
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.dictionaries(TEXT, inner, max_size=3).map(OrderedDict)
        | st.sets(KEYS, max_size=3)
        | st.frozensets(KEYS, max_size=3)
    ),
    max_leaves=12,
)


class Box:
    """An agent of one attribute."""

    def __init__(self, content: Any) -> None:
        self.content = content


@settings(deadline=None)
@given(DATA)
def test_any_data_comes_back_as_it_was(content: Any) -> None:
    archive = saved(Box(content))
    report = strongbox.open(archive)
    if report.left_out:
        assert "path of this machine" in report.left_out["content"]
        return
    try:
        made = strongbox.load(archive, into=Box(None))
    except StrongboxError as error:
        raise AssertionError(str(error)) from error
    assert saved(made) == archive
    assert type(made.content) is type(content)
