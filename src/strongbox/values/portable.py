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

from typing import Any

from ..errors import FormatError, LimitError, StrongboxError, UnsupportedError
from ..limits import DEFAULT_LIMITS, Limits
from .checks import kind_of
from .equality import same
from .forms import BY_TAG, BY_TYPE, FOR_SUBCLASSES, Form, Json, is_plain_object, plain_integer
from .keys import Keys
from .normalization import Normalization
from .opaque import Opaque
from .place import Place

__all__ = ["from_portable", "normalization_from_json", "normalization_to_json", "to_portable"]

AS_THEY_ARE = frozenset({type(None), bool, float, str})
"""Types whose values mean themselves, and are most of what there is: told without a call."""


def to_portable(value: Any) -> Json:
    """The portable form of a value, as what ``json.dumps`` takes; the same value gives the same form.

    Raises UnsupportedError, naming the path, where a part of it is Opaque or of a type that is none
    of Strongbox's values.
    """
    try:
        return _Writer().value(value, Place())
    except RecursionError:
        raise LimitError("expected values nested less deeply than Python can follow, found more.") from None


def from_portable(form: Json, *, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The value that a portable form stands for; raises FormatError or LimitError.

    ``form`` is what ``json.loads`` returned. Arrays are read-only.
    """
    try:
        return _Reader(limits).value(form, Place())
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

    def __init__(self) -> None:
        self._keys = Keys()

    def key(self, key: Any, place: Place) -> Json:
        """The form of a key of a dictionary or an element of a set."""
        return self.value(self._keys.check(key), place)

    def value(self, value: Any, place: Place) -> Json:
        """The form of a value that stands at ``place``."""
        kind = type(value)
        if kind in AS_THEY_ARE or (kind is int and plain_integer(value)):
            return value
        if kind is list:
            return [self.value(item, place.item(index)) for index, item in enumerate(value)]
        if kind is dict and is_plain_object(value):
            return {
                name: item if type(item) in AS_THEY_ARE else self.value(item, place.item(name))
                for name, item in value.items()
            }
        form = BY_TYPE.get(kind) or next((form for form in FOR_SUBCLASSES if isinstance(value, form.type)), None)
        if form is None:
            raise _unsupported(value, place)
        try:
            return {"$": form.tag, **self._fields(form, form.take(value), place)}
        except FormatError as error:
            raise UnsupportedError(f"expected a value with a portable form{place.at}, found: {error.problem}") from None

    def _fields(self, form: Form, parts: dict[str, Any], place: Place) -> dict[str, Json]:
        written: dict[str, Json] = {}
        for name, part in form.fields.items():
            if name in form.defaults and same(parts[name], form.defaults[name]):
                continue
            written[name] = part.write(self, parts[name], place.field(name) if form.is_record else place)
        return written


class _Reader:
    """JSON to values."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._depth = 0
        self._keys = Keys()

    def key(self, form: Json, place: Place) -> Any:
        """The key of a dictionary or element of a set that a form stands for."""
        return self._keys.check(self.value(form, place))

    def value(self, form: Json, place: Place) -> Any:
        """The value of a form that stands at ``place``."""
        kind = type(form)
        if form is None or kind in (bool, float, str):
            return form
        if kind is int:
            if plain_integer(form):
                return form
            raise FormatError(f"expected an integer of 64 bits{place.at}, found a larger one.")
        if kind not in (list, dict):
            raise FormatError(f"expected JSON{place.at}, found {kind_of(form)}.")
        if self._depth >= self._limits.depth:
            raise LimitError(f"expected values nested at most {self._limits.depth} deep, found more.")
        self._depth += 1
        value = self._container(form, place)
        self._depth -= 1
        return value

    def _container(self, form: Any, place: Place) -> Any:
        if type(form) is list:
            return [self.value(item, place.item(index)) for index, item in enumerate(form)]
        if "$" not in form:
            return {_name(name): self.value(item, place.item(name)) for name, item in form.items()}
        tag = form["$"]
        row = BY_TAG.get(tag) if type(tag) is str else None
        if row is None:
            shown = repr(tag[:60]) if type(tag) is str else kind_of(tag)
            raise FormatError(f"expected one of the known tags{place.at}, found {shown}.")
        parts = self._fields(row, form, place)
        try:
            return row.make(parts)
        except LimitError:
            raise
        except StrongboxError as error:
            raise FormatError(f"{error.problem.rstrip('.')}{place.at}, in a value tagged {row.tag!r}.") from None

    def _fields(self, row: Form, form: dict[str, Json], place: Place) -> dict[str, Any]:
        for name in form:
            if name != "$" and name not in row.fields:
                raise FormatError(f"expected no field {str(name)[:60]!r}{place.at}, in a value tagged {row.tag!r}.")
        parts = dict(row.defaults)
        for name, part in row.fields.items():
            if name in form:
                parts[name] = part.read(self, form[name], place.field(name) if row.is_record else place)
            elif name not in row.defaults:
                raise FormatError(f"expected the field {name!r}{place.at}, in a value tagged {row.tag!r}, found none.")
        return parts


def _unsupported(value: Any, place: Place) -> UnsupportedError:
    if isinstance(value, Opaque):
        return UnsupportedError(
            f"expected a value with a portable form{place.at}, found {value.type}, which is not understood: "
            f"{value.reason}.",
            hint="Leave it out, or replace it by something that Strongbox knows.",
        )
    shown = f"{type(value).__module__}.{type(value).__qualname__}"
    return UnsupportedError(f"expected a value with a portable form{place.at}, found {shown}.")


def _name(name: Any) -> str:
    if type(name) is not str:
        raise FormatError(f"expected the names of an object to be text, found {kind_of(name)}.")
    return name
