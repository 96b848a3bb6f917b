"""What holds for every test: none inherits the width of somebody's terminal."""

from __future__ import annotations

import os

# pytest-xdist sets it for its workers, and a shell may have exported it; a test that needs a width says so.
os.environ.pop("COLUMNS", None)
