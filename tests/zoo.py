"""Where the real archives lie, for the tests that read them."""

from __future__ import annotations

from pathlib import Path

import pytest

__all__ = ["ZOO", "requires_zoo"]

ZOO = Path(__file__).resolve().parents[2] / "shared" / "zoo"
requires_zoo = pytest.mark.skipif(not ZOO.is_dir(), reason="the real archives of ../shared/zoo are not here")
