"""A state dict as a caller sees it: a read-only mapping that gives numpy arrays.

The tree below keeps tensors unread; an array is made, and its checksum verified, when a key is looked
up. Nested dicts are state dicts again, lists and tuples are converted, scalars stand for themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import FormatError, locate
from .tensor import Tensor

__all__ = ["StateDict"]

_ROWS = 40
"""Tensors that a representation lists."""
_NEAR_NAMES = 2000
"""Names that a missing key is compared with."""


class StateDict(Mapping[Any, Any]):
    """A read-only mapping over a tree of :func:`read_pth`.

    ``state_dict["mlp_extractor.policy_net.0.weight"]`` is a read-only numpy array, a view on the file
    wherever its type allows; ``state_dict["state"]`` of an optimizer is a StateDict again. ``name``
    stands in messages. Two state dicts are equal only where they are the same object.
    """

    def __init__(self, tree: Any, name: str = "", *, member: str | None = None) -> None:
        if not isinstance(tree, Mapping):
            raise FormatError(f"expected a dict of tensors, found {_kind(tree)}.")
        self._tree = tree
        self._member = member if member is not None else f"{name}.pth" if name else None
        self.name = name

    @property
    def raw(self) -> Mapping[Any, Any]:
        """The tree itself, with tensors as leaves: what :func:`plan_pth` writes again."""
        return self._tree

    @property
    def count(self) -> int:
        """Elements of all tensors; those that stand under two names count twice."""
        return sum(tensor.count for _, tensor in self.tensors())

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors' elements; those that stand under two names count twice."""
        return sum(tensor.nbytes for _, tensor in self.tensors())

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Every tensor with its dotted path (``state.0.exp_avg``), in the file's order, without reading it."""
        return _walk(self._tree, "")

    def __getitem__(self, key: Any) -> Any:
        try:
            found = self._tree[key]
        except (KeyError, TypeError):
            raise KeyError(self._missing(key)) from None
        return self._shown(found, key)

    def __contains__(self, key: object) -> bool:
        return key in self._tree

    def __iter__(self) -> Iterator[Any]:
        return iter(self._tree)

    def __len__(self) -> int:
        return len(self._tree)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        tensors = list(self.tensors())
        title = f"<StateDict {self.name}".rstrip()
        lines = [f"{title}: {len(tensors)} tensors, {self.count:,} elements, {self.nbytes:,} bytes>"]
        width = max((len(path) for path, _ in tensors[:_ROWS]), default=0)
        lines += [f"  {path:<{width}}  {tensor.dtype} {tensor.shape}" for path, tensor in tensors[:_ROWS]]
        if len(tensors) > _ROWS:
            lines.append(f"  … and {len(tensors) - _ROWS} more")
        return "\n".join(lines)

    def _ipython_key_completions_(self) -> list[Any]:
        return list(self._tree)

    def _shown(self, item: Any, key: Any) -> Any:
        if isinstance(item, Tensor):
            with locate(member=self._member):
                return item.numpy()
        if isinstance(item, Mapping):
            return StateDict(item, f"{self.name}.{key}" if self.name else str(key), member=self._member)
        if type(item) in (list, tuple):
            return type(item)([self._shown(part, f"{key}.{index}") for index, part in enumerate(item)])
        return item

    def _missing(self, key: Any) -> str:
        import difflib  # A name that is missing is rare, and looking for near ones is what it is for.

        names = [str(name) for name in list(self._tree)[:_NEAR_NAMES]]
        near = difflib.get_close_matches(str(key), names, n=3, cutoff=0.5) or names[:3]
        listed = ", ".join(repr(name) for name in near)
        return f"{key!r} is not in {self.name or 'the state dict'}" + (f"; it has {listed}" if listed else "")


def _walk(item: Any, path: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(item, Tensor):
        yield path, item
    elif isinstance(item, Mapping):
        for key, part in item.items():
            yield from _walk(part, f"{path}.{key}" if path else str(key))
    elif isinstance(item, list | tuple):
        for index, part in enumerate(item):
            yield from _walk(part, f"{path}.{index}" if path else str(index))


def _kind(tree: Any) -> str:
    return "None" if tree is None else f"a {type(tree).__name__}"
