"""The way through a graph of nodes: shared parts, cycles, depth, statements, code by value."""

from __future__ import annotations

from typing import Any

import pytest

from strongbox.errors import LimitError
from strongbox.limits import Limits
from strongbox.pickles import Call, Decoded, Global, PersistentId
from strongbox.values import ConstantSchedule, Opaque, find_opaque, same, to_value
from tests.core.values.fixtures import FIXTURES, call, new, reason_of

CLOUDPICKLE = "cloudpickle.cloudpickle"
SB3_UTILS = "stable_baselines3.common.utils"


def builtin_type(name: str) -> Call:
    return call(f"{CLOUDPICKLE}._builtin_type", name)


def code(
    bytecode: bytes = b"\x88\x00S\x00",
    *,
    constants: Any = (None,),
    names: Any = (),
    free: Any = ("val",),
    arguments: int = 1,
    flags: int = 19,
    name: str = "func",
) -> Call:
    parts = (arguments, 0, 0, 1, 1, flags, bytecode, constants, names, ("_",), "f.py", name, 1, b"", free, ())
    return Call(builtin_type("CodeType"), parts)


def function(
    made_of: Call,
    *cells: Any,
    module: str = SB3_UTILS,
    qualified_name: str = "constant_fn.<locals>.func",
    slots: dict[str, Any] | None = None,
) -> Decoded:
    """A function by value with the statement that completes it."""
    empty = tuple(call(f"{CLOUDPICKLE}._make_empty_cell") for _ in cells)
    made = call(f"{CLOUDPICKLE}._make_function", made_of, {"__name__": module}, None, None, empty)
    filled = tuple(call(f"{CLOUDPICKLE}._make_cell", cell) for cell in cells)
    state = {"__module__": module, "__qualname__": qualified_name, "__closure__": filled, **(slots or {})}
    return Decoded(made, popped=(call(f"{CLOUDPICKLE}._function_setstate", made, ({}, state)),))


def test_a_schedule_written_by_hand() -> None:
    assert to_value(function(code(), 0.5)) == ConstantSchedule(value=0.5)


DIFFERENT: list[tuple[str, Decoded]] = [
    ("another name", function(code(b"|\x00S\x00"), 0.5, qualified_name="constant_fn.<locals>.other")),
    ("another module", function(code(b"|\x00S\x00"), 0.5, module="my.code")),
    ("names used", function(code(b"|\x00S\x00", names=("open",)), 0.5)),
    ("another constant", function(code(b"|\x00S\x00", constants=(None, 3.5)), 0.5)),
    ("a call as constant", function(code(b"|\x00S\x00", constants=(call("os.system", "x"),)), 0.5)),
    ("another cell", function(code(b"|\x00S\x00", free=("value",)), 0.5)),
    ("no argument", function(code(arguments=0), 0.5)),
    ("two arguments", function(code(arguments=2), 0.5)),
    ("a generator", function(code(flags=19 | 0x20), 0.5)),
    ("a coroutine", function(code(flags=19 | 0x80), 0.5)),
]


@pytest.mark.parametrize("decoded", [row[1] for row in DIFFERENT], ids=[row[0] for row in DIFFERENT])
def test_a_function_that_differs_from_a_known_one(decoded: Decoded) -> None:
    value = to_value(decoded)
    assert isinstance(value, Opaque)
    assert value.needs_code
    assert value.reason == "its code is in the file by value"


BROKEN: list[tuple[str, Decoded, str]] = [
    ("a cell too few", function(code(free=("a", "b")), 0.5), "expected 2 cells, found 1"),
    ("bytes for code", function(code("S", free=())), "expected the code of a code object to be a bytes"),  # type: ignore[arg-type]
    ("names in a list", function(code(names=["a"], free=())), "a tuple of names"),
    ("a number as cell", function(code(), "text"), "expected a number to be a number, found a str"),
    ("cells that are none", function(code(), slots={"__closure__": (1,)}), "expected a cell with content"),
]


@pytest.mark.parametrize(("name", "decoded", "reason"), BROKEN, ids=[row[0] for row in BROKEN])
def test_a_broken_function(name: str, decoded: Decoded, reason: str) -> None:
    value = to_value(decoded)
    assert isinstance(value, Opaque)
    assert value.needs_code
    assert reason in value.reason


def test_a_code_object_of_no_known_layout() -> None:
    made = call(f"{CLOUDPICKLE}._make_function", Call(builtin_type("CodeType"), (1, 2)), {})
    assert reason_of(made) == "expected a code object of 15, 16 or 18 parts, found 2"


def test_a_function_whose_state_is_set_by_something_else() -> None:
    made = function(code(), 0.5).root
    popped = call("os.system", made, ({}, {}))
    value = to_value(Decoded(made, popped=(popped,)))
    assert isinstance(value, Opaque)
    assert value.reason == "expected nothing but a function's state to be set on it"


def test_an_array_with_which_something_is_called() -> None:
    made = call("pathlib.PosixPath", "a")
    value = to_value(Decoded(made, popped=(call("os.system", made),)))
    assert isinstance(value, Opaque)
    assert value.reason == "expected nothing to be called with it, found a call"


def test_classes_by_value() -> None:
    kind = call(
        f"{CLOUDPICKLE}._make_skeleton_class",
        builtin_type("ClassType"),
        "Extractor",
        (),
        {"__module__": "__main__"},
        "id",
        None,
    )
    assert to_value(kind) == Opaque("class Extractor of __main__", "its code is in the file by value", True)
    instance = Call(kind, (), kind="new")
    instance.state, instance.has_state = {"width": 3}, True
    assert to_value(instance).type == "instance of class Extractor of __main__"
    value = to_value({"features_extractor_class": kind, "net_arch": [64]})
    assert [path for path, _ in find_opaque(value)] == ["['features_extractor_class']"]


