"""Schedules that are any arithmetic function of one argument: their bytecode, worked out point by point.

No code object is made and nothing in it is run by Python: instructions are read as data, and each one of a short list
does what its name says to numbers. Whatever is not on the list leaves the function opaque.
"""

from .tables import tabulate_function

__all__ = ["tabulate_function"]
