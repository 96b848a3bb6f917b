"""Values become live data again, in place of what a live agent has there.

What others may hold on to stays the same object: generators, arrays, spaces, lists, sets and dictionaries are filled.
A class, a member of an enum, a named tuple are never looked up in whatever module a file names: they are the live
one's, one of Strongbox's list, or, of the latter two, one that a module of the agent's own classes defines or imports.
"""

from __future__ import annotations

import enum
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Collection, Mapping
from typing import Any

import numpy

from ... import values
from ...errors import MismatchError, StrongboxError
from ..generators import fill_generator, is_generator, make_generator, refuse_state
from ..torch_values import refuse_torch_state
from .kinds import framework, is_space, is_torch_generator

__all__ = ["Reviver"]

ROWS = (list, tuple, deque)


class Reviver:
    """Compares values with live data, and puts them there; ``modules`` are those of the agent's own classes."""

    def __init__(self, modules: Collection[str]) -> None:
        self._modules = modules

    # -- may it stand there? -----------------------------------------------------------------------

    def refuse(self, live: Any, value: Any) -> str | None:
        """Why a value may not take the place of live data, or None where it may; changes nothing."""
        if is_torch_generator(live):
            return refuse_torch_state(live, value)
        if is_generator(live) or isinstance(value, values.RandomGenerator):
            return _refuse_generator(live, value)
        if live is not None and value is not None and _kind(live) != _kind(value):
            return f"expected {_kind(live)}, found {_kind(value)}"
        arrays = isinstance(live, numpy.ndarray) and isinstance(value, numpy.ndarray)
        if arrays and (live.dtype.kind != value.dtype.kind or live.shape != value.shape):
            return f"expected {live.dtype} of {live.shape}, found {value.dtype} of {value.shape}"
        try:
            self.build(value, live)
        except StrongboxError as error:
            return error.problem.rstrip(".")
        return None

    # -- putting it there --------------------------------------------------------------------------

    def revive(self, live: Any, value: Any) -> Any:
        """What is to stand in a place: the live object itself, filled, where it can be."""
        if is_torch_generator(live):
            live.set_state(framework("torch").from_numpy(value.copy()))
            return live
        if is_generator(live):
            return fill_generator(live, value)
        new = self.build(value, live)
        kind = type(live)
        items = dict if isinstance(live, dict) else list if isinstance(live, list) else kind
        if isinstance(live, numpy.ndarray) and isinstance(new, numpy.ndarray):
            if live.dtype == new.dtype and live.shape == new.shape and live.flags.writeable:
                live[...] = new
                return live
        elif is_space(live) and live == new:
            _share_generators(live, new)
            return live
        elif isinstance(live, dict) and isinstance(new, dict):
            live.clear()
            for key, item in new.items():
                live[key] = item
            return live
        elif (items in (list, set, bytearray) and type(new) is items) or _same_deque(live, new):
            live.clear()
            live.update(new) if kind is set else live.extend(new)
            return live
        return new

    def build(self, value: Any, live: Any = None) -> Any:
        """A new live object for a value; raises MismatchError where it names what the agent does not have."""
        kind = type(value)
        if kind in ROWS:
            items = [self.build(item, old) for item, old in zip(value, _likeness(live, len(value)), strict=True)]
            return deque(items, value.maxlen) if kind is deque else kind(items)
        if kind in (dict, OrderedDict):
            return self._mapping(value, kind, live)
        if kind in (set, frozenset):
            return kind(map(self.build, value))
        if isinstance(value, numpy.ndarray):
            return value.copy(order="C")
        if isinstance(value, values.RandomGenerator):
            return make_generator(value)
        if isinstance(value, values.EnumMember):
            return self._member(value, live)
        if isinstance(value, values.NamedTuple):
            return self._named_tuple(value, live)
        if isinstance(value, values.ClassReference):
            return self._class(value, live)
        if kind in _THEMSELVES or isinstance(value, numpy.generic | numpy.dtype):
            return bytearray(value) if kind is bytearray else value
        from ..restore import Restorer

        return Restorer()(value)

    def kept(self, value: Any) -> Any:
        """A live object where one can be made of a value alone, otherwise the value."""
        try:
            return self.build(value)
        except (StrongboxError, ImportError):
            return value

    def _mapping(self, value: Mapping[Any, Any], kind: type[dict[Any, Any]], live: Any) -> Any:
        """A dictionary of the kind of the live one, and in one that makes what it lacks, of the kind that it makes."""
        old = live if isinstance(live, dict) else {}
        makes = getattr(old, "default_factory", None) or (lambda: None)
        items = {}
        for key, item in value.items():
            like = makes() if key not in old and isinstance(item, dict) else old.get(key)
            items[self.build(key)] = self.build(item, like)
        if type(live) is defaultdict:
            return defaultdict(live.default_factory, items)
        return Counter(items) if type(live) is Counter else kind(items)

    # -- names -------------------------------------------------------------------------------------

    def _class(self, value: values.ClassReference, live: Any) -> Any:
        if isinstance(live, type) and _is_named(live, value):
            return live
        from ..classes import CLASSES, find_class

        if value.name not in CLASSES.get(value.module, ()):
            shown = f"{live.__module__}.{live.__qualname__}" if isinstance(live, type) else "the agent's own"
            raise MismatchError(f"expected the class {shown}, found the name of another, {value.path[:100]}.")
        return find_class(value)

    def _member(self, value: values.EnumMember, live: Any) -> enum.Enum:
        kind = self._defined(value.enum, type(live), enum.Enum)
        member = kind._value2member_map_.get(value.value)
        if member is None:
            raise MismatchError(f"expected a member of {kind.__qualname__}, found none of the value {value.value!r}.")
        found: enum.Enum = member
        return found

    def _named_tuple(self, value: values.NamedTuple, live: Any) -> Any:
        kind = self._defined(value.type, type(live), tuple)
        fields = getattr(kind, "_fields", ())
        if len(fields) != len(value.items):
            raise MismatchError(f"expected {len(fields)} items of a {kind.__qualname__}, found {len(value.items)}.")
        old = _likeness(live, len(value.items))
        return tuple.__new__(kind, [self.build(item, one) for item, one in zip(value.items, old, strict=True)])

    def _defined(self, value: values.ClassReference, live: type, base: type) -> Any:
        """A class of an enum or a named tuple: the live one's, or one that a module of the agent's own classes has."""
        if issubclass(live, base) and _is_named(live, value):
            return live
        for module in filter(None, map(sys.modules.get, self._modules)):
            for found in (_inside(module, value.name), *vars(module).values()):
                plain = base is enum.Enum or hasattr(found, "_fields")
                if isinstance(found, type) and issubclass(found, base) and plain and _is_named(found, value):
                    return found
        raise MismatchError(f"expected a class of the agent's own, found the name of another, {value.path[:100]}.")


