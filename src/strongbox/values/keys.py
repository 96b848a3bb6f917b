"""Which values may be keys of dictionaries and elements of sets.

Scalars, names and paths, and tuples of these at most two deep. Python hashes numbers without a secret,
so a file could choose keys that all collide, and a dictionary of n such keys takes n² steps to fill.
Integers of 60 bits cannot collide; tuples of numbers can, and are counted; complex numbers can, and are
no keys. Text is hashed with a secret, and so is all that is made of it.
"""

from __future__ import annotations

from typing import Any

import numpy

from ..errors import FormatError, LimitError
from .checks import kind_of
from .references import ClassReference, EnumMember, FunctionReference
from .torch_values import Device, TorchDtype

__all__ = ["Keys"]

KEY_BITS = 60
KEY_ITEMS = 64
TUPLE_KEYS = 4096
"""Keys that are tuples, in one value; real archives hold a handful."""

PLAIN = frozenset({type(None), bool, float, str, bytes, Device, TorchDtype})
NAMED = (ClassReference, FunctionReference)
NUMPY = (numpy.integer, numpy.floating, numpy.bool_, numpy.str_, numpy.bytes_)


class Keys:
    """Looks at the keys of one value, and counts those that are tuples."""

    def __init__(self) -> None:
        self.tuples = 0

    def check(self, key: Any) -> Any:
        """The key itself; raises FormatError where it may not be one, LimitError where there are too many."""
        if type(key) is not tuple:
            _check_scalar(key)
            return key
        self.tuples += 1
        if self.tuples > TUPLE_KEYS:
            raise LimitError(f"expected at most {TUPLE_KEYS} tuples as keys, found more.")
        inner = [item for item in key if type(item) is tuple]
        if len(key) + sum(map(len, inner)) > KEY_ITEMS:
            raise LimitError(f"expected a tuple of at most {KEY_ITEMS} values as a key, found a longer one.")
        for item in (part for whole in (key, *inner) for part in whole):
            if type(item) is not tuple:
                _check_scalar(item)
        if any(type(item) is tuple for whole in inner for item in whole):
            raise FormatError("expected a key that is a shallow tuple, found tuples nested deeper")
        return key


def _check_scalar(key: Any) -> None:
    if type(key) in PLAIN or isinstance(key, (*NAMED, *NUMPY)):
        return
    number = key.value if isinstance(key, EnumMember) else key
    if type(number) is int and number.bit_length() > KEY_BITS:
        raise FormatError(f"expected a key of at most {KEY_BITS} bits, found a larger number")
    if type(number) is not int and not isinstance(key, EnumMember) and not _is_path(key):
        raise FormatError(f"expected keys that are numbers, text or names, found {kind_of(key)}")


def _is_path(key: Any) -> bool:
    from pathlib import PurePosixPath, PureWindowsPath  # Few archives have a path, and many processes no need of one.

    return type(key) in (PurePosixPath, PureWindowsPath)
