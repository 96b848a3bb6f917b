"""Makes the fixtures of schedules: functions as each Python compiles them, and what it computes with them.

Run it with any current Python, naming one interpreter for each version::

    python tests/data/make_schedules.py 3.6=/path/to/python3.6 3.7=/path/to/python3.7 … 3.13=/path/to/python3.13

It runs itself under each interpreter with ``--one``, and gathers what that prints in
``tests/data/schedules/python-3.X.json``::

    {"python": "3.8.18", "functions": base64 of zlib of [{"source": …, "parts": …, …, "expected": …}]}

``parts`` are the arguments of ``types.CodeType`` in their order, bytes as ``{"bytes": base64}`` and tuples as
``{"tuple": […]}``; ``expected`` are the function's values at 0, 1/16, …, 1.

This file runs under Python 3.6, so it is written for it.
"""

import base64
import json
import math
import os
import random
import subprocess
import sys
import zlib
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
POINTS = [index / 16 for index in range(17)]

TYPICAL = [
    "f = lambda p: 3e-4 * p * p",
    "f = lambda p: 2.5e-4 * p ** 0.5",
    "f = lambda p: 1e-3 * 0.1 ** (1 - p)",
    "f = lambda p: 1e-5 + (1e-3 - 1e-5) * p",
    "f = lambda p: max(1e-5, 3e-4 * p)",
    "f = lambda p: min(1e-3, 3e-4 + p * 1e-2)",
    "f = lambda p: abs(p - 0.5) * 1e-3",
    "f = lambda p: 3e-4 if p > 0.5 else 1e-4",
    "f = lambda p: 3e-4 if p > 0.75 else 1e-4 if p > 0.25 else 1e-5",
    "f = lambda p: 3e-4 * (p > 0.5)",
    "f = lambda p: -(-p) + +p",
    "f = lambda p: (1 - p) // 0.25 % 3",
    "f = lambda p: float(p)",
    "f = lambda p: 1e-3 if 0.25 < p <= 0.75 else 1e-4",
    "f = lambda p: 1e-3 if not p < 0.5 else 1e-4",
    "f = lambda p: p and 1e-3 or 1e-4",
    "import math\nf = lambda p: 1e-3 * math.exp(-5 * (1 - p))",
    "import math\nf = lambda p: 5e-4 * (1 + math.cos(math.pi * (1 - p)))",
    "from math import cos, pi\nf = lambda p: 5e-4 * (1 + cos(pi * (1 - p)))",
    "import math as m\nf = lambda p: m.sqrt(p) + m.floor(p * 3) + m.atan2(p, 2) + m.log(1 + p, 2)",
    "f = lambda p, start=1e-3, end=1e-5: end + (start - end) * p",
    "START = 1e-3\nf = lambda p: START * p",
    """
def f(progress_remaining):
    if progress_remaining > 0.9:
        return 1e-3
    elif progress_remaining > 0.5:
        return 5e-4
    return 1e-4
""",
    """
def f(progress_remaining):
    done = 1.0 - progress_remaining
    if done < 0.1:
        rate = 1e-3 * done / 0.1
    else:
        rate = 1e-3 * (1 - done)
    rate *= 2
    rate -= 1e-6
    rate /= 3
    rate **= 1
    rate += 0
    return max(rate, 1e-6)
""",
    """
def f(p):
    '''Warm up, hold, cool down.'''
    import math
    if p > 0.9 or p < 0.05 and not p == 0:
        return 1e-4
    if p != 0.5 and (p >= 0.25 or p < 0.1):
        return math.exp(-p) * 1e-3
    return 1e-3 if p else 2e-3
""",
    """
def f(p):
    rate = 1e-2
    while p < 0.5 and rate > 1e-4:
        p += 0.125
        rate *= 0.5
    return rate
""",
    """
def f(p):
    count = 0
    while True:
        count += 1
        if count > 8 * p:
            break
        if count % 2:
            continue
    return count * 1e-3
""",
    """
def cosine(start, end=1e-5):
    import math
    def schedule(p):
        return end + 0.5 * (start - end) * (1 + math.cos(math.pi * (1 - p)))
    return schedule
f = cosine(1e-3)
""",
    """
def step(start, drop=0.5, every=0.25):
    def schedule(progress):
        return start * drop ** ((1 - progress) // every)
    return schedule
f = step(1e-3)
""",
    """
def exponential(initial, final):
    def schedule(progress):
        rate = initial * (final / initial) ** (1 - progress)
        a, b = rate, final
        a, b = b, a
        return b if b > a else a
    return schedule
f = exponential(1e-3, 1e-5)
""",
    "f = lambda p: ("
    + " + ".join(["p * " + str(number + 0.25) for number in range(300)])
    + ") if p > 2 else p * 0.125",
]


