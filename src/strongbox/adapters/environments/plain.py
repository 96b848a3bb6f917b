"""Plain data: what an attribute may hold to be captured as it is.

Numbers, text, bytes, arrays, numpy's scalars, members of enumerations and random generators, and lists, tuples, deques,
sets and dictionaries of these, of exactly these types. Everything else has to be understood in another way or is
reported.

A copy of plain data is made of values with a portable form, so generators become
:class:`~strongbox.values.RandomGenerator`; its arrays lie in memory as the original's do. The way back,
:func:`revive`, gives live data that nobody else holds.
"""

from __future__ import annotations

import enum
from collections import OrderedDict, deque
from typing import Any

import numpy

from ...errors import CheckpointError
from ...values import ClassReference, EnumMember, RandomGenerator
from ..generators import (
    fill_generator,
    hold_generator,
    is_generator,
    make_generator,
    read_generator,
    refuse_state,
)
from .axes import copy_array

__all__ = ["MOST_PARTS", "NotPlain", "copy_plain", "expect_mapping", "hold_plain", "refuse", "revive"]

MOST_PARTS = 1_000_000
"""Numbers, texts and containers in the data of one attribute."""
DEEPEST = 16
INTEGER_BITS = 4096
SMALL = 1 << 63
KEY_BITS = 60
MOST_TUPLE_KEYS = 4096
MOST_KEY_ITEMS = 64

SCALARS = frozenset({type(None), bool, float, complex, str, bytes})
NAMES = frozenset({str})
SEQUENCES = (list, tuple, deque)
SETS = (set, frozenset)
MAPPINGS = (dict, OrderedDict)

TOO_MUCH = "larger or nested deeper than what is captured of an attribute"


class NotPlain(Exception):
    """An object that is not plain data; the message says what it is."""


def copy_plain(value: Any, *, most: int = MOST_PARTS) -> Any:
    """A copy that holds nothing of the original; raises NotPlain, also for more than ``most`` parts."""
    return _Copier(most).copy(value, 0)


def hold_plain(value: Any) -> Any:
    """A copy as of :func:`copy_plain`; where the value is a generator, its state is copied and read later."""
    kind = type(value)
    if kind in SCALARS or (kind is int and -SMALL < value < SMALL):
        return value
    return hold_generator(value) if is_generator(value) else copy_plain(value)


