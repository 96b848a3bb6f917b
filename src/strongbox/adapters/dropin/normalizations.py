"""``VecNormalize.save`` and ``VecNormalize.load``: the file is SB3's, and nothing in it is run.

Source: ``stable_baselines3/common/vec_env/vec_normalize.py``.
"""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.utils import check_shape_equal
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from ...archive import open_normalization
from ...errors import FormatError
from ..normalization import wrap_environment
from ..restore import Restorer
from .pickles import write_pickle
from .trust import WAY_OUT

__all__ = ["load", "save"]


def save(live: VecNormalize, save_path: Any) -> None:
    """Write statistics and settings, whole or not at all."""
    write_pickle(save_path, live)


def load(load_path: Any, venv: VecEnv) -> VecNormalize:
    """An environment in a VecNormalize with the statistics and settings of a file.

    Raises FileNotFoundError where there is none, FormatError where it is another kind of file, and MismatchError
    where the statistics are of other observations.
    """
    with open(load_path, "rb") as file:
        try:
            normalization = open_normalization(file)
        except FormatError as error:
            error.hint = WAY_OUT
            raise
    if normalization.observation_space is not None:
        check_shape_equal(Restorer()(normalization.observation_space), venv.observation_space)
    live = wrap_environment(venv, normalization)
    live.returns[:] = 0.0
    return live
