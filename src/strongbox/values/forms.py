"""The table of the portable form: one row for each tag.

A row names the type that a tag stands for and its fields in order. Each field has a part: how its
content is written and read, and what a person calls it. Rows of dataclasses take and make their values
by the names of their fields; the others have functions of their own.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import MISSING, field, fields
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any, Protocol, TypeAlias

import numpy

from ..errors import FormatError
from ..records import record
from . import checks, generators, jax_values, noise, normalization, references, schedules, spaces, torch_values
from .place import Place

__all__ = ["BY_TAG", "BY_TYPE", "FORMS", "FOR_SUBCLASSES", "Form", "Json", "Part", "is_plain_object", "plain_integer"]

Json: TypeAlias = Any
"""None, bool, int, float, str, list, dict with text as keys: what JSON can say."""


class Walk(Protocol):
    """How a part writes or reads what is inside it: a value, or a key, and its place."""

    def value(self, content: Any, place: Place) -> Any:
        """Write or read a value."""

    def key(self, content: Any, place: Place) -> Any:
        """Write or read a key of a dictionary or an element of a set."""


KEYS = frozenset({str})

MOST_BITS = 4096
"""Bits of an integer; Python refuses to print or read much longer ones."""

# --------------------------------------------------------------------------------------------------
# Parts: the content of a field


@record(frozen=True)
class Part:
    """How the content of a field is written and read, and what to call it in the documentation."""

    shown: str
    write: Callable[[Walk, Any, Place], Json]
    read: Callable[[Walk, Json, Place], Any]


def _same(_: Walk, value: Any, place: Place) -> Json:
    return value


def _read_text(_: Walk, form: Json, place: Place) -> str:
    return checks.text(form, place)


def _read_whole(_: Walk, form: Json, place: Place) -> int:
    return checks.whole(form, place, -(2**63), 2**63 - 1)


def _read_number(_: Walk, form: Json, place: Place) -> float:
    # Other languages write 1.0 as 1.
    return float(form) if type(form) is int and abs(form) <= 2**53 else checks.number(form, place)


def _read_flag(_: Walk, form: Json, place: Place) -> bool:
    return checks.flag(form, place)


def _list(form: Json, place: Place) -> list[Json]:
    if type(form) is not list:
        raise FormatError(f"expected {place} to be a list, found {checks.kind_of(form)}")
    return form


def _write_values(walk: Walk, values: Any, place: Place) -> list[Json]:
    return [walk.value(value, place.item(index)) for index, value in enumerate(values)]


def _read_values(walk: Walk, form: Json, place: Place) -> tuple[Any, ...]:
    return tuple([walk.value(item, place.item(index)) for index, item in enumerate(_list(form, place))])


def _write_elements_of_set(walk: Walk, values: Any, place: Place) -> list[Json]:
    return sorted((walk.key(value, place) for value in values), key=json.dumps)


def _read_elements_of_set(walk: Walk, form: Json, place: Place) -> frozenset[Any]:
    elements = frozenset([walk.key(item, place) for item in _list(form, place)])
    checks.check(len(elements) == len(form), "expected different elements, found the same twice")
    return elements


def _write_pairs(walk: Walk, items: Any, place: Place) -> list[Json]:
    return [[walk.key(key, place), walk.value(value, place.item(key))] for key, value in items.items()]


def _read_pairs(walk: Walk, form: Json, place: Place) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    for pair in _list(form, place):
        if len(_list(pair, place)) != 2:
            raise FormatError(f"expected pairs of a key and a value at {place}, found {len(pair)} items")
        key = walk.key(pair[0], place)
        result[key] = walk.value(pair[1], place.item(key))
    checks.check(len(result) == len(form), "expected different keys, found the same twice")
    return result


def _write_bytes(_: Walk, content: Any, place: Place) -> str:
    return base64.b64encode(content).decode("ascii")


def _read_bytes(_: Walk, form: Json, place: Place) -> bytes:
    try:
        return base64.b64decode(checks.text(form, place), validate=True)
    except (binascii.Error, ValueError):
        raise FormatError(f"expected {place} to be base64 with padding") from None


def _write_sizes(_: Walk, sizes: tuple[int, ...], place: Place) -> list[int]:
    return list(sizes)


def _read_sizes(_: Walk, form: Json, place: Place) -> tuple[int, ...]:
    return checks.shape(tuple(_list(form, place)), place)


def _write_n(_: Walk, n: int | tuple[int, ...], place: Place) -> Json:
    return list(n) if isinstance(n, tuple) else n


def _read_n(walk: Walk, form: Json, place: Place) -> int | tuple[int, ...]:
    return _read_sizes(walk, form, place) if type(form) is list else _read_whole(walk, form, place)


def _write_dtype(_: Walk, dtype: numpy.dtype[Any], place: Place) -> str:
    checks.element_type(dtype, "the dtype", texts=True)
    name: str = f"{dtype.kind}{numpy.dtype(dtype).str[2:]}" if dtype.kind in "US" else dtype.name
    return name


TEXT_DTYPE = re.compile(r"[US][1-9][0-9]{0,5}")
NUMBER_DTYPES = {dtype.name: dtype for dtype in checks.NUMBER_TYPES}


def _read_dtype(_: Walk, form: Json, place: Place) -> numpy.dtype[Any]:
    name = checks.text(form, place)
    if name in NUMBER_DTYPES:
        return NUMBER_DTYPES[name]
    if TEXT_DTYPE.fullmatch(name):
        return numpy.dtype(name)
    raise FormatError(f"expected {place} to be a dtype, found {name[:60]!r}")


def _write_elements(_: Walk, array: checks.Array, place: Place) -> str:
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()).decode("ascii")


def _read_digits(_: Walk, form: Json, place: Place) -> int:
    text = checks.text(form, place)
    if not re.fullmatch(r"-?[0-9]{1,1300}", text):
        raise FormatError(f"expected {place} to be an integer in decimal digits")
    return int(text)


def _write_digits(_: Walk, value: int, place: Place) -> str:
    checks.check(value.bit_length() <= MOST_BITS, f"expected an integer of at most {MOST_BITS} bits")
    return str(value)


def _optional(part: Part) -> Part:
    """A part that may also be null."""
    return Part(
        f"{part.shown} or null",
        lambda walk, value, place: None if value is None else part.write(walk, value, place),
        lambda walk, form, place: None if form is None else part.read(walk, form, place),
    )


def _value(walk: Walk, value: Any, place: Place) -> Any:
    return walk.value(value, place)


TEXT = Part("text", _same, _read_text)
WHOLE = Part("integer", _same, _read_whole)
NUMBER = Part("number", _same, _read_number)
FLAG = Part("true or false", _same, _read_flag)
VALUE = Part("value", _value, _value)
VALUES = Part("list of values", _write_values, _read_values)
ELEMENTS_OF_SET = Part("list of values", _write_elements_of_set, _read_elements_of_set)
PAIRS = Part("list of pairs [key, value]", _write_pairs, _read_pairs)
BASE64 = Part("bytes in base64", _write_bytes, _read_bytes)
DIGITS = Part("text of decimal digits", _write_digits, _read_digits)
SIZES = Part("list of integers", _write_sizes, _read_sizes)
SIZE_OR_SIZES = Part("integer or list of integers", _write_n, _read_n)
DTYPE = Part("name of a dtype", _write_dtype, _read_dtype)
ELEMENTS = Part("elements in base64", _write_elements, _read_bytes)


def _of(part: Part, shown: str) -> Part:
    """The same part under the name of what must stand there; the value itself checks that it does."""
    return Part(shown, part.write, part.read)


ARRAY = _of(VALUE, "`array`")
AMOUNT = _of(VALUE, "`array` or number")
SPACE = _of(VALUE, "a space")
SPACES = _of(VALUES, "list of spaces")
NAMED_SPACES = _of(PAIRS, "list of pairs [text, space]")
STATE = _of(VALUE, "`RandomGenerator` or null")
CLASS = _of(VALUE, "`class`")
REFERENCE = _of(VALUE, "`class` or `function`")
STATISTICS = _of(VALUE, "`RunningStatistics`")
WHOLES = _of(VALUES, "list of integers")
TEXTS = _of(VALUES, "list of text")
NAMED = _of(VALUE, "object or `dict`")

# --------------------------------------------------------------------------------------------------
# Rows


@record(frozen=True)
class Form:
    """One row: a tag, the type it stands for, and its fields.

    ``take`` gives the content of the fields of a value, ``make`` the value. ``is_record`` says that
    the fields have names that a place should show; ``covers_subclasses``, that types derived from the
    type are written by this row too.
    """

    tag: str
    type: type
    fields: dict[str, Part]
    take: Callable[[Any], dict[str, Any]]
    make: Callable[[dict[str, Any]], Any]
    defaults: dict[str, Any] = field(default_factory=dict)
    is_record: bool = False
    covers_subclasses: bool = False


def _record(kind: type, tag: str | None = None, /, **parts: Part) -> Form:
    """The row of a dataclass, by the names of its fields; a space's random state always comes last."""
    if issubclass(kind, spaces.Space):
        parts["random_state"] = STATE
    declared = {item.name: item for item in fields(kind)}
    assert set(declared) == set(parts), kind
    defaults = {name: item.default for name, item in declared.items() if item.default is not MISSING}
    defaults |= {name: item.default_factory() for name, item in declared.items() if item.default_factory is not MISSING}
    return Form(
        tag or kind.__name__,
        kind,
        parts,
        take=lambda value: {name: getattr(value, name) for name in parts},
        make=lambda content: kind(**content),
        defaults=defaults,
        is_record=True,
    )


