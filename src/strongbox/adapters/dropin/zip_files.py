"""``save_to_zip_file`` and ``load_from_zip_file``, which ``set_parameters`` and code around SB3 call.

Source: ``stable_baselines3/common/save_util.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from stable_baselines3.common.utils import get_device

from ...conversion import REQUIRED
from ..capture import capture_parts
from ..reading import restore_data
from ..report import warn
from ..request import read_replacements
from ..restore import Restorer
from ..state import Filler
from .archives import open_model, print_saved_system, write_model
from .models import make_known_draft
from .trust import trusted_names, trusts_pickles

__all__ = ["load_from_zip_file", "save_to_zip_file"]


def save_to_zip_file(
    save_path: Any,
    data: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    pytorch_variables: Mapping[str, Any] | None = None,
    verbose: int = 0,
) -> None:
    """Write attributes, state dicts and other tensors by name, whole or not at all."""
    contents = capture_parts(data or {}, params or {}, pytorch_variables or {}, needed=frozenset(REQUIRED))
    write_model(save_path, contents)


def load_from_zip_file(
    load_path: Any,
    load_data: bool = True,
    custom_objects: Mapping[str, Any] | None = None,
    device: torch.device | str = "auto",
    verbose: int = 0,
    print_system_info: bool = False,
) -> tuple[dict[str, Any] | None, dict[str, Any], dict[str, Any] | None]:
    """The attributes, state dicts and other tensors of an archive by name, brought up to the installed SB3.

    Attributes that are not understood are left out, with a warning.
    """
    replaced = read_replacements(custom_objects)
    device = get_device(device)
    with open_model(load_path, verbose=verbose) as archive:
        if print_system_info:
            print_saved_system(archive)
        draft = make_known_draft(archive, archive.algorithm or "", replaced)
        data = None
        if load_data and archive.data:
            restorer = Restorer(trust=trusted_names(), device=device)
            data, left = restore_data(draft, archive, restorer, pickles=trusts_pickles())
            _warn_of_left(archive.path, left)
        filler = Filler(archive.release_memory, device=device)
        parameters = {name: filler.torch_value(tree) for name, tree in draft.parameters.items()}
        variables = filler.torch_value(draft.variables) if archive.variables is not None else None
    return data, parameters, variables


def _warn_of_left(path: str | None, left: Mapping[str, str]) -> None:
    if left:
        listed = "; ".join(f"{name} ({reason})" for name, reason in left.items())
        warn(f"{path or 'archive'}: stayed behind: {listed}. custom_objects={{...}} gives others.")
