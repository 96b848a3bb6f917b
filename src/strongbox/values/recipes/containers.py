"""Containers: lists, tuples, dictionaries, sets, ordered dictionaries, deques, paths, complex numbers."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...errors import FormatError
from ...pickles import Call, Node
from ..checks import check, kind_of
from .recipe import Recipe, Table

if TYPE_CHECKING:
    from pathlib import PurePosixPath, PureWindowsPath

    from .building import Builder

__all__ = ["RECIPES", "build_dict", "build_frozenset", "build_list", "build_set", "build_tuple"]


def build_list(builder: Builder, node: list[Node]) -> list[Any]:
    """A list of the values of its items."""
    return [builder.value(item) for item in node]


def build_tuple(builder: Builder, node: tuple[Node, ...]) -> tuple[Any, ...]:
    """A tuple of the values of its items."""
    return tuple([builder.value(item) for item in node])


def build_dict(builder: Builder, node: dict[Node, Node]) -> dict[Any, Any]:
    """A dictionary of values, in its order."""
    return build_items(builder, node.items(), {})


def build_items(builder: Builder, items: Iterable[tuple[Node, Node]], result: dict[Any, Any]) -> dict[Any, Any]:
    """Items of a dictionary, added to ``result``."""
    count = 0
    for key, item in items:
        result[build_key(builder, key)] = builder.value(item)
        count += 1
    check(len(result) == count, "expected different keys, found the same twice")
    return result


def build_key(builder: Builder, node: Node) -> Any:
    """A value that can be a key; Opaque cannot, since it may hide the same thing twice."""
    key = builder.value(node)
    return key if type(key) is str else builder.keys.check(key)


def build_set(builder: Builder, node: Iterable[Node]) -> set[Any]:
    """A set of values."""
    nodes = list(node)
    elements = {build_key(builder, item) for item in nodes}
    check(len(elements) == len(nodes), "expected different elements, found the same twice")
    return elements


def build_frozenset(builder: Builder, node: Iterable[Node]) -> frozenset[Any]:
    """A frozenset of values."""
    return frozenset(build_set(builder, node))


def call_set(builder: Builder, call: Call) -> set[Any]:
    """A set that the pickle makes by a call, as protocols up to 3 do."""
    return build_set(builder, dict.fromkeys(listed(call.arguments)))


def call_frozenset(builder: Builder, call: Call) -> frozenset[Any]:
    """A frozenset that the pickle makes by a call."""
    return frozenset(call_set(builder, call))


def listed(arguments: tuple[Node, ...]) -> list[Node] | tuple[Node, ...]:
    """The items that a container is made from: none, or those of one list or tuple."""
    items = arguments[0] if arguments else ()
    if type(items) not in (list, tuple):
        raise FormatError(f"expected a list of items, found {kind_of(items)}")
    return items


def build_ordered_dict(builder: Builder, call: Call) -> OrderedDict[Any, Any]:
    """An ordered dictionary, from pairs given to it or set on it."""
    check(not (call.has_state and call.state), "expected an ordered dictionary without attributes")
    pairs = []
    for pair in listed(call.arguments):
        check(type(pair) in (tuple, list) and len(pair) == 2, "expected pairs for an ordered dictionary")
        pairs.append(tuple(pair))
    result: OrderedDict[Any, Any] = OrderedDict()
    build_items(builder, [*pairs, *call.items], result)
    return result


def build_deque(builder: Builder, call: Call) -> deque[Any]:
    """A deque with its largest length."""
    items = [*listed(call.arguments[:1]), *call.appended]
    limit = call.arguments[1] if len(call.arguments) == 2 else None
    if limit is not None:
        check(type(limit) is int and 0 <= limit < 2**31, "expected a deque's largest length to be a whole number")
        check(len(items) <= limit, f"expected at most {limit} items in a deque, found {len(items)}")
    return deque([builder.value(item) for item in items], limit)


def build_complex(builder: Builder, call: Call) -> complex:
    """A complex number."""
    check(all(type(part) is float for part in call.arguments), "expected two numbers for a complex one")
    return complex(*call.arguments)


def build_posix_path(builder: Builder, call: Call) -> PurePosixPath:
    """A path, as a path that opens nothing."""
    from pathlib import PurePosixPath

    return PurePosixPath(*path_parts(call))


def build_windows_path(builder: Builder, call: Call) -> PureWindowsPath:
    """A path of Windows, as a path that opens nothing."""
    from pathlib import PureWindowsPath

    return PureWindowsPath(*path_parts(call))


def path_parts(call: Call) -> tuple[str, ...]:
    """The parts of a path."""
    for part in call.arguments:
        check(type(part) is str and "\0" not in part, "expected the parts of a path to be text")
    return call.arguments


PATH_ARGUMENTS = tuple(range(64))

RECIPES: Table = {
    ("builtins", "set"): Recipe(call_set, (0, 1)),
    ("builtins", "frozenset"): Recipe(call_frozenset, (0, 1)),
    ("builtins", "complex"): Recipe(build_complex, (2,)),
    ("collections", "OrderedDict"): Recipe(build_ordered_dict, (0, 1), uses=("items", "state")),
    ("collections", "deque"): Recipe(build_deque, (0, 1, 2), uses=("appended",)),
    ("pathlib", "PosixPath"): Recipe(build_posix_path, PATH_ARGUMENTS),
    ("pathlib", "PurePosixPath"): Recipe(build_posix_path, PATH_ARGUMENTS),
    ("pathlib", "WindowsPath"): Recipe(build_windows_path, PATH_ARGUMENTS),
    ("pathlib", "PureWindowsPath"): Recipe(build_windows_path, PATH_ARGUMENTS),
}
