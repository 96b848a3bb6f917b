"""Names of classes and functions, members of enums, named tuples and partial calls."""

from __future__ import annotations

from ...pickles import Call, Global, Node
from ...values import ClassReference, EnumMember, FunctionReference, NamedTuple, Partial
from .emitters import Emit, Emitters

__all__ = ["EMITTERS", "partial_node"]


def emit_reference(emit: Emit, value: ClassReference | FunctionReference) -> Node:
    """A class or function, by its current name."""
    return Global(value.module, value.name)


def emit_member(emit: Emit, value: EnumMember) -> Node:
    """A member of an enum, by its value."""
    return Call(emit(value.enum), (value.value,))


def emit_named_tuple(emit: Emit, value: NamedTuple) -> Node:
    """A named tuple, as an instance of its class."""
    return Call(emit(value.type), tuple(emit(item) for item in value.items), kind="new")


def emit_partial(emit: Emit, value: Partial) -> Node:
    """A partial call."""
    return partial_node(emit(value.function), emit(value.arguments), emit(value.keywords))


def partial_node(function: Node, arguments: Node, keywords: Node) -> Node:
    """What ``functools.partial`` reduces to."""
    call = Call(Global("functools", "partial"), (function,))
    call.has_state, call.state = True, (function, arguments, keywords, None)
    return call


EMITTERS: Emitters = {
    ClassReference: emit_reference,
    FunctionReference: emit_reference,
    EnumMember: emit_member,
    NamedTuple: emit_named_tuple,
    Partial: emit_partial,
}
