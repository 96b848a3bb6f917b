"""The drop-in: Stable-Baselines3's own calls for saving and loading go through Strongbox while it is installed.

What each call takes and does is what SB3 documents; the functions that write and read files are replaced, and the
code around them stays SB3's. ``docs/how-to/drop-in.md`` lists what is different on purpose.
"""

from __future__ import annotations

from .installation import Installation, install, leave, uninstall

__all__ = ["Installation", "install", "leave", "uninstall"]
