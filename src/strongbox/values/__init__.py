"""Typed, inert values for what an archive's data holds: arrays, spaces, schedules, noise, names.

No value holds or can run anything of the file that it came from; a part that is not understood is
:class:`Opaque`. Values compare by content, and :func:`same` compares whole trees of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .equality import same
from .exact_json import is_exact_json
from .generators import RandomGenerator, SeedSequence
from .jax_values import FlaxModule, JaxArray, JaxPolicy, TrainState, walk_arrays
from .noise import ActionNoise, NormalNoise, OrnsteinUhlenbeckNoise, VectorizedNoise
from .normalization import Normalization, RunningStatistics
from .opaque import Opaque, find_opaque
from .references import ClassReference, EnumMember, FunctionReference, NamedTuple, Partial
from .schedules import SCHEDULE_NAMES, ConstantSchedule, LinearSchedule, Schedule, TableSchedule, tabulate
from .spaces import (
    Box,
    Dict,
    Discrete,
    Graph,
    MultiBinary,
    MultiDiscrete,
    OneOf,
    Sequence,
    Space,
    Text,
    Tuple,
)
from .torch_values import Device, TorchDtype, TorchSize, TorchTensor

if TYPE_CHECKING:
    from .lines import describe
    from .portable import from_portable, normalization_from_json, normalization_to_json, to_portable
    from .recipes import called_in_turn, is_known_call, read_normalization, to_value

__all__ = [
    "SCHEDULE_NAMES",
    "ActionNoise",
    "Box",
    "ClassReference",
    "ConstantSchedule",
    "Device",
    "Dict",
    "Discrete",
    "EnumMember",
    "FlaxModule",
    "FunctionReference",
    "Graph",
    "JaxArray",
    "JaxPolicy",
    "LinearSchedule",
    "MultiBinary",
    "MultiDiscrete",
    "NamedTuple",
    "NormalNoise",
    "Normalization",
    "OneOf",
    "Opaque",
    "OrnsteinUhlenbeckNoise",
    "Partial",
    "RandomGenerator",
    "RunningStatistics",
    "Schedule",
    "SeedSequence",
    "Sequence",
    "Space",
    "TableSchedule",
    "Text",
    "TorchDtype",
    "TorchSize",
    "TorchTensor",
    "TrainState",
    "Tuple",
    "VectorizedNoise",
    "called_in_turn",
    "describe",
    "find_opaque",
    "from_portable",
    "is_exact_json",
    "is_known_call",
    "normalization_from_json",
    "normalization_to_json",
    "read_normalization",
    "same",
    "tabulate",
    "to_portable",
    "to_value",
    "walk_arrays",
]


def __getattr__(name: str) -> Any:
    """What reads values, from pickles or from JSON, and what shows them, loads when it is first asked for."""
    if name in ("from_portable", "normalization_from_json", "normalization_to_json", "to_portable"):
        from . import portable

        return getattr(portable, name)
    if name in ("called_in_turn", "is_known_call", "read_normalization", "to_value"):
        from . import recipes

        return getattr(recipes, name)
    if name == "describe":
        from .lines import describe

        return describe
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
