"""What an object is made of: which attributes may be state, which hold an object of its own, and which hold neither.

An object's attributes are looked at by name and type alone; nothing is asked of the objects themselves.
"""

from __future__ import annotations

import dis
import enum
import functools
import inspect
import logging
import sys
from collections.abc import Iterator
from pathlib import PurePath
from types import CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy

from ..loaded import loaded_classes
from ..slots import fields_of, slots_of
from .clocks import clocks_of
from .logs import has_log
from .spaces import NO_SPACES, spaces_in

__all__ = [
    "OVERWRITTEN",
    "attributes_of",
    "class_name",
    "closure_of",
    "is_harmless",
    "is_library",
    "is_of_library",
    "is_own",
    "layer_classes",
    "may_come",
    "package_of",
    "parts_of",
    "stored_names",
]

IGNORED = frozenset(
    (
        *("env", "venv", "envs", "spec", "_cached_spec", "metadata", "_metadata", "render_mode"),
        *("_saved_kwargs", "_ezpickle_args", "_ezpickle_kwargs", "class_attributes"),
        *("remotes", "work_remotes", "processes", "closed", "strongbox_ready"),
        *("parent_pipes", "error_queue"),
    )
)
"""Attributes that are about how layers hang together, or about this process."""

OVERWRITTEN = frozenset(("buf_infos", "reset_infos", "_previous_data"))
"""Attributes that no step depends on: what is not plain in them is no loss, and they may hold anything."""

RENDERING = frozenset(("pygame", "glfw", "moderngl", "cv2"))
"""Packages whose objects show an environment, and are none of its state."""

LIBRARIES = frozenset(("gymnasium", "stable_baselines3", "sb3_contrib", "ale_py"))
"""Packages whose classes keep what an attribute holds of one kind."""


DEEPEST = 16
"""Levels of containers that are looked into; one that holds itself has more."""

INSTALLED = frozenset(("site-packages", "dist-packages"))
"""Folders in which installed packages lie."""


def class_name(live: Any) -> str:
    """What a class is called in a state and in messages: without its module, since a script may be run or imported."""
    return type(live).__qualname__


def attributes_of(live: Any, harmless: frozenset[str] = frozenset()) -> list[tuple[str, Any]]:
    """The attributes of an object that may be state, by name."""
    elsewhere = {*harmless, *clocks_of(live)}
    if isinstance(live, loaded_classes("torch.nn", "Module")):
        elsewhere |= _internal_of_networks()
    if has_log(live):
        elsewhere.add("results_writer")
    return [
        (name, value)
        for name, value in fields_of(live).items()
        if name not in IGNORED and name not in elsewhere and (type(value) in NO_SPACES or not spaces_in(value))
    ]