def _items(tag: str, kind: type, part: Part) -> Form:
    """The row of a container of items."""
    return Form(tag, kind, {"items": part}, lambda value: {"items": value}, lambda content: kind(content["items"]))


def _make_deque(content: dict[str, Any]) -> deque[Any]:
    limit = content["maxlen"]
    if limit is not None:
        checks.whole(limit, "maxlen", len(content["items"]), 2**31)
    return deque(content["items"], limit)


def _make_array(content: dict[str, Any]) -> checks.Array:
    return checks.shape_array(_elements(content), content["shape"])


def _make_scalar(content: dict[str, Any]) -> numpy.generic:
    scalar: numpy.generic = checks.shape_array(_elements(content), (1,))[0]
    return scalar


def _elements(content: dict[str, Any]) -> checks.Array:
    return checks.read_elements(content["base64"], content["dtype"].newbyteorder("<"))


def _take_array(value: checks.Array) -> dict[str, Any]:
    return {"dtype": value.dtype, "shape": value.shape, "base64": value}


def _take_path(value: PurePath) -> dict[str, Any]:
    return {"path": str(value), "flavour": "windows" if isinstance(value, PureWindowsPath) else "posix"}


def _make_path(content: dict[str, Any]) -> PurePath:
    kinds = {"posix": PurePosixPath, "windows": PureWindowsPath}
    checks.check(content["flavour"] in kinds, "expected the flavour posix or windows")
    checks.check("\0" not in content["path"], "expected a path of text without NUL")
    return kinds[content["flavour"]](content["path"])


