"""One attribute of an old archive as an entry of a new one: its value, and a pickle that every release reads.

The pickle is emitted from the value, and taken only where it reads back as the same value. A value with a part that is
not understood keeps that part's own nodes, without paths of the machine that wrote them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import numpy

from ..archive import Entry, Exact, Typed
from ..errors import UnsupportedError
from ..pickles import Call, Decoded, Node, children, encode
from ..values import (
    ClassReference,
    Device,
    EnumMember,
    FunctionReference,
    Opaque,
    Partial,
    RandomGenerator,
    TableSchedule,
    TorchDtype,
    TorchSize,
    TorchTensor,
    is_exact_json,
    same,
    to_value,
)
from .emission import to_node
from .node_paths import shorten_paths
from .paths import without_machine

__all__ = ["keep_entry", "make_entry", "make_opaque_entry"]

DEPTH = 48
"""Levels of nesting of what stands in data as it is, as where a live agent is captured."""

LONGEST_TEXT = 10_000
"""Characters of one attribute's text beside a typed entry."""

TYPES: dict[type, str] = {
    ClassReference: "type",
    FunctionReference: "function",
    Partial: "functools.partial",
    TableSchedule: "functools.partial",
    TorchTensor: "torch.Tensor",
    TorchSize: "torch.Size",
    Device: "torch.device",
    TorchDtype: "torch.dtype",
    RandomGenerator: "numpy.random.Generator",
    PurePosixPath: "pathlib.PurePosixPath",
    PureWindowsPath: "pathlib.PureWindowsPath",
}
"""What the type of a live object is called, where neither its node nor its value says it."""


def make_entry(value: Any, type_text: str = "") -> Entry:
    """The entry of a value that is understood in all its parts.

    ``type_text`` is what the old file called the type of a class, which a name does not tell. Raises
    UnsupportedError or LimitError where there is no pickle of the value that every release reads.
    """
    if is_exact_json(value, depth=DEPTH):
        return Exact(value)
    node = to_node(value)
    read = to_value(node)
    if not same(_comparable(read), _comparable(value)):
        raise UnsupportedError("expected a value that a pickle holds whole, found one that it does not")
    text = type_text if isinstance(value, ClassReference) and type_text else f"<{_type_of(value, node)}>"
    return Typed(type=text, value=value, pickle=encode(node), attributes=_attributes(value, node))


def _comparable(value: Any) -> Any:
    """How well a table fits is said in the portable form only."""
    return replace(value, largest_error=0.0, source="") if isinstance(value, TableSchedule) else value


def _type_of(value: Any, node: Node) -> str:
    if isinstance(value, EnumMember):
        return f"enum {value.enum.name!r}"
    if type(node) is Call and node.kind == "new":
        return f"class {node.path!r}"
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"class {TYPES.get(kind, f'{module}{kind.__qualname__}')!r}"


def _attributes(value: Any, node: Node) -> dict[str, Any]:
    """What SB3 writes beside an entry for people to read: an object's attributes, a mapping's items."""
    if isinstance(value, ClassReference):
        return {"__module__": value.module}
    if type(value) is dict:
        return {str(key): _shown(item) for key, item in value.items()}
    if type(node) is Call and node.kind == "new" and type(node.state) is dict:
        return {str(key): _shown(to_value(item)) for key, item in node.state.items()}
    return {}


def _shown(item: Any) -> Any:
    if item is None or isinstance(item, bool | float | str) or (type(item) is int and item.bit_length() < 64):
        return item[:LONGEST_TEXT] if isinstance(item, str) else item
    if isinstance(item, numpy.ndarray) and item.size > 1000:
        return f"array of {item.dtype}, shape {item.shape}"
    return str(item)[:LONGEST_TEXT]


# -- parts that are not understood ------------------------------------------------------------------


def make_opaque_entry(
    value: Any, original: Any, decoded: Decoded, *, type_text: str, attributes: Mapping[str, Any], found: list[str]
) -> Typed:
    """The entry of a value with parts that are not understood.

    ``original`` is the value that ``decoded`` is of, ``value`` what became of it since. The nodes of the parts
    that are not understood are kept, in a pickle that is emitted anew; where such a part stands inside of
    something else than plain containers, all nodes are, unless the value was changed: then UnsupportedError is
    raised. Paths that were cut out of the nodes are added to ``found``.
    """
    decoded, paths = shorten_paths(decoded)
    found += paths
    nodes = dict(_opaque_nodes(original, decoded.root))
    try:
        decoded = _with_root(decoded, to_node(value, opaque=lambda part: nodes.get(id(part))))
    except UnsupportedError:
        if value is not original:
            raise
    return _carried(value, decoded, type_text, attributes)


def keep_entry(
    value: Any, decoded: Decoded, *, type_text: str, attributes: Mapping[str, Any], found: list[str]
) -> Typed:
    """The entry of a value with the nodes that it had, without paths; these are added to ``found``."""
    decoded, paths = shorten_paths(decoded)
    found += paths
    return _carried(value, decoded, type_text, attributes)


def _carried(value: Any, decoded: Decoded, type_text: str, attributes: Mapping[str, Any]) -> Typed:
    shown = {key: _cleaned(item) for key, item in attributes.items()}
    return Typed(type=type_text, value=value, pickle=encode(decoded), attributes=shown)


def _opaque_nodes(value: Any, node: Node) -> Iterable[tuple[int, Node]]:
    """The node of each opaque part that stands in plain containers, by the part's identity."""
    if isinstance(value, Opaque):
        yield id(value), node
    elif type(value) is dict and type(node) is dict:
        for part, inner in zip(value.values(), node.values(), strict=True):
            yield from _opaque_nodes(part, inner)
    elif type(value) in (list, tuple) and type(node) is type(value):
        for part, inner in zip(value, node, strict=True):
            yield from _opaque_nodes(part, inner)


def _with_root(decoded: Decoded, root: Node) -> Decoded:
    """The same pickle with another root, and those of its statements that are about something in it.

    A class's statement holds its methods, which have statements of their own.
    """
    inside: set[int] = set()
    waiting: list[Node] = [root]
    while waiting:
        node = waiting.pop()
        if id(node) not in inside:
            inside.add(id(node))
            waiting += children(node)
            waiting += decoded.statements_on(node) if type(node) is Call else ()
    return replace(decoded, root=root, popped=tuple(call for call in decoded.popped if id(call) in inside))


def _cleaned(item: Any) -> Any:
    return without_machine(item)[:LONGEST_TEXT] if isinstance(item, str) else item
