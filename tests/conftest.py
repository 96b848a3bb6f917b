"""What holds for every test: how many random cases it tries, and no terminal's width."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.draws import drawn

# pytest-xdist sets it for its workers, and a shell may have exported it; a test that needs a width says so.
os.environ.pop("COLUMNS", None)

# For what a test does not say itself. How long a slow machine takes to draw is no fault of the tests.
settings.register_profile("drawn", max_examples=drawn(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("drawn")
