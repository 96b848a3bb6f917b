"""What an emitter is: it makes the node of a value, and asks ``emit`` for the nodes of the value's parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ...pickles import Node

__all__ = ["Emit", "Emitter", "Emitters"]

Emit: TypeAlias = Callable[[Any], Node]
Emitter: TypeAlias = Callable[[Emit, Any], Node]
Emitters: TypeAlias = dict[type, Emitter]
"""Emitters by the exact type of value."""