_THEMSELVES = frozenset((type(None), bool, int, float, complex, str, bytes, bytearray))


def _inside(module: Any, name: str) -> Any:
    """What a module has under a qualified name, or None."""
    found = module
    for part in name.split("."):
        found = vars(found).get(part) if hasattr(found, "__dict__") else None
    return found


def _is_named(live: type, value: values.ClassReference) -> bool:
    """Whether a class is the one of a name; a script's own module is called otherwise where it is imported."""
    return live.__qualname__ == value.name and (
        live.__module__ == value.module or "__main__" in (live.__module__, value.module)
    )


def _likeness(live: Any, count: int) -> list[Any]:
    """What stands at each of so many places in a live row; of another length, what stands first."""
    if not isinstance(live, list | tuple | deque) or not live:
        return [None] * count
    return list(live) if len(live) == count else [live[0]] * count


def _same_deque(live: Any, new: Any) -> bool:
    return type(live) is type(new) is deque and live.maxlen == new.maxlen


# -- generators ----------------------------------------------------------------------------------------


def _refuse_generator(live: Any, value: Any) -> str | None:
    if not isinstance(value, values.RandomGenerator) or not (live is None or is_generator(live)):
        return f"expected {_kind(live)}, found {_kind(value)}"
    return None if live is None else refuse_state(live, value)


def _share_generators(live: Any, new: Any) -> None:
    """Give the spaces of a live agent, inner ones included, the generators of equal ones."""
    live._np_random = new._np_random
    for one, other in zip(_inner(live), _inner(new), strict=True):
        _share_generators(one, other)


def _inner(space: Any) -> list[Any]:
    spaces = getattr(space, "spaces", ())
    found = list(spaces.values() if isinstance(spaces, Mapping) else spaces)
    named = (getattr(space, name, None) for name in ("feature_space", "node_space", "edge_space"))
    return found + [inner for inner in named if is_space(inner)]


KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((bool, int, float, complex, numpy.bool_, numpy.number), "a number"),
    ((enum.Enum, values.EnumMember), "a member of an enum"),
    ((str, numpy.str_), "text"),
    ((bytes, bytearray, numpy.bytes_), "bytes"),
    ((numpy.ndarray,), "an array"),
    ((values.NamedTuple, list, tuple, deque), "a row of values"),
    ((dict,), "a mapping"),
    ((set, frozenset), "a set"),
    ((type, values.ClassReference), "a class"),
    ((values.RandomGenerator, numpy.random.Generator, numpy.random.RandomState), "a random generator"),
    ((values.Space,), "a space"),
)


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "None" if value is None else "a number"
    if isinstance(value, enum.Enum):
        return "a member of an enum"
    if is_space(value):
        return "a space"
    if isinstance(value, values.Device | values.TorchDtype | values.TorchSize | values.TorchTensor):
        return f"a {value.__class__.__name__}".replace("TorchTensor", "Tensor").replace("Torch", "").lower()
    if type(value).__module__ == "torch":
        return f"a {type(value).__name__}".lower()
    return next((name for kinds, name in KINDS if isinstance(value, kinds)), type(value).__name__)
