"""Functions by value as nodes: those of tests/data/schedules, and ones that are compiled here."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strongbox.pickles import Call, Global

__all__ = ["COMPILED", "POINTS", "Compiled", "code_arguments", "function_node"]

FOLDER = Path(__file__).resolve().parents[2] / "data" / "schedules"
POINTS = [index / 16 for index in range(17)]


@dataclass(frozen=True)
class Compiled:
    """One function as one Python compiled it, and what that Python computed with it."""

    python: str
    source: str
    node: Call
    expected: list[float]

    def __str__(self) -> str:
        return f"{self.python}: {self.source.strip()[:40]}"


def builtin_type(name: str) -> Call:
    """How cloudpickle refers to a type of Python's that has no name of its own."""
    return Call(Global("cloudpickle.cloudpickle", "_builtin_type"), (name,))


def function_node(
    parts: list[Any], *, cells: list[Any] | None = None, globals: dict[str, Any] | None = None, defaults: Any = ()
) -> Call:
    """A function as cloudpickle has made it since 1.5, but for its state, which stands in its module's mapping."""
    code = Call(builtin_type("CodeType"), tuple(parts))
    state = {"globals": globals or {}, "closure_values": cells or [], "defaults": tuple(defaults), "module": "__main__"}
    skeleton = Call(Global("cloudpickle.cloudpickle", "_make_skel_func"), (code, -1, {}))
    return Call(Global("cloudpickle.cloudpickle", "_fill_function"), (skeleton, state))


def code_arguments(code: Any) -> list[Any]:
    """What ``types.CodeType`` takes to make a code object under the Python that runs this."""
    arguments: list[Any] = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_nlocals]
    arguments += [code.co_stacksize, code.co_flags, code.co_code, code.co_consts, code.co_names, code.co_varnames]
    arguments += ["train.py", code.co_name]
    has_more = hasattr(code, "co_exceptiontable")
    arguments += [*([code.co_qualname] if has_more else []), 1, code.co_linetable]
    return [*arguments, *([code.co_exceptiontable] if has_more else []), code.co_freevars, code.co_cellvars]


def _decoded(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    if "bytes" in part:
        return base64.b64decode(part["bytes"])
    if "module" in part:
        return Call(Global("cloudpickle.cloudpickle", "subimport"), (part["module"],))
    if "function" in part:
        return Global("math", part["function"])
    return tuple(_decoded(item) for item in part["tuple"])


def _load() -> list[Compiled]:
    found = []
    for path in sorted(FOLDER.glob("python-*.json")):
        content = json.loads(path.read_text())
        for row in json.loads(zlib.decompress(base64.b64decode(content["functions"]))):
            node = function_node(
                [_decoded(part) for part in row["parts"]],
                cells=[_decoded(cell) for cell in row["cells"].values()],
                globals={name: _decoded(part) for name, part in row["globals"].items()},
                defaults=row["defaults"],
            )
            found.append(Compiled(content["python"], row["source"], node, row["expected"]))
    if not found:
        raise FileNotFoundError(f"no functions in {FOLDER}; make them with tests/data/make_schedules.py")
    return found


COMPILED = _load()
