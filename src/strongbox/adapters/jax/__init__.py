"""Agents of sbx, an SB3 on JAX: their networks stand in data, and become live without a pickle.

What needs JAX loads when such an agent is met; the extra is ``sbx``.
"""

from __future__ import annotations

from .parts import JaxParts, is_on_jax, refuse_transfer, take_parts

__all__ = ["JaxParts", "is_on_jax", "refuse_transfer", "take_parts"]
