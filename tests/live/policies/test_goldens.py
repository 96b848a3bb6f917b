"""The golden actions of the small archives are what SB3 answers today."""

from __future__ import annotations

import numpy
import pytest
import torch

from tests.live.policies.comparisons import assert_close
from tests.live.policies.make_goldens import ARCHIVES, GOLDENS, answers


@pytest.mark.parametrize("name", sorted(path.stem for path in ARCHIVES.glob("*.zip") if path.stem != "ppo-own-code"))
def test_golden_actions_are_those_of_sb3(name: str) -> None:
    torch.set_num_threads(1)
    kept = numpy.load(GOLDENS)
    for key, array in answers(ARCHIVES / f"{name}.zip").items():
        assert_close(kept[f"{name}/{key}"], array, rtol=1e-6, atol=1e-6)
