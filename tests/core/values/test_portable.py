"""The portable form: every value goes through it unchanged, and nothing else is read."""

from __future__ import annotations

import json
import re
from collections import OrderedDict, deque
from enum import IntEnum
from typing import Any

import numpy
import pytest
from hypothesis import given, settings

from strongbox.errors import FormatError, LimitError, StrongboxError, UnsupportedError
from strongbox.limits import Limits
from strongbox.values import (
    Box,
    Dict,
    Discrete,
    LinearSchedule,
    Opaque,
    TableSchedule,
    from_portable,
    normalization_from_json,
    same,
    to_portable,
)
from strongbox.values.forms import FORMS
from tests.core.values.strategies import json_values, values_of_any_kind
from tests.draws import drawn

PROFILE = settings(max_examples=drawn(200), derandomize=True, deadline=None, database=None)
ARRAY = {"$": "array", "dtype": "float32", "shape": [2], "base64": "AAAAAAAAAAA="}


@PROFILE
@given(values_of_any_kind)
def test_every_value_goes_through_it_unchanged(value: Any) -> None:
    form = to_portable(value)
    assert same(from_portable(form), value)
    assert same(from_portable(json.loads(json.dumps(form))), value)


@PROFILE
@given(values_of_any_kind)
def test_the_same_value_has_the_same_form(value: Any) -> None:
    form = json.dumps(to_portable(value))
    assert json.dumps(to_portable(from_portable(json.loads(form)))) == form


@PROFILE
@given(json_values)
def test_json_without_tags_means_itself(value: Any) -> None:
    if is_plain(value):
        assert same(to_portable(value), value)
        assert same(from_portable(value), value)


def is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return "$" not in value and all(map(is_plain, value.values()))
    return not isinstance(value, int) or -(2**63) <= value < 2**63


@PROFILE
@given(json_values)
def test_any_json_gives_a_value_or_an_error(form: Any) -> None:
    try:
        from_portable(form)
    except StrongboxError:
        return


def title(item: object) -> str:
    """What names a case: the same in every process, whatever order a set has and wherever an object lies."""
    if isinstance(item, set | frozenset):
        return f"{type(item).__name__} of {sorted(map(repr, item))}"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(item))[:50]


WRITTEN: list[tuple[Any, Any]] = [
    ((1, 2.5), {"$": "tuple", "items": [1, 2.5]}),
    ({1: "a"}, {"$": "dict", "items": [[1, "a"]]}),
    ({"$": 1}, {"$": "dict", "items": [["$", 1]]}),
    ({"a": 1}, {"a": 1}),
    (OrderedDict(a=1), {"$": "ordered_dict", "items": [["a", 1]]}),
    ({"b", "a"}, {"$": "set", "items": ["a", "b"]}),
    (deque([1], 3), {"$": "deque", "items": [1], "maxlen": 3}),
    (2**63, {"$": "integer", "value": "9223372036854775808"}),
    (-(2**63), -(2**63)),
    (b"ab", {"$": "bytes", "base64": "YWI="}),
    (numpy.zeros(2, "float32"), ARRAY),
    (numpy.zeros(2, ">f4"), ARRAY),
    (numpy.float32(0), {"$": "scalar", "dtype": "float32", "base64": "AAAAAA=="}),
    (numpy.dtype("U3"), {"$": "dtype", "name": "U3"}),
    (Discrete(n=4), {"$": "Discrete", "n": 4}),
    (Discrete(n=4, start=1), {"$": "Discrete", "n": 4, "start": 1}),
    (LinearSchedule(start=1.0, end=0.0), {"$": "LinearSchedule", "start": 1.0, "end": 0.0}),
]


@pytest.mark.parametrize(("value", "form"), WRITTEN, ids=title)
def test_what_is_written(value: Any, form: Any) -> None:
    assert same(to_portable(value), form)


def test_arrays_are_read_only() -> None:
    assert not from_portable(ARRAY).flags.writeable


def test_a_whole_number_is_read_where_a_number_is_expected() -> None:
    value = from_portable({"$": "LinearSchedule", "start": 1, "end": 0})
    assert same(value, LinearSchedule(start=1.0, end=0.0))


class Color(IntEnum):
    RED = 1


