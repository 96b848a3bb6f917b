"""Functions of every Python from 3.6 to 3.13, worked out here: the values are those that their own Python computed."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongbox.errors import FormatError
from strongbox.pickles import Call, Global
from strongbox.values import Opaque, TableSchedule, to_value
from strongbox.values.recipes.bytecode.dialects import DIALECTS, find_dialects
from strongbox.values.recipes.bytecode.tables import MOST_STEPS, read_evaluators, tabulate_function
from strongbox.values.recipes.code import Function, read_function
from tests.core.values.fixtures import FIXTURES
from tests.core.values.functions import COMPILED, POINTS, Compiled, code_arguments, function_node

PYTHONS = sorted({compiled.python for compiled in COMPILED})
LIBRARY = 1e-12
"""How far sine and the like may be from another machine's, in proportion."""


def worked_out(node: Call) -> list[float]:
    """What a function gives at the points; where it may be of two Pythons, both have to agree."""
    results = []
    for evaluate in read_evaluators(read_function(node, [])):
        try:
            results.append([evaluate(point) for point in POINTS])
        except FormatError:
            continue
    assert results
    assert all(result == results[0] for result in results)
    return results[0]


@pytest.mark.parametrize("python", PYTHONS)
def test_the_values_are_those_of_the_python_that_compiled_it(python: str) -> None:
    functions = [compiled for compiled in COMPILED if compiled.python == python]
    assert len(functions) > 100
    for compiled in functions:
        found = worked_out(compiled.node)
        assert all(math.isclose(a, b, rel_tol=LIBRARY) for a, b in zip(found, compiled.expected, strict=True)), compiled


def test_there_are_functions_of_every_python() -> None:
    assert [python.rpartition(".")[0] for python in sorted(PYTHONS, key=lambda text: int(text.split(".")[1]))] == [
        *("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
    ]


SPOKEN = {"3.6": "3.6", "3.7": "3.6", "3.9": "3.8"}


@pytest.mark.parametrize("python", PYTHONS)
def test_the_bytecode_of_a_python_is_recognised(python: str) -> None:
    version = python.rpartition(".")[0]
    expected = DIALECTS[SPOKEN.get(version, version)]
    for compiled in COMPILED:
        if compiled.python == python:
            assert expected in find_dialects(read_function(compiled.node, []).code)


# -- functions that are compiled by the Python that runs this -----------------------------------------

numbers = st.sampled_from(["p", "p", "1", "2.5", "0.125", "3", "math.pi"])
expressions = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("({} {} (1 + abs({})))".format, inner, st.sampled_from(["/", "//", "%"]), inner),
        st.builds("({} {} {} {} {})".format, inner, st.sampled_from(["<", "<="]), inner, st.just("<"), inner),
        st.builds("({} if {} {} {} else {})".format, inner, inner, st.sampled_from([">", "==", "!="]), inner, inner),
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("({}({}))".format, st.sampled_from(["abs", "-", "not ", "math.cos", "math.floor", "+"]), inner),
        st.builds("{}({}, {})".format, st.sampled_from(["max", "min", "math.hypot"]), inner, inner),
        st.builds("(abs({}) ** 0.5)".format, inner),
    ),
    max_leaves=8,
)


def compiled_here(source: str) -> tuple[Any, Call]:
    """A function by its source, and the same as nodes."""
    namespace: dict[str, Any] = {"math": math}
    exec(source, namespace)
    function = namespace["f"]
    module = Call(Global("cloudpickle.cloudpickle", "subimport"), ("math",))
    node = function_node(
        code_arguments(function.__code__), globals={"math": module}, defaults=function.__defaults__ or ()
    )
    return function, node


@given(expressions)
@settings(deadline=None)
def test_any_expression_gives_what_python_gives(expression: str) -> None:
    function, node = compiled_here(f"f = lambda p: {expression}")
    try:
        expected = [float(function(point)) for point in POINTS]
    except (ArithmeticError, ValueError, TypeError):
        with pytest.raises(FormatError):
            [evaluate(point) for evaluate in read_evaluators(read_function(node, [])) for point in POINTS]
        return
    assert worked_out(node) == expected


@given(st.lists(expressions, min_size=2, max_size=4))
@settings(deadline=None, max_examples=50)
def test_any_statements_give_what_python_gives(lines: list[str]) -> None:
    body = "".join(f"    if p < {line}:\n        p = p + 0.125\n    q = {line}\n" for line in lines)
    function, node = compiled_here(f"def f(p, end=0.5):\n{body}    return q if q > end else end\n")
    try:
        expected = [float(function(point)) for point in POINTS]
    except (ArithmeticError, ValueError, TypeError):
        return
    assert worked_out(node) == expected


