"""Names of torch in a file of tensors: element types, storage classes, and what is not kept at all.

Every name is matched as an exact pair of module and name against the tables here; nothing is ever
looked up in torch. Names of things that torch has and Strongbox does not keep are told apart from
names that have no place in a file of tensors.
"""

from __future__ import annotations

from ..errors import FormatError, RefusedError, StrongboxError, UnsupportedError
from ..pickles import Call, Global, Node
from ..records import record
from .dtypes import DTYPES, Dtype, by_storage_class

__all__ = ["StorageType", "called", "described", "dtype_named", "refused", "storage_type"]


@record(frozen=True)
class StorageType:
    """What a storage class holds: the type of its elements, ``uint8`` where it is untyped."""

    dtype: Dtype
    is_typed: bool


def called(node: Node) -> tuple[str, str]:
    """Module and name of what a call calls; empty where the node is no call of a name."""
    if type(node) is Call and type(node.function) is Global:
        return node.function.module, node.function.name
    return "", ""


def described(node: Node) -> str:
    """A node in a few words, short whatever it holds."""
    if type(node) is Call:
        return f"a call of {node.path[:100] or 'something without a name'}"
    if type(node) is Global:
        return f"the name {node.path[:100]}"
    return "None" if node is None else f"a {type(node).__name__}"


def refused(node: Node) -> StrongboxError:
    """The error for a name that no recipe stands under; says so where it is one of torch's own."""
    kind = _UNSUPPORTED_CALLS.get(called(node))
    if kind is not None:
        return UnsupportedError(
            f"expected dense tensors, found {kind} ({node.path}).",
            hint="Strongbox keeps dense tensors of the types that numpy or bfloat16 offer.",
        )
    return RefusedError(
        f"expected containers, scalars and tensors, found {described(node)}.",
        hint="A state dict holds no such thing; an ordinary loader would run it. Do not load this file with torch.",
    )


def dtype_named(node: Node) -> Dtype:
    """The type that a name such as ``torch.float32`` stands for."""
    if type(node) is not Global:
        raise FormatError(f"expected the name of a type, found {described(node)}.")
    if node.module == "torch" and node.name in DTYPES:
        return DTYPES[node.name]
    if node.module == "torch" and node.name in _UNSUPPORTED_DTYPES:
        raise UnsupportedError(
            f"expected elements of a type that Strongbox reads, found {node.path}.",
            hint=f"It reads {', '.join(DTYPES)}.",
        )
    raise refused(node)


def storage_type(node: Node) -> StorageType:
    """What the storage class named in a persistent id holds."""
    if type(node) is not Global:
        raise FormatError(f"expected the name of a storage class, found {described(node)}.")
    if (node.module, node.name) in _UNTYPED:
        return StorageType(DTYPES["uint8"], is_typed=False)
    dtype = by_storage_class(node.name) if node.module == "torch" else None
    if dtype is not None:
        return StorageType(dtype, is_typed=True)
    if node.module == "torch" and node.name in _QUANTIZED:
        raise UnsupportedError(f"expected a storage of numbers, found the quantized {node.path}.")
    raise RefusedError(f"expected a storage class of torch, found {described(node)}.")


_UNTYPED = frozenset((("torch", "UntypedStorage"), ("torch.storage", "UntypedStorage")))
_QUANTIZED = frozenset(("QInt8Storage", "QInt32Storage", "QUInt8Storage", "QUInt2x4Storage", "QUInt4x2Storage"))

_UNSUPPORTED_DTYPES = frozenset(
    (
        *("float4_e2m1fn_x2", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"),
        *("bits8", "bits16", "bits1x8", "bits2x4", "bits4x2", "complex32"),
        *("qint8", "qint32", "quint8", "quint2x4", "quint4x2"),
        *(f"{kind}{bits}" for kind in ("int", "uint") for bits in range(1, 8)),
    )
)
_UNSUPPORTED_CALLS = {
    ("torch._utils", "_rebuild_sparse_tensor"): "a sparse tensor",
    ("torch._utils", "_rebuild_sparse_csr_tensor"): "a sparse tensor",
    ("torch._utils", "_rebuild_qtensor"): "a quantized tensor",
    ("torch._utils", "_rebuild_nested_tensor"): "a nested tensor",
    ("torch._utils", "_rebuild_wrapper_subclass"): "a subclass of Tensor",
    ("torch._utils", "_rebuild_meta_tensor_no_storage"): "a tensor without content, of the device meta",
    ("torch._utils", "_rebuild_device_tensor_from_numpy"): "a tensor of a device that has no storages",
    ("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"): "a tensor of a device that has no storages",
    ("torch._utils", "_rebuild_parameter_with_state"): "a parameter with attributes of its own",
    ("torch._tensor", "_rebuild_from_type"): "a subclass of Tensor",
    ("torch._tensor", "_rebuild_from_type_v2"): "a subclass of Tensor, or a tensor with attributes of its own",
    ("torch.tensor", "_rebuild_from_type"): "a subclass of Tensor",
}