FORMS: tuple[Form, ...] = (
    _items("tuple", tuple, VALUES),
    Form("dict", dict, {"items": PAIRS}, lambda value: {"items": value}, lambda content: content["items"]),
    Form(
        "ordered_dict",
        OrderedDict,
        {"items": PAIRS},
        lambda value: {"items": value},
        lambda content: OrderedDict(content["items"]),
    ),
    _items("set", set, ELEMENTS_OF_SET),
    _items("frozenset", frozenset, ELEMENTS_OF_SET),
    Form(
        "deque",
        deque,
        {"items": VALUES, "maxlen": _optional(WHOLE)},
        lambda value: {"items": value, "maxlen": value.maxlen},
        _make_deque,
    ),
    Form("bytes", bytes, {"base64": BASE64}, lambda value: {"base64": value}, lambda content: content["base64"]),
    Form(
        "bytearray",
        bytearray,
        {"base64": BASE64},
        lambda value: {"base64": value},
        lambda content: bytearray(content["base64"]),
    ),
    Form("integer", int, {"value": DIGITS}, lambda value: {"value": value}, lambda content: content["value"]),
    Form(
        "complex",
        complex,
        {"real": NUMBER, "imag": NUMBER},
        lambda value: {"real": value.real, "imag": value.imag},
        lambda content: complex(content["real"], content["imag"]),
    ),
    Form(
        "path",
        PurePath,
        {"path": TEXT, "flavour": TEXT},
        _take_path,
        _make_path,
        defaults={"flavour": "posix"},
        covers_subclasses=True,
    ),
    Form("array", numpy.ndarray, {"dtype": DTYPE, "shape": SIZES, "base64": ELEMENTS}, _take_array, _make_array),
    Form(
        "scalar",
        numpy.generic,
        {"dtype": DTYPE, "base64": ELEMENTS},
        lambda value: {"dtype": value.dtype, "base64": numpy.asarray(value)},
        _make_scalar,
        covers_subclasses=True,
    ),
    Form(
        "dtype",
        numpy.dtype,
        {"name": DTYPE},
        lambda value: {"name": value},
        lambda content: content["name"],
        covers_subclasses=True,
    ),
    _record(spaces.Box, low=ARRAY, high=ARRAY, shape=SIZES, dtype=DTYPE),
    _record(spaces.Discrete, n=WHOLE, start=WHOLE, dtype=DTYPE),
    _record(spaces.MultiDiscrete, nvec=ARRAY, start=_optional(ARRAY), dtype=DTYPE),
    _record(spaces.MultiBinary, n=SIZE_OR_SIZES, dtype=DTYPE),
    _record(spaces.Dict, spaces=NAMED_SPACES),
    _record(spaces.Tuple, spaces=SPACES),
    _record(spaces.Text, min_length=WHOLE, max_length=WHOLE, characters=TEXT),
    _record(spaces.Sequence, feature_space=SPACE, stack=FLAG),
    _record(spaces.Graph, node_space=SPACE, edge_space=_optional(SPACE)),
    _record(spaces.OneOf, spaces=SPACES),
    _record(schedules.ConstantSchedule, value=NUMBER, as_float=FLAG),
    _record(schedules.LinearSchedule, start=NUMBER, end=NUMBER, end_fraction=NUMBER, as_float=FLAG),
    _record(schedules.TableSchedule, values=ARRAY, largest_error=NUMBER, source=TEXT, as_float=FLAG),
    _record(noise.NormalNoise, mean=AMOUNT, sigma=AMOUNT, dtype=_optional(DTYPE)),
    _record(
        noise.OrnsteinUhlenbeckNoise,
        mean=AMOUNT,
        sigma=AMOUNT,
        theta=NUMBER,
        dt=NUMBER,
        initial=_optional(AMOUNT),
        previous=_optional(AMOUNT),
        dtype=_optional(DTYPE),
    ),
    _record(noise.VectorizedNoise, base=_of(VALUE, "a noise"), noises=_of(VALUES, "list of noises")),
    _record(
        generators.RandomGenerator,
        kind=TEXT,
        bit_generator=TEXT,
        state=_of(VALUE, "object"),
        seed_sequence=_optional(_of(VALUE, "`SeedSequence`")),
    ),
    _record(
        generators.SeedSequence,
        entropy=_of(VALUE, "integer, `tuple` of integers or null"),
        spawn_key=WHOLES,
        pool_size=WHOLE,
        children=WHOLE,
    ),
    _record(references.ClassReference, "class", module=TEXT, name=TEXT),
    _record(references.FunctionReference, "function", module=TEXT, name=TEXT),
    _record(references.EnumMember, "enum", enum=CLASS, value=_of(VALUE, "integer or text")),
    _record(references.NamedTuple, "named_tuple", type=CLASS, items=VALUES),
    _record(references.Partial, "partial", function=REFERENCE, arguments=VALUES, keywords=NAMED),
    _record(torch_values.TorchTensor, array=ARRAY, dtype=TEXT, device=TEXT, requires_grad=FLAG, parameter=FLAG),
    _record(torch_values.TorchSize, sizes=WHOLES),
    _record(torch_values.Device, "device", name=TEXT),
    _record(torch_values.TorchDtype, "torch_dtype", name=TEXT),
    _record(jax_values.JaxArray, array=ARRAY, weak_type=FLAG),
    _record(jax_values.FlaxModule, type=CLASS, fields=NAMED, code=TEXTS),
    _record(
        jax_values.TrainState,
        type=CLASS,
        step=_of(VALUE, "`JaxArray` or integer"),
        params=VALUE,
        opt_state=VALUE,
        others=NAMED,
        code=TEXTS,
    ),
    _record(jax_values.JaxPolicy, type=CLASS, attributes=NAMED, code=TEXTS),
    _record(normalization.RunningStatistics, mean=ARRAY, var=ARRAY, count=NUMBER),
    _record(
        normalization.Normalization,
        observations=_of(PAIRS, "list of pairs [text, `RunningStatistics`]"),
        rewards=STATISTICS,
        clip_obs=NUMBER,
        clip_reward=NUMBER,
        gamma=NUMBER,
        epsilon=NUMBER,
        training=FLAG,
        norm_obs=FLAG,
        norm_reward=FLAG,
        norm_obs_keys=_optional(_of(VALUES, "list of text")),
        observation_space=_optional(SPACE),
        action_space=_optional(SPACE),
        returns=_optional(ARRAY),
    ),
)
"""Every tag, in the order of the documentation."""

BY_TAG: dict[str, Form] = {form.tag: form for form in FORMS}
BY_TYPE: dict[type, Form] = {form.type: form for form in FORMS if not form.covers_subclasses}
FOR_SUBCLASSES: tuple[Form, ...] = tuple(form for form in FORMS if form.covers_subclasses)


def plain_integer(value: int) -> bool:
    """Whether an integer may stand in JSON as it is."""
    return -(2**63) <= value < 2**63


def is_plain_object(value: dict[Any, Any]) -> bool:
    """Whether a dictionary may stand in JSON as it is."""
    return KEYS.issuperset(map(type, value)) and "$" not in value
