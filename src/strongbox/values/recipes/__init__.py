"""Recipes: how one kind of node becomes one kind of value.

A recipe stands in exactly one table under the current name of what the pickle calls, and says how
many arguments that call has, which kind it is, and what may be done to the result. It checks type and
range, and builds from primitives; it never runs, imports or looks up anything that the file names.
What does not fit its recipe becomes Opaque with the reason; only the limits raise.
"""

from .building import to_value
from .known_calls import called_in_turn, is_known_call
from .normalization import read_normalization

__all__ = ["called_in_turn", "is_known_call", "read_normalization", "to_value"]
