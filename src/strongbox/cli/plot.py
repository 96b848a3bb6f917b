"""A schedule as a small plot in characters: training runs from left to right, progress from 1 to 0.

Each column is one point of progress, drawn as a bar of eighths of a line (Unicode block elements,
U+2581 to U+2588); streams that cannot write these get ``#``, ``:`` and ``.`` for whole, half and less.
"""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["draw_bar", "draw_plot", "number_text", "sample"]

BLOCKS = " ▁▂▃▄▅▆▇█"
PLAIN = " ....:::#"
EIGHTHS = 8


def sample(function: Callable[[float], float], count: int) -> list[float]:
    """The function's values at ``count`` even points of progress, from 1 down to 0; NaN where it fails."""
    return [_value(function, 1 - index / (count - 1)) for index in range(count)]


def draw_plot(values: list[float], *, rows: int = 4, blocks: bool = True) -> list[str]:
    """Lines of text, the highest first, one character for each value; NaN and infinity leave a gap."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    heights = [_height(value, low, high, rows * EIGHTHS) for value in values]
    marks = BLOCKS if blocks else PLAIN
    return [
        "".join(marks[min(max(height - row * EIGHTHS, 0), EIGHTHS)] for height in heights)
        for row in reversed(range(rows))
    ]


def draw_bar(fraction: float, width: int, *, blocks: bool = True) -> str:
    """A horizontal bar, ``width`` characters for 1; anything above zero shows."""
    filled = math.ceil(fraction * width) if fraction > 0 else 0
    return ("█" if blocks else "#") * min(filled, width)


def number_text(value: float) -> str:
    """A number in at most six significant digits, without a needless ``.0``."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.6g}"


def _value(function: Callable[[float], float], progress: float) -> float:
    """A stranger's numbers may divide by zero or leave the range of floats."""
    try:
        return float(function(progress))
    except (ArithmeticError, TypeError, ValueError):
        return math.nan


def _height(value: float, low: float, high: float, tallest: int) -> int:
    """Eighths of a line for a value: 1 for the lowest, so that it shows, ``tallest`` for the highest."""
    if not math.isfinite(value):
        return 0
    span = high / 2 - low / 2  # halves first: the difference of two large floats may be infinite
    share = (value / 2 - low / 2) / span if span > 0 else 0.0
    return 1 + round(share * (tallest - 1))