# -- tables ---------------------------------------------------------------------------------------------


def square() -> Compiled:
    return next(compiled for compiled in COMPILED if compiled.source == "f = lambda p: 3e-4 * p * p")


def test_a_function_becomes_a_table_that_says_how_good_it_is() -> None:
    table = to_value(square().node, is_schedule=True)
    assert isinstance(table, TableSchedule)
    assert len(table.values) == 1025
    assert table(0.5) == 3e-4 * 0.25
    assert table.source == "__main__.<lambda>"
    # Half way between two points, a parabola is a quarter of the squared distance from its chord.
    assert table.largest_error == pytest.approx(3e-4 * (1 / 2048) ** 2, rel=1e-3)


def test_a_function_that_is_no_schedule_stays_opaque() -> None:
    value = to_value(square().node)
    assert isinstance(value, Opaque)
    assert value.needs_code
    assert value.reason == "its code is in the file by value"


@pytest.mark.parametrize("fixture", [one for one in FIXTURES if "square" in one.name], ids=str)
def test_what_programs_pickled_becomes_a_table(fixture: Any) -> None:
    table = to_value(fixture.decode(), is_schedule=True)
    assert isinstance(table, TableSchedule)
    assert table.as_float is fixture.name.endswith("wrapped square")
    assert table(0.5) == pytest.approx(0.25 * table(1.0))


@pytest.mark.parametrize("fixture", [one for one in FIXTURES if one.name.endswith("two arguments")], ids=str)
def test_functions_of_two_arguments_stay_opaque(fixture: Any) -> None:
    assert isinstance(to_value(fixture.decode(), is_schedule=True), Opaque)


def test_one_function_of_a_pickle_is_worked_out() -> None:
    first, second = to_value([square().node, read_again(square().node)], is_schedule=True)
    assert isinstance(first, TableSchedule)
    assert isinstance(second, Opaque)


def read_again(node: Call) -> Call:
    """The same call as another object."""
    return Call(node.function, node.arguments)


# -- what is no arithmetic ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "f = lambda p: print(p)",
        "f = lambda p: open('/etc/passwd')",
        "f = lambda p: math.factorial(int(p))",
        "f = lambda p: __import__('os').system('true')",
        "f = lambda p: p.real",
        "f = lambda p: [p][0]",
        "f = lambda p: (p, p)",
        "f = lambda p: 'text'",
        "f = lambda p: None",
        "f = lambda p: math",
        "f = lambda p: math.sin",
        "f = lambda p: max(p, key=abs)",
        "f = lambda p: max([p, 1])",
        "f = lambda p: (lambda q: q)(p)",
        "f = lambda p: sum(q for q in (p, p))",
        "f = lambda p: f'{p}'",
        "f = lambda *p: p[0]",
        "f = lambda **p: 1",
        "f = lambda p, *, q=1: p * q",
        "f = lambda: 1",
        "f = lambda p, q: p + q",
        "f = lambda p: 1 / (p - 0.5)",
        "f = lambda p: (p - 0.5) ** 0.5",
        "f = lambda p: math.log(p)",
        "f = lambda p: p * 1e308 * 10",
        "f = lambda p: 10 ** 1000 * p",
        "f = lambda p: 2 ** max(2, 10 ** 9) * p",
        "f = lambda p: (7 ** max(7, 60)) ** max(7, 60)",
        "f = lambda p: 1 << max(1, 10 ** 9)",
        "def f(p):\n    yield p",
        "async def f(p):\n    return p",
        "def f(p):\n    try:\n        return 1 / p\n    except ZeroDivisionError:\n        return 0",
        "def f(p):\n    for q in range(3):\n        p += q\n    return p",
        "def f(p):\n    while True:\n        p = p * 0.5",
        "def f(p):\n    global count\n    count = p\n    return p",
        "def f(p):\n    import os\n    return p",
        "def f(p):\n    q = p\n    return (lambda: q)()",
        "def f(p):\n    if p > 2:\n        q = 1\n    return q",
    ],
)
def test_anything_else_is_refused(source: str) -> None:
    _, node = compiled_here(source)
    with pytest.raises(FormatError):
        tabulate_function(read_function(node, []))
    assert isinstance(to_value(node, is_schedule=True), Opaque)


