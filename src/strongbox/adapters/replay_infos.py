"""The info dictionaries that HerReplayBuffer keeps with ``copy_info_dict``, as texts and back.

An info holds whatever an environment says. What has a portable form (numbers, texts, arrays, and dictionaries and
lists of them) is kept exactly; an info with anything else is left out as a whole, and the checkpoint says so.
"""

from __future__ import annotations

from typing import Any

import numpy

from ..archive.json_text import dump_text, parse_json
from ..errors import CheckpointError, LimitError, UnsupportedError
from ..values import from_portable, to_portable
from ..values.checks import Array

__all__ = ["infos_from_texts", "infos_to_texts"]


def infos_to_texts(infos: Array) -> tuple[Array, str | None]:
    """Texts for infos (rows, environments), and why some were left out, None where none were."""
    texts = numpy.empty(infos.shape, object)
    reason = None
    for place in numpy.ndindex(infos.shape):
        try:
            texts[place] = text_of(infos[place])
        except (UnsupportedError, LimitError) as error:
            texts[place], reason = "", f"an info dictionary that cannot be kept: {error.problem}"
    return texts, reason


def text_of(info: Any) -> str:
    """The portable form of an info; of an empty one, which most are, nothing."""
    return dump_text(to_portable(dict(info))) if info else ""


def infos_from_texts(infos: Array) -> None:
    """Replace every text in a buffer's infos by the info that it stands for; raises CheckpointError for any other."""
    flat = infos.reshape(-1)
    for index, text in enumerate(flat):
        if isinstance(text, str):
            flat[index] = info_of(text)


def info_of(text: str) -> dict[Any, Any]:
    """The info that a text stands for."""
    info = from_portable(parse_json(text.encode("utf-8"))) if text else {}
    if type(info) is not dict:
        raise CheckpointError(f"expected an info dictionary in the replay buffer, found a {type(info).__name__}.")
    return info
