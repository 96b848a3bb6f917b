"""What cloudpickle writes goes through nodes and back, and cloudpickle still makes the same things of it."""

from __future__ import annotations

import collections
import enum
import functools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import pytest

from strongbox.pickles import Call, Global, Node, decode, encode, walk
from tests.core.pickles.graphs import outline

# What the tests pickle must be pickled by value, as if it came from a script.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def through(value: Any) -> Any:
    """Pickle, decode, encode, and load again."""
    content = cloudpickle.dumps(value)
    decoded = decode(content)
    written = encode(decoded)
    again = decode(written)
    assert outline(again) == outline(decoded)
    assert encode(again) == written
    return cloudpickle.loads(written)


def linear(start: float) -> Callable[[float], float]:
    def schedule(progress: float) -> float:
        return progress * start

    return schedule


def even(number: int) -> bool:
    return number == 0 or odd(number - 1)


def odd(number: int) -> bool:
    return number != 0 and even(number - 1)


class Base:
    limit = 3

    def __init__(self) -> None:
        self.me = self

    @property
    def triple(self) -> int:
        return 3 * self.limit

    def make(self) -> Base:
        return Derived()


class Derived(Base):
    def __init__(self) -> None:
        super().__init__()
        self.items = [self]

    @staticmethod
    def twice(number: int) -> int:
        return 2 * number


class Color(enum.Enum):
    RED = 1
    GREEN = "g"


Point = collections.namedtuple("Point", ["x", "y"])


def test_functions() -> None:
    assert through(lambda x: x + 1)(2) == 3
    assert through(linear(0.5))(0.5) == 0.25
    assert through(functools.partial(max, 3))(2) == 3
    assert through([len, print]) == [len, print]


def test_functions_that_call_each_other() -> None:
    assert [number for number in range(6) if through(even)(number)] == [0, 2, 4]
    one, two = through([even, odd])
    assert one.__globals__ is two.__globals__
    assert one.__globals__["odd"] is two


def test_shared_closures_stay_shared() -> None:
    schedule = linear(2.0)
    first, others = through((schedule, [schedule]))
    assert others[0] is first


def test_classes() -> None:
    derived = through(Derived)
    made = derived()
    assert made.items == [made]
    assert (made.me, made.triple, made.twice(4)) == (made, 9, 8)
    assert type(made.make()) is derived


def test_a_class_whose_base_refers_to_it() -> None:
    """The pickler meets the class again before it is made, makes it twice, and throws one away."""
    decoded = decode(cloudpickle.dumps(Derived))
    assert "cloudpickle.cloudpickle._make_skeleton_class" in [popped.path for popped in decoded.popped]
    base = through(Base)
    assert issubclass(type(base().make()), base)


def test_objects_that_refer_to_themselves() -> None:
    made = through(Derived())
    assert made.me is made
    assert made.items[0] is made
    assert decode(cloudpickle.dumps(Derived())).cyclic


def test_enums_and_named_tuples() -> None:
    color, point = through([Color.GREEN, Point(1, 2)])
    assert (color.name, color.value) == ("GREEN", "g")
    assert (point.x, point.y, type(point).__name__) == (1, 2, "Point")


@pytest.mark.parametrize("value", [collections.OrderedDict(a=1), collections.deque([1, 2], 3), {1, 2}, bytearray(b"x")])
def test_containers(value: Any) -> None:
    again = through(value)
    assert again == value
    assert type(again) is type(value)


def code_calls(node: Node) -> list[Call]:
    """The calls that make code objects; cloudpickle names their type by calling ``_builtin_type``."""
    return [
        part
        for part in walk(node)
        if isinstance(part, Call) and isinstance(part.function, Call) and part.function.arguments == ("CodeType",)
    ]


def test_file_names_can_be_taken_out() -> None:
    """The way to do it that walk documents, tried on real code with code inside of it."""
    decoded = decode(cloudpickle.dumps(linear))
    assert __file__.encode() in encode(decoded)
    for call in code_calls(decoded):
        call.arguments = tuple("code.py" if part == __file__ else part for part in call.arguments)
    for node in walk(decoded):
        if isinstance(node, dict) and "__file__" in node:
            node["__file__"] = "code.py"
    written = encode(decoded)
    assert __file__.encode() not in written
    function = cloudpickle.loads(written)
    assert function.__code__.co_filename == "code.py"
    assert function(2.0)(0.5) == 1.0
    assert function(2.0).__code__.co_filename == "code.py"


def test_another_process_loads_what_was_written() -> None:
    written = encode(decode(cloudpickle.dumps(linear(3.0))))
    program = f"import pickle; print(pickle.loads({written!r})(2.0))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "6.0\n"


def test_names_are_all_told() -> None:
    decoded = decode(cloudpickle.dumps(even))
    named = {item.path for item in decoded.globals}
    assert {"cloudpickle.cloudpickle._make_function", "cloudpickle.cloudpickle._function_setstate"} <= named
    assert {item.path for item in walk(decoded) if isinstance(item, Global)} == named