def test_a_name_that_hides_a_builtin_function_is_not_it() -> None:
    function, _ = compiled_here("f = lambda p: max(p, 0.5)")
    node = function_node(code_arguments(function.__code__), globals={"max": Global("my.project", "max")})
    with pytest.raises(FormatError, match="something else"):
        tabulate_function(read_function(node, []))


# -- hostile code objects -------------------------------------------------------------------------------


def with_bytecode(bytecode: bytes, *, parts: int, **changes: Any) -> Function:
    """A function of one argument with this bytecode, in one of the three layouts."""
    values: dict[str, Any] = {"stack": 8, "constants": (None, 1.5), "names": ("math",), "variables": ("p",), **changes}
    counts = {15: [1, 0], 16: [1, 0, 0], 18: [1, 0, 0]}[parts]
    lines = bytes([len(bytecode) % 256, 0]) if values.pop("is_3_10", False) else b""
    arguments = [*counts, 1, values["stack"], 67, bytecode, values["constants"], values["names"], values["variables"]]
    arguments += ["x.py", "f", *(["f"] if parts == 18 else []), 1, lines, *([b""] if parts == 18 else []), (), ()]
    return read_function(function_node(arguments), [])


LAYOUTS = (15, 16, 18)
HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "half an instruction": b"\x53",
    "no return": bytes([124, 0]),
    "a return of nothing": bytes([83, 0]),
    "an endless loop": bytes([113, 0]),
    "an endless loop of today": bytes([151, 0, 140, 2]),
    "a jump out of the code": bytes([113, 200]),
    "a jump into a cache": bytes([151, 0, 110, 1, 122, 0, 0, 0, 83, 0]),
    "an unknown instruction": bytes([255, 0]),
    "a constant that is not there": bytes([100, 200, 83, 0]),
    "a variable that is not there": bytes([124, 200, 83, 0]),
    "a free variable that is not there": bytes([136, 0, 83, 0]),
    "a name that is not there": bytes([116, 200, 83, 0]),
    "a large argument": bytes([144, 255, 144, 255, 144, 255, 100, 255, 83, 0]),
    "a deep stack": bytes([124, 0] * 9 + [83, 0]),
    "something left on the stack": bytes([124, 0, 124, 0, 83, 0]),
    "a call of a number": bytes([124, 0, 124, 0, 131, 1, 83, 0]),
    "a call of too much": bytes([124, 0, 131, 200, 83, 0]),
    "a rotation of nothing": bytes([2, 0, 83, 0]),
    "a block that never began": bytes([87, 0, 83, 0]),
    "long code": bytes([9, 0] * 4000 + [124, 0, 83, 0]),
}


@pytest.mark.parametrize("parts", LAYOUTS)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_code_is_refused(name: str, parts: int) -> None:
    with pytest.raises(FormatError):
        tabulate_function(with_bytecode(HOSTILE[name], parts=parts))


def test_the_steps_of_a_whole_table_are_limited() -> None:
    source = "def f(p):\n    n = 0\n    while n < 100:\n        n += 1\n    return n * p"
    _, node = compiled_here(source)
    evaluate = read_evaluators(read_function(node, []))[-1]
    assert evaluate(0.5) == 50
    with pytest.raises(FormatError, match=f"at most {MOST_STEPS:,} steps"):
        tabulate_function(read_function(node, []))


@given(st.binary(max_size=60), st.sampled_from(LAYOUTS), st.booleans())
@settings(deadline=None, max_examples=400)
def test_any_bytecode_gives_a_number_or_a_format_error(bytecode: bytes, parts: int, is_3_10: bool) -> None:
    try:
        function = with_bytecode(bytecode, parts=parts, is_3_10=is_3_10)
        evaluators = read_evaluators(function)
    except FormatError:
        return
    for evaluate in evaluators:
        try:
            assert isinstance(evaluate(0.5), float)
        except FormatError:
            continue


@given(st.sampled_from(COMPILED), st.data())
@settings(deadline=None, max_examples=300)
def test_damaged_bytecode_gives_a_number_or_a_format_error(compiled: Compiled, data: st.DataObject) -> None:
    skeleton = compiled.node.arguments[0]
    parts = list(skeleton.arguments[0].arguments)
    index = next(number for number, part in enumerate(parts) if isinstance(part, bytes))
    code = bytearray(parts[index])
    for _ in range(data.draw(st.integers(1, 3))):
        code[data.draw(st.integers(0, len(code) - 1))] = data.draw(st.integers(0, 255))
    parts[index] = bytes(code)
    try:
        for evaluate in read_evaluators(read_function(function_node(parts), [])):
            assert struct.pack(">d", evaluate(0.5))
    except FormatError:
        return
