"""The rules of the house: which room may import which, what an import brings in, what is public.

The rooms stand here in the order of docs/architecture.md. Every rule that reads source has a second test,
in which the rule is broken on purpose and has to notice.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import strongbox

PACKAGE = Path(strongbox.__file__).parent

LEVELS: tuple[tuple[str, ...], ...] = (
    ("records",),
    ("_version", "errors", "limits"),
    ("container",),
    ("pickles",),
    ("tensors",),
    ("values",),
    ("archive",),
    ("conversion",),
    ("policies", "adapters", "checkpoints", "stores"),
    ("runs",),
    ("cli", "sb3", "viewer"),
    ("__init__", "__main__"),
)
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

THIRD_PARTY = {
    "policies": {"numpy", "onnx", "onnxruntime"},
    "checkpoints": {"numpy", "zstandard"},
    "adapters": {"numpy", "torch", "stable_baselines3", "sb3_contrib", "gymnasium", "gym", "cloudpickle"},
}
"""What a room may import from outside of the standard library; every other room numpy alone."""

THIRD_PARTY_MODULES = {
    "policies/environments.py": {"numpy", "gymnasium", "ale_py"},
    "policies/video.py": {"numpy", "av"},
    "adapters/environments/mujoco.py": {"numpy", "mujoco"},
    "adapters/environments/atari.py": {"numpy", "ale_py"},
    "adapters/jax/parts.py": {"jax"},
    "adapters/jax/trees.py": {"jax", "numpy"},
}
"""Single modules that may import what the rest of their room may not."""

DANGEROUS_MODULES = {
    *("pickle", "_pickle", "pickletools", "cloudpickle", "dill", "joblib", "marshal", "shelve", "copyreg"),
    *("zipfile", "tarfile", "imp", "pkgutil", "runpy", "code", "codeop", "ctypes", "subprocess", "socket"),
}
"""What no room but the adapters may touch: loaders that run code, other readers of archives, ways out."""

DANGEROUS_CALLS = {"eval", "exec", "compile", "__import__", "import_module", "attrgetter"}

MEANINGLESS_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc", "tools"}

PUBLIC_NAMES = {
    *("__version__", "open", "load", "save", "check", "convert", "diff", "open_normalization", "policy"),
    *("Archive", "Limits", "StrongboxError", "StrongboxWarning", "errors", "values"),
    *("Agent", "Keep", "Run", "sb3"),
}
"""What a person may rely on; another name is a promise, and has to be meant as one."""


def read_sources() -> dict[str, str]:
    """Every module of the package: its path inside the package, and its text."""
    return {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}


SOURCES = read_sources()


@cache
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


def room_of(path: str) -> str:
    return path.split("/")[0].removesuffix(".py")


@cache
def imported_modules(path: str, source: str) -> list[tuple[int, str]]:
    """Every module that a source imports, anywhere in it, by absolute name, with its line."""
    parts = ("strongbox", *path.removesuffix(".py").split("/"))
    found = []
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parts[: len(parts) - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            found += [(node.lineno, f"{module}.{alias.name}") for alias in node.names]
    return found


def imported_rooms(path: str, source: str) -> Iterator[tuple[int, str]]:
    for line, module in imported_modules(path, source):
        names = module.split(".")
        if names[0] == "strongbox":
            yield line, names[1] if len(names) > 1 and names[1] in LEVEL else "__init__"


def upward_edges(sources: dict[str, str]) -> list[str]:
    """Imports of a room that is not below the importing one; siblings are not below each other."""
    return [
        f"{path}:{line} imports the room {room!r}"
        for path, source in sources.items()
        for line, room in imported_rooms(path, source)
        if room != room_of(path) and LEVEL[room] >= LEVEL[room_of(path)]
    ]


def strangers(sources: dict[str, str]) -> list[str]:
    """Imports of anything but the standard library, the package itself, and what the room may have."""
    return [
        f"{path}:{line} imports {module}"
        for path, source in sources.items()
        for line, module in imported_modules(path, source)
        for top in [module.split(".")[0]]
        if top != "strongbox"
        and top not in sys.stdlib_module_names
        and top not in THIRD_PARTY_MODULES.get(path, THIRD_PARTY.get(room_of(path), {"numpy"}))
    ]


def dangers(sources: dict[str, str]) -> list[str]:
    """Dangerous modules and calls outside of the adapters."""
    outside = {path: source for path, source in sources.items() if room_of(path) != "adapters"}
    imports = [
        f"{path}:{line} imports {module}"
        for path, source in outside.items()
        for line, module in imported_modules(path, source)
        if module.split(".")[0] in DANGEROUS_MODULES
    ]
    calls = [
        f"{path}:{node.lineno} calls {name}"
        for path, source in outside.items()
        for node in ast.walk(parsed(source))
        if isinstance(node, ast.Call) and (name := called_name(node)) in DANGEROUS_CALLS
    ]
    return imports + calls


def called_name(call: ast.Call) -> str:
    """``eval`` of ``eval(…)`` and ``import_module`` of ``importlib.import_module(…)``, but not ``re.compile``."""
    if isinstance(call.func, ast.Name):
        return call.func.id
    if isinstance(call.func, ast.Attribute) and call.func.attr in {"import_module", "attrgetter"}:
        return call.func.attr
    return ""


Definition = ast.ClassDef | ast.FunctionDef


def public_definitions(source: str) -> Iterator[tuple[str, Definition]]:
    """What a module defines of its ``__all__``, each with its public methods and properties.

    A method that stands for one of a base class in the same module is that one's, as is what it says.
    """
    tree = parsed(source)
    defined = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
    for name in public_names(tree):
        if name in defined:
            yield name, defined[name]
            inherited = inherited_members(defined[name], defined)
            yield from ((f"{name}.{n}", m) for n, m in members(defined[name]).items() if n not in inherited)


def public_names(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return list(ast.literal_eval(node.value))
    return []


def members(definition: Definition) -> dict[str, ast.FunctionDef]:
    if not isinstance(definition, ast.ClassDef):
        return {}
    return {n.name: n for n in definition.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")}


def inherited_members(definition: Definition, defined: dict[str, Definition]) -> set[str]:
    bases = definition.bases if isinstance(definition, ast.ClassDef) else []
    known = [defined[base.id] for base in bases if isinstance(base, ast.Name) and base.id in defined]
    return {name for base in known for name in (*members(base), *inherited_members(base, defined))}


def without_docstring(sources: dict[str, str]) -> list[str]:
    """Modules, and public functions, classes, methods and properties, that do not say what they are."""
    modules = [path for path, source in sources.items() if source and ast.get_docstring(parsed(source)) is None]
    names = [
        f"{path}: {name}"
        for path, source in sources.items()
        for name, definition in public_definitions(source)
        if ast.get_docstring(definition) is None
    ]
    return modules + names


def test_rooms_import_only_rooms_below_them() -> None:
    assert {room_of(path) for path in SOURCES} <= LEVEL.keys(), "a room that docs/architecture.md does not name"
    assert upward_edges(SOURCES) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("container/source.py", "from ..archive import Archive"),
        ("container/source.py", "from .. import values"),
        ("pickles/machine.py", "import strongbox.tensors.pth"),
        ("values/spaces.py", "def late():\n    from ..archive.data import Data"),
        ("archive/check.py", "from ..adapters.sb3 import load"),
        ("policies/network.py", "from ..adapters import sb3"),
        ("archive/check.py", "from strongbox import open"),
        ("errors.py", "from .limits import Limits"),
    ],
)
def test_an_upward_edge_is_noticed(path: str, source: str) -> None:
    assert len(upward_edges({**SOURCES, path: source})) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("cli/main.py", "from ..archive import open_archive\nfrom .. import errors"),
        ("__init__.py", "from .adapters import load"),
        ("archive/data.py", "from .json_text import parse\nfrom ..values.spaces import Box\nimport json"),
    ],
)
def test_a_downward_edge_is_allowed(path: str, source: str) -> None:
    assert upward_edges({path: source}) == []


def test_only_adapters_import_a_framework() -> None:
    assert strangers(SOURCES) == []
    assert strangers({"cli/main.py": "import rich", "values/noise.py": "def late():\n    import torch"}) == [
        "cli/main.py:1 imports rich",
        "values/noise.py:2 imports torch",
    ]
    assert strangers({"policies/episodes.py": "import gymnasium"}) == ["policies/episodes.py:1 imports gymnasium"]


def test_nothing_that_could_run_code_from_a_file_is_used() -> None:
    assert dangers(SOURCES) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from zipfile import ZipFile",
        "import pickle as reader",
        "eval('1')",
        "importlib.import_module(name)",
        "import_module(name)",
        "__import__(name)",
        "operator.attrgetter('a.b')(thing)",
        "exec(code)",
    ],
)
def test_a_danger_is_noticed(source: str) -> None:
    assert len(dangers({"values/schedules.py": source})) == 1


def test_importing_strongbox_brings_in_numpy_and_the_standard_library_only() -> None:
    brought = modules_after("import numpy; import strongbox") - modules_after("import numpy")
    tops = {name.split(".")[0] for name in brought}
    assert "strongbox" in tops
    assert tops - {"strongbox"} <= sys.stdlib_module_names
    assert not brought & {"strongbox.runs", "strongbox.checkpoints"}
    assert not brought & {*DANGEROUS_MODULES, "ssl", "http.client", "urllib.request", "multiprocessing", "argparse"}


WRITERS = {
    *("strongbox.archive.check", "strongbox.archive.contents", "strongbox.archive.write", "strongbox.container.writer"),
    *(
        "strongbox.container.atomic",
        "strongbox.pickles.encoding",
        "strongbox.tensors.plan",
        "strongbox.values.lines",
    ),
    *("hashlib", "difflib"),
}
"""What acting needs none of, and a cold process should not wait for."""


@pytest.mark.parametrize("name", ["ppo.zip", "sac.zip"])
def test_acting_loads_nothing_that_writes_or_checks(name: str) -> None:
    file = Path(__file__).resolve().parents[1] / "data" / "archives" / name
    act = f"import strongbox; p = strongbox.policy({str(file)!r}); p.predict(p.spec.observation_space.low)"
    brought = modules_after(f"import numpy; {act}")
    assert "strongbox.policies.policy" in brought
    assert not (brought - modules_after("import numpy")) & WRITERS
    assert modules_after(f"import strongbox; strongbox.check({str(file)!r})") > {"strongbox.archive.check", "hashlib"}


LAZY = ("strongbox", *(f"strongbox.{room}" for room in ("archive", "container", "pickles", "tensors", "values")))


@pytest.mark.parametrize("package", LAZY)
def test_what_loads_when_it_is_asked_for_is_there(package: str) -> None:
    """In a fresh process, each name, and none that the package does not have; a module of the name would hide it."""
    folder = PACKAGE.parent.joinpath(*package.split("."))
    source = (folder / "__init__.py").read_text()
    lazy = set(re.findall(r'"(\w+)"', source[source.index("def __getattr__") :]))
    assert lazy
    assert not lazy & {path.stem for path in folder.glob("*.py")}
    program = f"""