class _Copier:
    """Copies one tree, counting its parts."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._tuple_keys = 0

    def copy(self, value: Any, depth: int) -> Any:
        kind = type(value)
        self._left -= 1
        if self._left < 0 or depth > DEEPEST:
            raise NotPlain(TOO_MUCH)
        if kind in SCALARS or (kind is int and value.bit_length() <= INTEGER_BITS):
            return value
        if kind is numpy.ndarray or isinstance(value, numpy.generic):
            return _copy_elements(value)
        if kind in SEQUENCES:
            items = self._copy_items(value, depth + 1)
            return deque(items, value.maxlen) if kind is deque else kind(items)
        if kind in MAPPINGS:
            if not NAMES.issuperset(map(type, value)):
                value = {self._key(key): item for key, item in value.items()}
            return kind([(key, self.copy(item, depth + 1)) for key, item in value.items()])
        if kind in SETS:
            return kind(self._key(item) for item in value)
        if kind is bytearray:
            return bytearray(value)
        if is_generator(value):
            return read_generator(value)
        if isinstance(value, enum.Enum) and type(value.value) in (int, str):
            return EnumMember(enum=ClassReference(kind.__module__, kind.__qualname__), value=value.value)
        raise NotPlain(f"{getattr(kind, '__module__', '')}.{kind.__qualname__}".lstrip("."))

    def _copy_items(self, items: Any, depth: int) -> Any:
        """The items of a sequence: scalars, as the rewards of an episode are, are their own copies."""
        if not SCALARS.issuperset(map(type, items)):
            return [self.copy(item, depth) for item in items]
        self._left -= len(items)
        if self._left < 0 or depth > DEEPEST:
            raise NotPlain(TOO_MUCH)
        return items

    def _key(self, key: Any) -> Any:
        """A key that the portable form can hold."""
        items = key if type(key) is tuple else (key,)
        self._tuple_keys += type(key) is tuple
        if self._tuple_keys > MOST_TUPLE_KEYS or len(items) > MOST_KEY_ITEMS:
            raise NotPlain("a dictionary with more tuples as keys, or longer ones, than are captured")
        for item in items:
            if not _is_key(item):
                raise NotPlain(f"a dictionary or set with a {type(item).__qualname__} as a key")
        return key


def _is_key(item: Any) -> bool:
    """Whether something may be a key, or one of the items of a tuple that is one."""
    kind = type(item)
    short = kind is int and item.bit_length() <= KEY_BITS
    known = isinstance(item, numpy.integer | numpy.floating | numpy.bool_)
    return short or known or kind in (type(None), bool, float, str, bytes)


def _copy_elements(value: Any) -> Any:
    dtype = value.dtype
    if dtype.kind not in "biufcUS" or not dtype.isnative or dtype.itemsize == 0 or dtype.char in "gG":
        raise NotPlain(f"an array of {dtype}")
    return copy_array(value) if isinstance(value, numpy.ndarray) else value


# -- the way back ---------------------------------------------------------------------------------


def revive(value: Any, live: Any = None) -> Any:
    """Live data for a copy that is to take the place of ``live``.

    A live generator is written in place and returned; an array lies in memory as that of the copy does. Raises
    CheckpointError for a value that is no plain data.
    """
    if isinstance(value, RandomGenerator):
        if not is_generator(live):
            return make_generator(value)
        return fill_generator(live, value)
    if isinstance(value, EnumMember):
        return _revive_member(value, live)
    if isinstance(value, numpy.ndarray):
        return copy_array(value)
    kind = type(value)
    if kind in SEQUENCES:
        items = [revive(item) for item in value]
        return deque(items, value.maxlen) if kind is deque else kind(items)
    if kind in MAPPINGS:
        return kind((_revive_key(key), revive(item)) for key, item in value.items())
    if kind in SETS:
        return kind(map(_revive_key, value))
    if kind is bytearray:
        return bytearray(value)
    if kind in SCALARS or kind is int or isinstance(value, numpy.generic):
        return value
    raise CheckpointError(f"expected plain data, found {kind.__name__}.")


def _revive_key(key: Any) -> Any:
    for item in key if type(key) is tuple else (key,):
        if not _is_key(item):
            raise CheckpointError(f"expected plain data as a key, found {type(item).__name__}.")
    return key


def _revive_member(value: EnumMember, live: Any) -> enum.Enum:
    """Another member of the class that the live one is of; no class is looked up by a name."""
    kind: Any = type(live)
    if not isinstance(live, enum.Enum) or kind.__qualname__ != value.enum.name:
        raise CheckpointError(f"expected {_kind(live)}, found a member of {value.enum.name[:60]!r}.")
    try:
        member: enum.Enum = kind(value.value)
    except ValueError:
        raise CheckpointError(f"expected a member of {kind.__qualname__}, found none of that value.") from None
    return member


def refuse(live: Any, value: Any, *, strict: bool) -> str | None:
    """Why a value may not take the place of live data, or None where it may.

    ``strict`` is for classes whose code is known, where a value of another kind, an array of another shape can only
    be wrong. What fits an attribute of one's own class only its code knows; there a generator has to stay one.
    """
    if isinstance(value, RandomGenerator) or is_generator(live):
        return _refuse_generator(live, value)
    if not strict or live is None:
        return None
    expected, found = _kind(live), _kind(value)
    if value is None and isinstance(live, tuple | bool | int | float | numpy.number):
        return None
    if expected != found:
        return f"expected {expected}, found {found}"
    if isinstance(live, numpy.ndarray) and isinstance(value, numpy.ndarray):
        return _refuse_array(live, value)
    if any(isinstance(live, kind) != isinstance(value, kind) for kind in (list, deque)):
        return f"expected a {type(live).__name__}, found a {type(value).__name__}"
    if isinstance(live, deque) and live.maxlen != value.maxlen:
        return f"expected a deque of at most {live.maxlen} items, found one of {value.maxlen}"
    return _refuse_items(live, value)


def _refuse_generator(live: Any, value: Any) -> str | None:
    if not isinstance(value, RandomGenerator) or not (live is None or is_generator(live)):
        return f"expected {_kind(live)}, found {_kind(value)}"
    return None if live is None else refuse_state(live, value)


def _refuse_array(live: Any, value: Any) -> str | None:
    floats = live.dtype.kind == value.dtype.kind == "f"  # classic control changes between the two as it goes
    if not (floats or live.dtype == value.dtype) or (live.shape != value.shape and live.size and value.size):
        return f"expected {live.dtype} of {live.shape}, found {value.dtype} of {value.shape}"
    return None


def _refuse_items(live: Any, value: Any) -> str | None:
    """Look at what containers hold, by the first thing that the live one holds."""
    if isinstance(live, dict):
        if live and all(isinstance(item, numpy.ndarray) for item in live.values()) and set(live) != set(value):
            return "expected arrays of the same names"
        pairs = [(live[key], item) for key, item in value.items() if key in live]
    elif isinstance(live, list | deque) and live and not isinstance(value, numpy.ndarray):
        pairs = [(live[0], item) for item in value]
    elif isinstance(live, tuple | numpy.ndarray) and isinstance(value, tuple | list | numpy.ndarray):
        return None if len(live) == len(value) else f"expected {len(live)} items, found {len(value)}"
    else:
        return None
    return next((problem for one, item in pairs if (problem := refuse(one, item, strict=True))), None)


KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((bool, int, float, complex, numpy.bool_, numpy.number), "a number"),
    ((str, numpy.str_), "text"),
    ((bytes, bytearray, numpy.bytes_), "bytes"),
    ((list, tuple, deque, numpy.ndarray), "a row of values"),
    ((dict,), "a mapping"),
    ((set, frozenset), "a set"),
    ((RandomGenerator, numpy.random.Generator, numpy.random.RandomState), "a random generator"),
)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, numpy.ndarray) and value.ndim == 0:
        return "a number"  # which an array without dimensions becomes as soon as numpy computes with it
    return next((name for kinds, name in KINDS if isinstance(value, kinds)), type(value).__name__)


def expect_mapping(value: Any, what: str) -> dict[str, Any]:
    """A dictionary with text as keys; raises CheckpointError where it is none."""
    if type(value) is not dict or any(type(name) is not str for name in value):
        raise CheckpointError(f"expected {what} to be a mapping by name, found {type(value).__name__}.")
    return value
