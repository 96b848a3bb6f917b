"""JSON as an archive may hold it: what is taken, what is refused, and that nothing else can happen."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.archive.json_text import dump_lines, parse_json
from strongbox.errors import FormatError, LimitError, StrongboxError
from strongbox.limits import Limits

SMALL = Limits(depth=8, nodes=1000, data_bytes=10_000)

TAKEN = [
    ("an object", b'{"a": 1}', {"a": 1}),
    ("text with escapes", b'"\\u00e9\\n"', "é\n"),
    ("a lone surrogate, which JSON can write", b'"\\ud800"', "\ud800"),
    ("128 bits", str(2**128 - 1).encode(), 2**128 - 1),
    ("infinity by name", b"-Infinity", -math.inf),
    ("a number that underflows", b"1e-999", 0.0),
]

REFUSED = [
    ("a key twice", b'{"a": 1, "a": 2}', FormatError, "'a' twice"),
    ("a key twice, deeper", b'[{"b": {"a": 1, "a": 1}}]', FormatError, "'a' twice"),
    ("a float beyond float64", b"1e999", FormatError, "range of float64"),
    ("an integer of more than 128 bits", b"1" * 40, LimitError, "128 bits"),
    ("an integer of 5,000 digits", b"1" * 5000, LimitError, "128 bits"),
    ("bytes that are no UTF-8", b'"\xff"', FormatError, "UTF-8"),
    ("nothing", b"", FormatError, "JSON"),
    ("two values", b"1 2", FormatError, "JSON"),
    ("a value cut short", b'{"a": [1, 2', FormatError, "JSON"),
    ("nesting beyond the limit", b"[" * 9 + b"]" * 9, LimitError, "8 deep"),
    ("nesting that exhausts a recursive parser", b"[" * 900 + b"]" * 900, LimitError, "8 deep"),
    ("more values than the limit", b"[" + b"0," * 1001 + b"0]", LimitError, "1,000 values"),
    ("more bytes than the limit", b'"' + b"x" * 10_000 + b'"', LimitError, "10,000 bytes"),
]


@pytest.mark.parametrize(("content", "expected"), [case[1:] for case in TAKEN], ids=[case[0] for case in TAKEN])
def test_takes(content: bytes, expected: object) -> None:
    assert parse_json(content, limits=SMALL) == expected


def test_takes_nan_by_name() -> None:
    assert math.isnan(parse_json(b"NaN"))


@pytest.mark.parametrize(
    ("content", "error", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refuses(content: bytes, error: type[StrongboxError], message: str) -> None:
    with pytest.raises(error, match=message):
        parse_json(content, limits=SMALL)


def test_a_hundred_thousand_levels_are_an_error_and_no_crash() -> None:
    with pytest.raises(StrongboxError):
        parse_json(b"[" * 100_000 + b"]" * 100_000)


@given(
    st.binary(max_size=200) | st.text(alphabet='[]{}",:0123456789.eE-+nulltrfasNIiy\\', max_size=200).map(str.encode)
)
def test_anything_gives_a_value_or_an_error_of_ours(content: bytes) -> None:
    with contextlib.suppress(StrongboxError):
        parse_json(content, limits=SMALL)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=5))
def test_what_is_written_reads_back(mapping: dict[str, object]) -> None:
    written = dump_lines(mapping)
    assert parse_json(written) == mapping
    assert json.loads(written) == mapping
    assert written.count(b"\n") == len(mapping) + (1 if mapping else 2)