import {package} as package
for name in package.__all__:
    assert getattr(package, name) is not None, name
try:
    package.nothing
except AttributeError as error:
    assert "'{package}' has no attribute 'nothing'" in str(error)
else:
    raise AssertionError("a name that is not there was found")
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@cache
def modules_after(statement: str) -> frozenset[str]:
    """The modules that a fresh interpreter holds after one statement."""
    program = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return frozenset(done.stdout.split())


def test_the_public_names_are_these() -> None:
    assert set(strongbox.__all__) == PUBLIC_NAMES
    assert all(hasattr(strongbox, name) for name in PUBLIC_NAMES)


def test_every_module_is_of_readable_length_and_has_a_name_that_says_something() -> None:
    lengths = {path: source.count("\n") for path, source in SOURCES.items()}
    assert {path: length for path, length in lengths.items() if length > 500} == {}
    assert [path for path in SOURCES if Path(path).stem in MEANINGLESS_NAMES] == []
    assert [path for path in SOURCES if Path(path).parent.name in MEANINGLESS_NAMES] == []


def test_every_module_says_what_is_public() -> None:
    silent = [path for path, source in SOURCES.items() if "__all__" not in source]
    assert [path for path in silent if Path(path).stem not in {"__main__", "_version"}] == []


def test_every_public_name_has_a_docstring() -> None:
    assert without_docstring(SOURCES) == []
    undocumented = "__all__ = ['f', 'C']\ndef f(): pass\nclass C:\n  'A class.'\n  def m(self): pass"
    assert without_docstring({"a.py": undocumented}) == ["a.py", "a.py: f", "a.py: C.m"]