UNSUPPORTED: list[tuple[Any, str]] = [
    (Opaque("my.code.Thing", "no recipe knows it"), "found my.code.Thing, which is not understood: no recipe knows it"),
    ({"a": [1, {"b": Opaque("x.Y", "z")}]}, "at ['a'][1]['b'], found x.Y"),
    (
        Dict(spaces={"a": Discrete(n=2, random_state=Opaque("x.Y", "z"))}),
        "at .spaces['a'].random_state, found x.Y",
    ),
    (object(), "found builtins.object"),
    (Color.RED, "Color"),
    (OrderedDict, "found builtins.type"),
    (numpy.array([None]), "found: expected the dtype to be a dtype of numbers, found |O"),
    (numpy.zeros(2, "M8[D]"), "a dtype of numbers, found <M8[D]"),
    (numpy.zeros(2, [("a", "f4")]), "found one with named fields"),
    (1 << 5000, "an integer of at most 4096 bits"),
    ({1 + 2j: 1}, "expected keys that are numbers, text or names, found a complex"),
]


@pytest.mark.parametrize(("value", "message"), UNSUPPORTED, ids=title)
def test_what_has_no_portable_form(value: Any, message: str) -> None:
    with pytest.raises(UnsupportedError) as raised:
        to_portable(value)
    assert message in str(raised.value)


def tuple_of(item: Any) -> Any:
    return {"$": "tuple", "items": [item]}


BROKEN: list[tuple[Any, str]] = [
    ({"$": "Pickle"}, "expected one of the known tags, found 'Pickle'"),
    ({"$": 3}, "expected one of the known tags, found a int"),
    ({"a": [{"$": "x" * 500}]}, "known tags at ['a'][0], found 'xxx"),
    ((1, 2), "expected JSON, found a tuple"),
    ({1: 2}, "the names of an object to be text, found a int"),
    (1 << 63, "expected an integer of 64 bits, found a larger one"),
    ([object()], "expected JSON at [0], found a object"),
    ({"$": "tuple"}, "expected the field 'items', in a value tagged 'tuple', found none"),
    ({"$": "tuple", "items": [], "more": 1}, "expected no field 'more', in a value tagged 'tuple'"),
    ({"$": "tuple", "items": {}}, "to be a list, found a dict"),
    ({"$": "dict", "items": [[1]]}, "pairs of a key and a value"),
    ({"$": "dict", "items": [[1, 2], [1, 3]]}, "found the same twice"),
    ({"$": "dict", "items": [[[1], 2]]}, "expected keys that are numbers, text or names, found a list"),
    ({"$": "set", "items": [{"$": "complex", "real": 1, "imag": 2}]}, "expected keys that are numbers, text or names"),
    ({"$": "set", "items": [1 << 60]}, "a key of at most 60 bits"),
    ({"$": "set", "items": [{"$": "integer", "value": "9" * 50}]}, "a key of at most 60 bits"),
    ({"$": "set", "items": [{"$": "tuple", "items": [tuple_of(tuple_of(tuple_of(1)))]}]}, "nested deeper"),
    ({"$": "set", "items": [1, 1]}, "found the same twice"),
    ({"$": "set", "items": [1, True]}, "found the same twice"),
    ({"$": "deque", "items": [1, 2], "maxlen": 1}, "expected maxlen from 2"),
    ({"$": "deque", "items": [], "maxlen": 1 << 40}, "expected maxlen from 0"),
    ({"$": "deque", "items": [], "maxlen": "1"}, "to be a whole number, found a str"),
    ({"$": "integer", "value": "0x10"}, "an integer in decimal digits"),
    ({"$": "integer", "value": "9" * 2000}, "an integer in decimal digits"),
    ({"$": "integer", "value": "١٢"}, "an integer in decimal digits"),
    ({"$": "integer", "value": 12}, "to be text, found a int"),
    ({"$": "bytes", "base64": "YWI"}, "to be base64 with padding"),
    ({"$": "bytes", "base64": "Y*I="}, "to be base64 with padding"),
    ({"$": "bytes", "base64": "é"}, "to be base64 with padding"),
    ({**ARRAY, "shape": [3]}, "expected 12 bytes for an array of shape (3,), found 8"),
    ({**ARRAY, "shape": [1 << 62, 1 << 62]}, "from 0 to"),
    ({**ARRAY, "shape": [-1]}, "from 0 to"),
    ({**ARRAY, "shape": [2.0]}, "found a float"),
    ({**ARRAY, "shape": 2}, "to be a list, found a int"),
    ({**ARRAY, "shape": [1] * 33}, "at most 32 sizes"),
    ({**ARRAY, "dtype": "object"}, "to be a dtype, found 'object'"),
    ({**ARRAY, "dtype": "O"}, "to be a dtype, found 'O'"),
    ({**ARRAY, "dtype": "f4"}, "to be a dtype, found 'f4'"),
    ({**ARRAY, "dtype": "U0"}, "to be a dtype, found 'U0'"),
    ({**ARRAY, "dtype": "U1", "base64": "/////wAAAAA="}, "characters beyond Unicode"),
    ({"$": "scalar", "dtype": "float64", "base64": "AAAAAA=="}, "expected whole elements of 8 bytes, found 4 bytes"),
    ({"$": "path", "path": "a", "flavour": "amiga"}, "the flavour posix or windows"),
    ({"$": "path", "path": "a\0b"}, "text without NUL"),
    ({"$": "Discrete", "n": 0}, "expected n from 1 to"),
    ({"$": "Discrete", "n": True}, "to be a whole number, found a bool"),
    ({"$": "Discrete", "n": 2, "random_state": 3}, "a random state"),
    ({"$": "Box", "low": ARRAY, "high": ARRAY, "shape": [3], "dtype": "float32"}, "to have the shape (3,)"),
    ({"$": "Box", "low": [0], "high": ARRAY, "shape": [2], "dtype": "float32"}, "low to be an array, found a list"),
    ({"$": "Dict", "spaces": [["a", 3]]}, "expected a space, found a int"),
    ({"$": "Dict", "spaces": [[1, {"$": "Discrete", "n": 2}]]}, "the name of a space to be text"),
    ({"$": "ConstantSchedule", "value": "0.5"}, "to be a number, found a str"),
    ({"$": "ConstantSchedule", "value": 1 << 60}, "to be a number, found a int"),
    ({"$": "ConstantSchedule", "value": 1.0, "as_float": 1}, "to be true or false"),
    ({"$": "TableSchedule", "values": ARRAY}, "to be of float64"),
    ({"$": "enum", "enum": {"$": "function", "module": "a", "name": "b"}, "value": 1}, "a reference to an enum"),
    ({"$": "named_tuple", "type": "a.B", "items": []}, "a reference to a class"),
    ({"$": "partial", "function": 1}, "expected a reference"),
    ({"$": "torch_dtype", "name": "qint8"}, "a dtype of torch"),
    ({"$": "TorchTensor", "array": ARRAY, "dtype": "float64"}, "expected content of float64, found float32"),
    (
        {"$": "RandomGenerator", "kind": "Generator", "bit_generator": "PCG64", "state": {}},
        "expected state to hold bit_generator",
    ),
]


