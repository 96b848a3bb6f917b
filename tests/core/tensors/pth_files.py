"""Files of tensors put together by hand, so that any part of them can be wrong."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from strongbox.pickles import Call, Global, Node, PersistentId, encode

__all__ = ["call", "ordered", "row_file", "storage", "tensor", "zip_file"]

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def zip_file(
    root: Node,
    records: Mapping[str, bytes] | None = None,
    *,
    top: str = "archive",
    version: bytes | None = b"3\n",
    byteorder: bytes | None = b"little",
    others: Mapping[str, bytes] | None = None,
    compression: int = zipfile.ZIP_STORED,
    pickle: bytes | None = None,
) -> bytes:
    """torch's zip layout; ``records`` are storages by key, ``others`` members by name below the top folder."""
    members = {"data.pkl": encode(root, protocol=2) if pickle is None else pickle}
    members |= {"byteorder": byteorder} if byteorder is not None else {}
    members |= {f"data/{key}": content for key, content in (records or {}).items()}
    members |= {"version": version} if version is not None else {}
    members |= others or {}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{top}/{name}", content)
    return file.getvalue()


def row_file(
    root: Node,
    records: Sequence[tuple[str, int, bytes]] = (),
    *,
    magic: int = MAGIC_NUMBER,
    version: Any = 1001,
    system: Any = SYSTEM,
    keys: Any = None,
    rest: bytes = b"",
) -> bytes:
    """torch's older layout; ``records`` are the key, the number of elements and the bytes of each storage."""
    listed = [key for key, _, _ in records] if keys is None else keys
    pickles = b"".join(encode(part, protocol=2) for part in (magic, version, system, root, listed))
    return (
        pickles + b"".join(count.to_bytes(8, "little", signed=True) + content for _, count, content in records) + rest
    )


def call(path: str, *arguments: Node) -> Call:
    """A call of a dotted name."""
    module, _, name = path.rpartition(".")
    return Call(Global(module, name), arguments)


def ordered(*items: tuple[Node, Node]) -> Call:
    """An ordered dict."""
    made = call("collections.OrderedDict")
    made.items = list(items)
    return made


def storage(
    numel: int, *, key: str = "0", kind: str = "torch.FloatStorage", device: str = "cpu", view: Any = "zip"
) -> PersistentId:
    """A persistent id; ``view`` is the sixth part, which only the older layout has."""
    module, _, name = kind.rpartition(".")
    parts = ("storage", Global(module, name), key, device, numel)
    return PersistentId(parts if view == "zip" else (*parts, view))


def tensor(
    below: Node, shape: Any, strides: Any, offset: Any = 0, *, requires_grad: Any = False, extra: tuple[Any, ...] = ()
) -> Call:
    """A tensor of the second version, which nearly all are."""
    return call("torch._utils._rebuild_tensor_v2", below, offset, shape, strides, requires_grad, ordered(), *extra)
