"""What to call the type of a node that stays opaque."""

from __future__ import annotations

from ...pickles import Call, Global, Node
from ..names import current_name

__all__ = ["short", "type_of"]

LONGEST = 200

SHOWN: dict[tuple[str, str], str] = {
    ("numpy._core.multiarray", "_reconstruct"): "numpy.ndarray",
    ("numpy._core.numeric", "_frombuffer"): "numpy.ndarray",
    ("numpy._core.multiarray", "scalar"): "numpy.generic",
    ("numpy.random._pickle", "__randomstate_ctor"): "numpy.random.RandomState",
    ("numpy.random._pickle", "__generator_ctor"): "numpy.random.Generator",
    ("numpy.random._pickle", "__bit_generator_ctor"): "numpy.random.BitGenerator",
    ("torch._utils", "_rebuild_tensor_v2"): "torch.Tensor",
    ("torch._utils", "_rebuild_tensor_v3"): "torch.Tensor",
    ("torch._utils", "_rebuild_tensor"): "torch.Tensor",
    ("jax._src.array", "_reconstruct_array"): "jax.Array",
    ("torch._utils", "_rebuild_parameter"): "torch.nn.parameter.Parameter",
}
"""Functions that a pickle calls to make something, and the type of what they make."""

FIRST_ARGUMENT = frozenset({("copyreg", "_reconstructor"), ("copyreg", "__newobj__"), ("copyreg", "__newobj_ex__")})
"""Functions that make an instance of the class that is their first argument."""


def type_of(node: Node) -> str:
    """The name of a node's type, as the file says it: a class's dotted name where there is one."""
    if type(node) is Global:
        return short(node.path)
    if type(node) is not Call:
        return type(node).__name__
    if type(node.function) is not Global:
        return "something made by a call"
    name = current_name(node.function.module, node.function.name)
    if name in FIRST_ARGUMENT and node.arguments and type(node.arguments[0]) is Global:
        return short(node.arguments[0].path)
    return SHOWN.get(name) or short(node.path)


def short(text: str) -> str:
    """Text from a file, cut where it is long."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
