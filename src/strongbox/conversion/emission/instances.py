"""Instances of classes: what ``copyreg.__newobj__`` reduces them to."""

from __future__ import annotations

from ...pickles import Call, Global, Node

__all__ = ["instance_node"]


def instance_node(module: str, name: str, attributes: dict[str, Node]) -> Node:
    """An instance with attributes, made without calling its constructor."""
    call = Call(Global(module, name), (), kind="new")
    call.has_state, call.state = True, attributes
    return call