@pytest.mark.parametrize(("form", "message"), BROKEN, ids=title)
def test_what_is_not_read(form: Any, message: str) -> None:
    with pytest.raises(FormatError) as raised:
        from_portable(form)
    assert message in str(raised.value)


def test_statistics_must_be_statistics() -> None:
    with pytest.raises(FormatError, match="expected statistics of VecNormalize, found a list"):
        normalization_from_json([])


def test_depth_is_bounded() -> None:
    form: Any = 1
    for _ in range(65):
        form = [form]
    with pytest.raises(LimitError, match="at most 64 deep"):
        from_portable(form)
    assert from_portable(form, limits=Limits(depth=65)) == form
    for _ in range(100_000):
        form = [form]
    with pytest.raises(LimitError, match="than Python can follow"):
        from_portable(form, limits=Limits(depth=10**6))
    with pytest.raises(LimitError, match="than Python can follow"):
        to_portable(form)


def test_keys_that_could_collide_are_counted() -> None:
    form = {"$": "set", "items": [{"$": "tuple", "items": [number, 0]} for number in range(4097)]}
    with pytest.raises(LimitError, match="at most 4096 tuples as keys"):
        from_portable(form)
    with pytest.raises(LimitError, match="a tuple of at most 64 values"):
        from_portable({"$": "set", "items": [{"$": "tuple", "items": list(range(65))}]})


def test_a_long_key_above_many_items_costs_nothing() -> None:
    """Each item's place is known, and written out only where there is something to say, and then cut."""
    form = {"k" * 200_000: [*range(100_000), {"$": "x"}]}
    with pytest.raises(FormatError) as raised:
        from_portable(form)
    assert f" at ['{'k' * 40}'][100000], found 'x'" in str(raised.value)
    assert len(str(raised.value)) < 400


def test_a_number_keeps_its_sign_and_its_kind() -> None:
    for number in (0.0, -0.0, float("inf"), float("nan"), 5e-324, 0.1):
        assert same(from_portable(json.loads(json.dumps(to_portable(number)))), number)


def test_fields_that_hold_their_default_are_left_out() -> None:
    table = TableSchedule(values=numpy.zeros(2))
    assert list(to_portable(table)) == ["$", "values"]
    whole = Box(low=numpy.zeros(2), high=numpy.ones(2), shape=(2,), dtype=numpy.dtype("float64"))
    assert "random_state" not in to_portable(whole)


def test_every_tag_and_type_stands_once() -> None:
    assert len({form.tag for form in FORMS}) == len({form.type for form in FORMS}) == len(FORMS)
