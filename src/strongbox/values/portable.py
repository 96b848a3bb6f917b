"""The portable form of values: JSON alone, by a declared type, with no pickle needed to read it.

Rules:

- null, true, false, integers of 64 bits, numbers, text, lists, and objects without the key ``"$"``
  mean themselves. NaN, Infinity and -Infinity are numbers, as in the JSON that Python writes.
- Anything else is an object ``{"$": TAG, …}``. FORMS has one row for each tag: the type it stands for
  and its fields in order. The same row writes and reads.
- A field may be left out where it has a default, and is, where it holds that default.
- Bytes are base64 with padding; the elements of arrays are little-endian, the last index fastest.
- The reader is strict: an unknown tag, an unknown or missing field, or content of another type is a
  FormatError that says where; what the values themselves check, they check here too.

``from_portable(to_portable(value))`` is the same value, for every value without an Opaque part.
"""

from __future__ import annotations

import json
from typing import Any

from ..errors import FormatError, LimitError, StrongboxError, UnsupportedError
from ..limits import DEFAULT_LIMITS, Limits
from .checks import kind_of
from .equality import same
from .forms import BY_TAG, BY_TYPE, FOR_SUBCLASSES, Form, Json, is_plain_object, plain_integer
from .normalization import Normalization
from .opaque import Opaque

__all__ = ["from_portable", "normalization_from_json", "normalization_to_json", "to_portable"]


def to_portable(value: Any) -> Json:
    """The portable form of a value, as what ``json.dumps`` takes; the same value gives the same form.

    Raises UnsupportedError, naming the path, where a part of it is Opaque or of a type that is none
    of Strongbox's values.
    """
    try:
        return _Writer().write(value, "")
    except RecursionError:
        raise LimitError("expected values nested less deeply than Python can follow, found more.") from None


def from_portable(form: Json, *, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The value that a portable form stands for; raises FormatError or LimitError.

    ``form`` is what ``json.loads`` returned. Arrays are read-only.
    """
    try:
        return _Reader(limits).read(form, "")
    except RecursionError:
        raise LimitError("expected values nested less deeply than Python can follow, found more.") from None


def normalization_to_json(normalization: Normalization) -> Json:
    """The statistics of VecNormalize in portable form, as ``normalize.json`` holds them."""
    return to_portable(normalization)


def normalization_from_json(form: Json, *, limits: Limits = DEFAULT_LIMITS) -> Normalization:
    """The statistics of VecNormalize from their portable form; raises FormatError or LimitError."""
    value = from_portable(form, limits=limits)
    if not isinstance(value, Normalization):
        raise FormatError(f"expected statistics of VecNormalize, found {kind_of(value)}.")
    return value


class _Writer:
    """Values to JSON."""

    def write(self, value: Any, path: str) -> Json:
        """The form of a value that stands at ``path``."""
        kind = type(value)
        if value is None or kind in (bool, float, str) or (kind is int and plain_integer(value)):
            return value
        if kind is list:
            return [self.write(item, f"{path}[{index}]") for index, item in enumerate(value)]
        if kind is dict and is_plain_object(value):
            return {name: self.write(item, f"{path}[{name!r}]") for name, item in value.items()}
        form = BY_TYPE.get(kind) or next((form for form in FOR_SUBCLASSES if isinstance(value, form.type)), None)
        if form is None:
            raise _unsupported(value, path)
        try:
            return {"$": form.tag, **self._fields(form, form.take(value), path)}
        except FormatError as error:
            raise UnsupportedError(
                f"expected a value with a portable form{_at(path)}, found: {error.problem}"
            ) from None

    def _fields(self, form: Form, parts: dict[str, Any], path: str) -> dict[str, Json]:
        written: dict[str, Json] = {}
        for name, part in form.fields.items():
            if name in form.defaults and same(parts[name], form.defaults[name]):
                continue
            written[name] = part.write(self.write, parts[name], f"{path}.{name}" if form.is_record else path)
        if form.is_sorted:
            written["items"].sort(key=json.dumps)
        return written


class _Reader:
    """JSON to values."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._depth = 0

    def read(self, form: Json, path: str) -> Any:
        """The value of a form that stands at ``path``."""
        kind = type(form)
        if form is None or kind in (bool, float, str):
            return form
        if kind is int:
            if plain_integer(form):
                return form
            raise FormatError(f"expected an integer of 64 bits{_at(path)}, found a larger one.")
        if kind not in (list, dict):
            raise FormatError(f"expected JSON{_at(path)}, found {kind_of(form)}.")
        if self._depth >= self._limits.depth:
            raise LimitError(f"expected values nested at most {self._limits.depth} deep, found more.")
        self._depth += 1
        value = self._container(form, path)
        self._depth -= 1
        return value

    def _container(self, form: Any, path: str) -> Any:
        if type(form) is list:
            return [self.read(item, f"{path}[{index}]") for index, item in enumerate(form)]
        if "$" not in form:
            return {_name(name): self.read(item, f"{path}[{name!r}]") for name, item in form.items()}
        tag = form["$"]
        row = BY_TAG.get(tag) if type(tag) is str else None
        if row is None:
            shown = repr(tag[:60]) if type(tag) is str else kind_of(tag)
            raise FormatError(f"expected one of the known tags{_at(path)}, found {shown}.")
        parts = self._fields(row, form, path)
        try:
            return row.make(parts)
        except LimitError:
            raise
        except StrongboxError as error:
            raise FormatError(f"{error.problem.rstrip('.')}{_at(path)}, in a value tagged {row.tag!r}.") from None

    def _fields(self, row: Form, form: dict[str, Json], path: str) -> dict[str, Any]:
        for name in form:
            if name != "$" and name not in row.fields:
                raise FormatError(f"expected no field {str(name)[:60]!r}{_at(path)}, in a value tagged {row.tag!r}.")
        parts = dict(row.defaults)
        for name, part in row.fields.items():
            if name in form:
                parts[name] = part.read(self.read, form[name], f"{path}.{name}" if row.is_record else path)
            elif name not in row.defaults:
                raise FormatError(f"expected the field {name!r}{_at(path)}, in a value tagged {row.tag!r}, found none.")
        return parts


def _unsupported(value: Any, path: str) -> UnsupportedError:
    if isinstance(value, Opaque):
        return UnsupportedError(
            f"expected a value with a portable form{_at(path)}, found {value.type}, which is not understood: "
            f"{value.reason}.",
            hint="Leave it out, or replace it by something that Strongbox knows.",
        )
    shown = f"{type(value).__module__}.{type(value).__qualname__}"
    return UnsupportedError(f"expected a value with a portable form{_at(path)}, found {shown}.")


def _name(name: Any) -> str:
    if type(name) is not str:
        raise FormatError(f"expected the names of an object to be text, found {kind_of(name)}.")
    return name


def _at(path: str) -> str:
    return f" at {path[:200]}" if path else ""
