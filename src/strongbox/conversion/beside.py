"""The statistics of VecNormalize that lie in a file of their own beside an agent.

SB3 saves them apart, and four habits say where:

- ``NAME.vecnormalize.pkl`` beside ``NAME.zip``;
- rl_zoo3: ``NAME/vecnormalize.pkl`` beside ``NAME.zip``, which is called as the environment is; for a
  ``best_model.zip`` or ``rl_model_1000_steps.zip`` the one such folder beside it (``rl_zoo3/utils.py``);
- SB3's CheckpointCallback: ``PREFIX_vecnormalize_1000_steps.pkl`` beside ``PREFIX_1000_steps.zip``;
- ``vecnormalize.pkl`` or ``vec_normalize.pkl``, as SB3's documentation has it, in the same folder.

Statistics of another shape than the agent's observations are another agent's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..archive import open_normalization
from ..errors import StrongboxError
from ..limits import Limits
from ..values import Box, Dict, Normalization, Space

__all__ = ["find_normalization"]

STEPS = re.compile(r"(?P<prefix>.+)_(?P<steps>\d+_steps)")
SAME_FOLDER = ("vecnormalize.pkl", "vec_normalize.pkl")


def candidates(archive: Path) -> Iterator[Path]:
    """Where the statistics of an archive may lie, the surest place first."""
    folder, name = archive.parent, archive.name.removesuffix(".zip")
    yield folder / f"{name}.vecnormalize.pkl"
    yield folder / name / "vecnormalize.pkl"
    steps = STEPS.fullmatch(name)
    if steps:
        yield folder / f"{steps['prefix']}_vecnormalize_{steps['steps']}.pkl"
    if steps or name == "best_model":
        inner = sorted(folder.glob("*/vecnormalize.pkl"))
        yield from inner if len(inner) == 1 else ()
    yield from (folder / same for same in SAME_FOLDER)


def find_normalization(
    archive: Path, space: Space | None, *, limits: Limits
) -> tuple[Path | None, Normalization | None, dict[str, str]]:
    """The file of an agent's statistics and what it holds; and the files that were passed over, with the reason."""
    passed: dict[str, str] = {}
    for path in candidates(archive):
        if not path.is_file():
            continue
        try:
            found = open_normalization(path, limits=limits)
        except StrongboxError as error:
            passed[path.name] = f"it is not brought in: {error.problem}"
            continue
        if fits(found, space):
            return path, found, passed
        passed[path.name] = "it is not brought in: its statistics are of other observations than this agent's"
    return None, None, passed


def fits(found: Normalization, space: Space | None) -> bool:
    """Whether statistics have the shapes of an agent's observations, as far as these are known."""
    shapes = {key: part.mean.shape for key, part in found.observations.items()}
    if isinstance(space, Box):
        return set(shapes) <= {""} and all(shape == space.shape for shape in shapes.values())
    if isinstance(space, Dict):
        inner = {key: part.shape for key, part in space.spaces.items() if isinstance(part, Box)}
        return all(inner.get(key) == shape for key, shape in shapes.items())
    return True
