"""Code by value: what cloudpickle writes for a function or class that cannot be imported by name.

Read as data, never made into code. Three layouts of a code object, by the number of its parts (Python
3.6 and 3.7; 3.8 to 3.10; 3.11 and later), and three of a function:

- ``_fill_function(_make_skel_func(code, cells, globals), state)``, cloudpickle before 1.5 and on
  Python 3.6 and 3.7; before 0.5 ``_fill_function`` had five or six arguments;
- ``FunctionType(code, globals, name, defaults, closure)``, and a statement
  ``_function_setstate(function, (attributes, slots))``, cloudpickle 1.5 to 2.0;
- the same with ``_make_function``, since cloudpickle 2.1.

Source: ``cloudpickle/cloudpickle.py`` and ``cloudpickle_fast.py``, releases 0.4 to 3.1.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import FormatError
from ...pickles import Call, Decoded, Global, Node, children, walk
from ...records import record
from ..checks import kind_of
from ..names import current_name
from .naming import short

__all__ = [
    "CLOUDPICKLE",
    "GENERATOR_FLAGS",
    "SKELETON_CLASSES",
    "Code",
    "Function",
    "called",
    "class_by_value",
    "holders_of_code",
    "is_code_type",
    "makes_function",
    "read_function",
]

CLOUDPICKLE = "cloudpickle.cloudpickle"

CODE_LAYOUTS: dict[int, tuple[str, ...]] = {
    15: (
        *("argcount", "kwonlyargcount", "nlocals", "stacksize", "flags", "code", "consts", "names", "varnames"),
        *("filename", "name", "firstlineno", "lnotab", "freevars", "cellvars"),
    ),
    16: (
        *("argcount", "posonlyargcount", "kwonlyargcount", "nlocals", "stacksize", "flags", "code", "consts"),
        *("names", "varnames", "filename", "name", "firstlineno", "linetable", "freevars", "cellvars"),
    ),
    18: (
        *("argcount", "posonlyargcount", "kwonlyargcount", "nlocals", "stacksize", "flags", "code", "consts"),
        *("names", "varnames", "filename", "name", "qualname", "firstlineno", "linetable", "exceptiontable"),
        *("freevars", "cellvars"),
    ),
}
"""The arguments of ``types.CodeType``, by how many there are."""

KINDS: dict[str, type] = {
    **dict.fromkeys(("argcount", "kwonlyargcount", "stacksize", "flags"), int),
    "code": bytes,
    "consts": tuple,
    "name": str,
}
"""Types of parts that are looked at; names are checked where they are read."""

GENERATOR_FLAGS = 0x20 | 0x80 | 0x100 | 0x200
"""Flags of generators and coroutines, whose bytecode may be that of an ordinary function."""

SKELETON_CLASSES = frozenset(
    {
        (CLOUDPICKLE, "_make_skeleton_class"),
        (CLOUDPICKLE, "_make_skeleton_enum"),
        (CLOUDPICKLE, "_rehydrate_skeleton_class"),
        ("builtins", "type"),
    }
)


@record(frozen=True)
class Code:
    """The parts of a code object that tell what it does; names and constants in their order.

    ``parts`` is how many it has, ``keyword_count`` how many arguments can be given by name alone; ``variables`` are
    the names of the locals, arguments first, ``exceptions`` is the table of handlers.
    """

    argument_count: int
    flags: int
    bytecode: bytes
    constants: tuple[Node, ...]
    names: tuple[str, ...]
    free_names: tuple[str, ...]
    name: str
    parts: int
    keyword_count: int
    stack_size: int
    variables: tuple[str, ...]
    cell_names: tuple[str, ...]
    line_table: bytes
    exceptions: bytes


@record(frozen=True)
class Function:
    """A function by value: where it was defined, its code, and the content of its cells by name.

    ``globals`` are those of its module that it uses, ``defaults`` those of its last arguments.
    """

    module: str
    qualified_name: str
    code: Code
    cells: dict[str, Node]
    globals: dict[Node, Node]
    defaults: tuple[Node, ...]

    @property
    def title(self) -> str:
        """What to call it, such as ``function <lambda> of __main__``."""
        return short(f"function {self.qualified_name} of {self.module}")


def called(node: Node) -> tuple[str, str]:
    """The current module and name of what a call calls; empty where there is none."""
    if type(node) is Call and type(node.function) is Global:
        return current_name(node.function.module, node.function.name)
    return "", ""


def is_builtin_type(node: Node, names: tuple[str, ...]) -> bool:
    """Whether a node is ``types.NAME``, as cloudpickle refers to types that have no importable name."""
    if called(node) == (CLOUDPICKLE, "_builtin_type"):
        return len(node.arguments) == 1 and type(node.arguments[0]) is str and node.arguments[0] in names
    return type(node) is Global and node.module == "types" and node.name in names


def is_code_type(node: Node) -> bool:
    """Whether a node is the type of code objects."""
    return is_builtin_type(node, ("CodeType",))


def makes_function(function: Node) -> bool:
    """Whether calling this makes a function out of a code object."""
    if type(function) is Global:
        return current_name(function.module, function.name) == (CLOUDPICKLE, "_make_function")
    return is_builtin_type(function, ("FunctionType", "LambdaType"))


def holders_of_code(decoded: Decoded) -> frozenset[int]:
    """The nodes, by id, in or below which there is code by value; each reference is followed once."""
    above: dict[int, list[int]] = {}
    waiting: list[int] = []
    for node in walk(decoded):
        if type(node) is Call and (is_code_type(node.function) or called(node) in SKELETON_CLASSES):
            waiting.append(id(node))
        for part in children(node):
            above.setdefault(id(part), []).append(id(node))
    holders: set[int] = set()
    while waiting:
        key = waiting.pop()
        if key not in holders:
            holders.add(key)
            waiting.extend(above.get(key, ()))
    return frozenset(holders)


def class_by_value(node: Node, statements: Iterable[Call] = ()) -> str | None:
    """What to call a class by value, such as ``class Extractor of __main__``; None where it is none.

    ``statements`` are those on the class; until cloudpickle 2.0 only they told its module.
    """
    if called(node) not in SKELETON_CLASSES:
        return None
    skeleton, attributes = node, None
    if node.function.name == "_rehydrate_skeleton_class" and len(node.arguments) == 2:
        skeleton, attributes = node.arguments
    states = [part for statement in statements for part in statement.arguments[1:] if type(part) is tuple]
    texts = [part for part in getattr(skeleton, "arguments", ()) if type(part) is str]
    parts = (*getattr(skeleton, "arguments", ()), attributes, *[part for state in states for part in state])
    mappings = [part for part in parts if type(part) is dict]
    modules = [found for mapping in mappings if type(found := mapping.get("__module__")) is str]
    return short(f"class {texts[0] if texts else '?'}" + (f" of {modules[0]}" if modules else ""))


def read_code(node: Node) -> Code:
    """The code object that a call would make; raises FormatError where it is none."""
    if type(node) is not Call or not is_code_type(node.function):
        raise FormatError(f"expected a code object, found {kind_of(node)}")
    layout = CODE_LAYOUTS.get(len(node.arguments))
    if layout is None:
        raise FormatError(f"expected a code object of 15, 16 or 18 parts, found {len(node.arguments)}")
    parts = dict(zip(layout, node.arguments, strict=True))
    for name, kind in KINDS.items():
        if type(parts[name]) is not kind:
            raise FormatError(f"expected the {name} of a code object to be a {kind.__name__}")
    return Code(
        argument_count=parts["argcount"],
        flags=parts["flags"],
        bytecode=parts["code"],
        constants=parts["consts"],
        names=read_names(parts["names"]),
        free_names=read_names(parts["freevars"]),
        name=parts["name"],
        parts=len(layout),
        keyword_count=parts["kwonlyargcount"],
        stack_size=parts["stacksize"],
        variables=read_names(parts["varnames"]),
        cell_names=read_names(parts["cellvars"]),
        line_table=content(parts["linetable" if "linetable" in parts else "lnotab"]),
        exceptions=content(parts.get("exceptiontable", b"")),
    )


def read_names(node: Node) -> tuple[str, ...]:
    """A tuple of names."""
    if type(node) is not tuple or not all(type(name) is str for name in node):
        raise FormatError("expected a tuple of names in a code object")
    return node


def content(node: Node) -> bytes:
    """Bytes."""
    if type(node) is not bytes:
        raise FormatError(f"expected a table of a code object in bytes, found {kind_of(node)}")
    return node


def read_function(call: Call, statements: list[Call]) -> Function:
    """The function that a call makes and its statements complete; raises FormatError where it is none."""
    if called(call) == (CLOUDPICKLE, "_fill_function"):
        return read_filled(call)
    if not 2 <= len(call.arguments) <= 5:
        raise FormatError(f"expected a function of 2 to 5 parts, found {len(call.arguments)}")
    code, defined_in = read_code(call.arguments[0]), call.arguments[1]
    slots: dict[str, Node] = {}
    for statement in statements:
        if called(statement) != (CLOUDPICKLE, "_function_setstate") or len(statement.arguments) != 2:
            raise FormatError("expected nothing but a function's state to be set on it")
        state = statement.arguments[1]
        if type(state) is not tuple or len(state) != 2 or type(state[1]) is not dict:
            raise FormatError("expected a function's state to be a pair of mappings")
        slots = state[1]
    names = defined_in if type(defined_in) is dict else {}
    closure = slots.get("__closure__") or ()
    contents = [read_cell(cell) for cell in closure] if type(closure) is tuple else []
    return Function(
        module=first_text(slots.get("__module__"), names.get("__name__")),
        qualified_name=first_text(slots.get("__qualname__"), code.name),
        code=code,
        cells=name_cells(code, contents),
        globals=mapping(slots.get("__globals__")),
        defaults=items(slots.get("__defaults__")),
    )


def read_filled(call: Call) -> Function:
    """A function in the layout of cloudpickle before 1.5."""
    if len(call.arguments) not in (2, 5, 6):
        raise FormatError(f"expected a filled function of 2, 5 or 6 parts, found {len(call.arguments)}")
    skeleton = call.arguments[0]
    if called(skeleton) != (CLOUDPICKLE, "_make_skel_func") or not skeleton.arguments:
        raise FormatError("expected the skeleton of a function")
    code = read_code(skeleton.arguments[0])
    state = call.arguments[1]
    if len(call.arguments) > 2:
        keys = ("globals", "defaults", "dict", "module", "closure_values")
        state = dict(zip(keys if len(call.arguments) == 6 else (*keys[:3], keys[4]), call.arguments[1:], strict=True))
    if type(state) is not dict:
        raise FormatError("expected a function's state to be a mapping")
    contents = state.get("closure_values") or []
    return Function(
        module=first_text(state.get("module")),
        qualified_name=first_text(state.get("qualname"), code.name),
        code=code,
        cells=name_cells(code, contents if type(contents) in (list, tuple) else []),
        globals=mapping(state.get("globals")),
        defaults=items(state.get("defaults")),
    )


def read_cell(node: Node) -> Node:
    """The content of a cell of a closure; cloudpickle before 1.4 called the type of cells itself."""
    makes_cell = called(node) == (CLOUDPICKLE, "_make_cell") or (
        type(node) is Call and is_builtin_type(node.function, ("CellType",))
    )
    if not makes_cell or len(node.arguments) != 1:
        raise FormatError("expected a cell with content")
    return node.arguments[0]


def name_cells(code: Code, contents: list[Node] | tuple[Node, ...]) -> dict[str, Node]:
    """The contents of cells by the names that the code has for them."""
    if len(contents) != len(code.free_names):
        raise FormatError(f"expected {len(code.free_names)} cells, found {len(contents)}")
    return dict(zip(code.free_names, contents, strict=True))


def mapping(node: Node) -> dict[Node, Node]:
    """A mapping, or an empty one where there is none."""
    return node if type(node) is dict else {}


def items(node: Node) -> tuple[Node, ...]:
    """A tuple, or an empty one where there is none."""
    return node if type(node) is tuple else ()


def first_text(*candidates: Node) -> str:
    """The first of these that is text, or a question mark."""
    return next((text for text in candidates if type(text) is str), "?")
