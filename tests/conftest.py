"""What holds for every test: how many random cases it tries, and no terminal's width."""

from __future__ import annotations

import os

from hypothesis import settings

from tests.draws import drawn

# pytest-xdist sets it for its workers, and a shell may have exported it; a test that needs a width says so.
os.environ.pop("COLUMNS", None)

# For the tests that do not say themselves how many; Hypothesis tries a hundred.
settings.register_profile("drawn", max_examples=drawn(settings.default.max_examples))
settings.load_profile("drawn")
