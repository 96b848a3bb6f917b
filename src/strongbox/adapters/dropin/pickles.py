"""``save_to_pkl`` and ``load_from_pkl``: the files are SB3's, written whole or not at all, and never run.

What such a file holds is mostly a replay buffer, which is as large as the environment makes it; so limits are on how
many objects there are, not on bytes.
"""

from __future__ import annotations

import os
import pickle
from typing import Any

from ...container import open_source, replace_file
from ...errors import RefusedError, locate
from ...limits import Limits
from ...pickles import Call, Decoded, Global, decode_next
from ...values import find_opaque, to_value
from ..restore import Restorer
from .instances import restore_instance
from .places import find_target, open_to_read
from .trust import WAY_OUT, naming_install, trusted_names

__all__ = ["load_from_pkl", "save_to_pkl", "write_pickle"]

OBJECTS = 16_000_000
"""Objects in one file: a HerReplayBuffer of a million rows has as many dictionaries."""


def save_to_pkl(path: Any, obj: Any, verbose: int = 0) -> None:
    """Pickle an object into a file, whole or not at all."""
    target = find_target(path, "pkl", verbose=verbose)
    if isinstance(target, os.PathLike):
        write_pickle(target, obj)
    else:
        pickle.dump(obj, target, protocol=pickle.HIGHEST_PROTOCOL)


def write_pickle(path: str | os.PathLike[str], item: Any) -> None:
    """Pickle an object into a file, which takes the place of an old one at the end."""
    with replace_file(path) as file:
        pickle.dump(item, file, protocol=pickle.HIGHEST_PROTOCOL)


def load_from_pkl(path: Any, verbose: int = 0) -> Any:
    """The object in a file: a replay buffer, or what values there are for; raises RefusedError for any other."""
    with open_to_read(path, "pkl", verbose=verbose) as file, naming_install():
        start = file.tell()
        with open_source(file) as source, locate(path=source.path):
            size = source.size - start
            limits = Limits(
                pickle_bytes=size,
                pickle_opcodes=min(OBJECTS, max(size, 1)),
                pickle_memo=OBJECTS // 2,
                nodes=OBJECTS,
                inflated_bytes=max(2 * size, Limits().inflated_bytes),
            )
            decoded, end = decode_next(source.view, start, limits=limits)
            source.release_memory()
            found = _restore(decoded, limits)
        file.seek(end)
    return found


def _restore(decoded: Decoded, limits: Limits) -> Any:
    root = decoded.root
    if isinstance(root, Call) and root.kind == "new" and isinstance(root.function, Global):
        return restore_instance(decoded, limits)
    value = to_value(decoded, limits=limits)
    for _, part in find_opaque(value)[:1]:
        raise RefusedError(
            f"expected a replay buffer, or values that Strongbox understands, found {part.type}: {part.reason}.",
            hint=WAY_OUT,
        )
    return Restorer(trust=trusted_names())(value)