def expression(source: Any, depth: Any) -> Any:
    """A random arithmetic expression of p that has a value everywhere."""
    if depth == 0:
        return source.choice(
            ["p", "p", "p", str(source.randint(0, 9)), repr(round(source.uniform(0, 3), 2)), "math.pi"]
        )
    parts = [expression(source, depth - 1) for _ in range(3)]
    return source.choice(
        [
            "({0} + {1})",
            "({0} - {1})",
            "({0} * {1})",
            "({0} / (1 + abs({1})))",
            "({0} // (1 + abs({1})))",
            "({0} % (1 + abs({1})))",
            "(abs({0}) ** 0.5)",
            "(-{0})",
            "max({0}, {1})",
            "min({0}, {1}, {2})",
            "math.sin({0})",
            "math.tanh({0})",
            "math.exp(-abs({0}))",
            "math.sqrt(abs({0}))",
            "({0} if {1} < {2} else {2})",
            "({0} if {1} < p or {2} >= 1 else {2})",
            "({0} if 0 < {1} <= 2 and not p == {2} else {1})",
        ]
    ).format(*parts)


def sources() -> Any:
    """The programs, each of which defines f; the same each time."""
    source = random.Random(1)
    return TYPICAL + ["import math\nf = lambda p: " + expression(source, 1 + number % 4) for number in range(80)]


def code_arguments(code: Any) -> Any:
    """The arguments of ``types.CodeType`` that make a code object under this Python."""
    version = sys.version_info[:2]
    before = [code.co_argcount, *([code.co_posonlyargcount] if version >= (3, 8) else []), code.co_kwonlyargcount]
    before += [code.co_nlocals, code.co_stacksize, code.co_flags, code.co_code, code.co_consts, code.co_names]
    before += [code.co_varnames, "train.py", code.co_name, *([code.co_qualname] if version >= (3, 11) else []), 1]
    lines = code.co_linetable if version >= (3, 10) else code.co_lnotab
    handlers = [code.co_exceptiontable] if version >= (3, 11) else []
    return [*before, lines, *handlers, code.co_freevars, code.co_cellvars]


def encoded(part: Any) -> Any:
    if isinstance(part, bytes):
        return {"bytes": base64.b64encode(part).decode()}
    if isinstance(part, tuple):
        return {"tuple": [encoded(item) for item in part]}
    return {"module": part.__name__} if part is math else {"function": part.__name__} if callable(part) else part


def compiled(program: Any) -> Any:
    namespace: Any = {"__name__": "__main__"}
    exec(program, namespace)
    function = namespace["f"]
    code = function.__code__
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return {
        "source": program,
        "parts": [encoded(part) for part in code_arguments(code)],
        "cells": {name: encoded(cell) for name, cell in zip(code.co_freevars, cells)},  # noqa: B905
        "globals": {name: encoded(namespace[name]) for name in code.co_names if name in namespace},
        "defaults": list(function.__defaults__ or ()),
        "expected": [function(point) for point in POINTS],
    }


def one() -> Any:
    rows = [compiled(program) for program in json.load(sys.stdin)]
    packed = base64.b64encode(zlib.compress(json.dumps(rows).encode(), 9)).decode()
    version = ".".join(map(str, sys.version_info[:3]))
    print(json.dumps({"python": version, "functions": packed}))


def main(arguments: Any) -> Any:
    """Make the file of every interpreter that is named."""
    folder = os.path.join(HERE, "schedules")
    os.makedirs(folder, exist_ok=True)
    programs = json.dumps(sources())
    for argument in arguments:
        version, _, interpreter = argument.partition("=")
        command = [interpreter, os.path.abspath(__file__), "--one"]
        made = subprocess.run(command, input=programs.encode(), stdout=subprocess.PIPE, check=True)
        with open(os.path.join(folder, "python-" + version + ".json"), "w") as file:
            file.write(made.stdout.decode())


if __name__ == "__main__":
    one() if sys.argv[1:] == ["--one"] else main(sys.argv[1:])