def parts_of(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The objects that an attribute holds, alone or in a dictionary by name or in a list, each with a label."""
    if type(value) is dict and value and all(type(key) is str for key in value):
        found = [(f"{name}.{key}", item) for key, item in value.items()]
    elif type(value) in (list, tuple) and value:
        found = [(f"{name}.{index}", item) for index, item in enumerate(value)]
    else:
        found = [(name, _owner(value))]
    if not all(_is_part(item) for _, item in found):
        return
    for label, item in found:
        if isinstance(item, loaded_classes("torch.nn", "Module")):
            yield from item.named_modules(prefix=label)
        else:
            yield label, item


@functools.cache
def _internal_of_networks() -> frozenset[str]:
    """What torch itself keeps in each network: tensors, which have labels, networks, which are parts, and hooks."""
    (module,) = loaded_classes("torch.nn", "Module")
    return frozenset(vars(module())) - {"training"}


def _owner(value: Any) -> Any:
    """The object that a method is bound to, where it is the script's own: such a function may remember in it."""
    owner = getattr(value, "__self__", None)
    known = owner is None or package_of(type(owner)) in (*LIBRARIES, "torch")
    return value if known or not isinstance(value, MethodType) else owner


def closure_of(value: Any) -> tuple[Any, ...]:
    """What a function of the script's own has from outside of it, and may change from one call to the next."""
    if not isinstance(value, FunctionType) or value.__module__.partition(".")[0] in LIBRARIES:
        return ()
    cells = []
    for cell in value.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:
            continue  # not set yet
    return (*cells, *(value.__defaults__ or ()), vars(value))


def _is_part(value: Any) -> bool:
    """Whether an object is one of Python's with attributes of its own."""
    if is_harmless(value) or callable(getattr(value, "fileno", None)):
        return False
    kind: Any = type(value)
    if isinstance(value, (enum.Enum, *loaded_classes("torch", "Tensor"))):
        return False
    if not (hasattr(value, "__dict__") or slots_of(kind)):
        return False
    # What the standard library makes often stands for something outside: a lock, a logger, a process.
    return package_of(type(value)) not in sys.stdlib_module_names or isinstance(value, SimpleNamespace)


def is_harmless(value: Any, depth: int = 0) -> bool:
    """Whether an object holds no state of an environment: code, other layers, spaces, what shows it."""
    if isinstance(value, list | tuple) or type(value) is dict:
        items = value.values() if isinstance(value, dict) else value
        return depth < DEEPEST and all(is_harmless(item, depth + 1) for item in items)
    if isinstance(value, (*layer_classes(), ModuleType, type, logging.Logger)):
        return True
    if (
        isinstance(value, (numpy.dtype, *loaded_classes("torch", "dtype", "device", "Size")))
        or inspect.isroutine(value)
        or isinstance(value, functools.partial)
    ):
        return True
    return package_of(type(value)) in RENDERING or package_of(type(value)) == "pathlib"


def layer_classes() -> tuple[Any, ...]:
    """What layers are and how they are described, as far as it is loaded."""
    return (
        *loaded_classes("gymnasium", "Env", "Space"),
        *loaded_classes("gymnasium.vector", "VectorEnv"),
        *loaded_classes("gymnasium.envs.registration", "EnvSpec"),
        *loaded_classes("stable_baselines3.common.vec_env", "VecEnv"),
    )


def is_of_library(live: Any) -> bool:
    """Whether a class is one whose attributes keep to one kind of value."""
    return is_library(type(live))


def is_library(kind: type) -> bool:
    """The same of a class."""
    return package_of(kind) in LIBRARIES


@functools.lru_cache(maxsize=512)
def is_own(kind: Any, package: str) -> bool:
    """Whether a class is of a package, or of the script's own modules: neither installed nor Python's."""
    own = package_of(kind)
    if own in (package or "__main__", "__main__"):
        return True
    file = getattr(sys.modules.get(getattr(kind, "__module__", "")), "__file__", None)
    return file is not None and own not in sys.stdlib_module_names and INSTALLED.isdisjoint(PurePath(file).parts)


def package_of(kind: type) -> str:
    """The package of a class; SWIG makes some that have none."""
    return str(getattr(kind, "__module__", "")).split(".")[0]


def may_come(live: Any, name: str) -> bool:
    """Whether an attribute that an object does not have may be set: its class sets it, and it hides nothing."""
    default = inspect.getattr_static(type(live), name, None)
    free = name not in IGNORED and name not in fields_of(live) and not name.startswith("__")
    return free and name in stored_names(own_class(live)) and not callable(default) and not hasattr(default, "__get__")


@functools.lru_cache(maxsize=512)
def stored_names(kind: Any) -> frozenset[str]:
    """The attributes that the code of a class and of its bases sets on some object, by name."""
    functions = (value for base in kind.__mro__ for value in vars(base).values())
    codes = [code for value in functions if (code := _code(value)) is not None]
    return frozenset(name for code in codes for name in _stores(code))


def own_class(live: Any) -> Any:
    """The class of an object, as a key."""
    return type(live)


def _code(value: Any) -> CodeType | None:
    function: Any = value.fget if isinstance(value, property) else value
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _stores(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname == "STORE_ATTR":
            yield instruction.argval
        if isinstance(instruction.argval, CodeType):
            yield from _stores(instruction.argval)