def test_code_deep_inside_an_unknown_call_is_noticed() -> None:
    unknown = call("my.code.Thing", {"a": [function(code(), 0.5).root]})
    value = to_value(unknown)
    assert isinstance(value, Opaque)
    assert value.needs_code


def test_parts_that_are_not_understood_do_not_hide_the_rest() -> None:
    node = {"a": [1, call("os.system", "x"), (2, call("os.getenv", "y"))], "b": {"c": 3.5}}
    value = to_value(node)
    assert value["b"] == {"c": 3.5}
    assert value["a"][0] == 1
    assert [(path, part.type) for path, part in find_opaque(value)] == [
        ("['a'][1]", "os.system"),
        ("['a'][2][1]", "os.getenv"),
    ]


def test_a_shared_part_is_built_once() -> None:
    shared = {"a": [1]}
    value = to_value([shared, shared])
    assert value[0] is value[1]


def test_a_call_that_contains_itself() -> None:
    made = call("collections.OrderedDict")
    made.items = [("self", made)]
    value = to_value(made)
    assert same(dict(value), {"self": Opaque("collections.OrderedDict", "it contains itself")})


def test_calls_that_all_contain_each_other() -> None:
    """Every path is cut where it closes and every call is built once; what they come to is charged."""
    for count, fits in ((8, True), (40, False)):
        calls = [call("collections.deque", (), None) for _ in range(count)]
        for made in calls:
            made.appended = list(calls)
        if fits:
            assert len(to_value(calls[0])) == count
        else:
            with pytest.raises(LimitError, match="values in all"):
                to_value(calls[0])


def test_what_is_made_of_shared_parts_is_charged_when_it_comes_up_again() -> None:
    """Measured from one end the graph is small, since references close cycles; from the other it doubles."""
    calls = [call("collections.OrderedDict") for _ in range(40)]
    for index, made in enumerate(calls):
        following = calls[min(index + 1, 39)]
        made.items = [("a", following), ("b", following), ("back", calls[max(index - 1, 0)])]
    with pytest.raises(LimitError, match="at most 1000000 values in all"):
        to_value([calls[0], calls[-1]])


def plain_dtype() -> Call:
    return call("numpy.dtype", "u1", False, True, state=(3, "|", None, None, None, -1, -1, 0))


def test_many_arrays_over_the_same_bytes_are_charged() -> None:
    content = bytes(1 << 20)
    arrays = [call("numpy._core.numeric._frombuffer", content, plain_dtype(), (1 << 20,), "C") for _ in range(3000)]
    with pytest.raises(LimitError, match="once shared parts are expanded"):
        to_value(arrays)
    value = to_value(arrays[:100])
    assert value[0].base is not None
    assert value[0].__array_interface__["data"] == value[99].__array_interface__["data"]


def test_many_arrays_over_the_same_bytearray_are_one_copy() -> None:
    content = bytearray(1 << 20)
    arrays = [call("numpy._core.numeric._frombuffer", content, plain_dtype(), (1 << 20,), "C") for _ in range(9)]
    assert len({array.__array_interface__["data"] for array in to_value(arrays)}) == 1


@pytest.mark.parametrize("large", ["text" * 1000, b"bytes" * 1000])
def test_a_large_scalar_that_comes_up_often_is_charged(large: Any) -> None:
    limits = Limits(inflated_bytes=100_000)
    assert len(to_value([large] * 20, limits=limits)) == 20
    with pytest.raises(LimitError, match="at most 100,000 bytes once shared parts are expanded"):
        to_value([large] * 40, limits=limits)


def test_code_is_looked_for_once_however_many_parts_are_opaque() -> None:
    """Each of these refers to all others: 20,000 times a walk of 20,000 would take minutes."""
    shared: list[Any] = []
    shared.extend(call("my.code.Thing", state=shared) for _ in range(20_000))
    value = to_value(shared)
    assert len(value) == 20_000
    assert not any(part.needs_code for part in value)
    shared.append(code())
    assert all(part.needs_code for part in to_value(shared))


def test_depth_is_bounded() -> None:
    node: Any = 1
    for _ in range(65):
        node = [node]
    with pytest.raises(LimitError, match="at most 64 deep"):
        to_value(node)
    assert to_value(node, limits=Limits(depth=65)) is not None


def test_a_depth_beyond_python_is_a_limit_too() -> None:
    node: Any = 1
    for _ in range(100_000):
        node = [node]
    with pytest.raises(LimitError, match="than Python can follow"):
        to_value(node, limits=Limits(depth=10**6))


def test_a_space_inside_spaces_is_bounded() -> None:
    node: Any = new("gymnasium.spaces.discrete.Discrete", n=2)
    for _ in range(70):
        node = new("gymnasium.spaces.tuple.Tuple", spaces=(node,))
    with pytest.raises(LimitError):
        to_value(node)


def test_what_is_kept_outside_of_the_pickle() -> None:
    assert to_value(PersistentId(("storage", "0"))) == Opaque("PersistentId", "it is kept outside of the pickle")


def test_a_decoded_pickle_and_its_root_are_the_same() -> None:
    for fixture in FIXTURES[:40]:
        if "arrays" in fixture.name:
            decoded = fixture.decode()
            assert same(to_value(decoded), to_value(decoded.root))


def test_a_global_is_only_a_name() -> None:
    assert to_value([Global("os", "system")])[0].path == "os.system"
