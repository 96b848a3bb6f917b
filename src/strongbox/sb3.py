"""The drop-in for Stable-Baselines3: scripts with SB3's own calls save and load through Strongbox, unchanged.

::

    import strongbox

    strongbox.sb3.install()                  # at the top of a script, or:
    with strongbox.sb3.installed():
        model.save("agent.zip")              # whole or not at all, portable, statistics included
        model = PPO.load("agent.zip", env)   # nothing of the file runs

torch and SB3 load when the drop-in is installed; importing this module loads neither.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

__all__ = ["install", "installed", "uninstall"]


def install(*, trust: str | Collection[str] | None = ()) -> None:
    """Let SB3's own calls for saving and loading go through Strongbox, in all of this process.

    These are ``model.save``, ``Algorithm.load``, ``set_parameters``, ``save_replay_buffer``, ``load_replay_buffer``,
    ``VecNormalize.save`` and ``load``, ``save`` and ``load`` of policies, and the functions of
    ``stable_baselines3.common.save_util`` below them. Installing again changes ``trust`` and nothing else.

    ``trust`` names classes of your own that files may use (``["my_project.nets.Extractor"]``), or is ``"pickle"`` to
    run code that files hold, as SB3 does. Raises MissingExtra without torch and SB3, and MismatchError where
    ``trust`` is no name or names.
    """
    from .adapters.dropin import install as put_in_place

    put_in_place(trust)


@contextmanager
def installed(*, trust: str | Collection[str] | None = ()) -> Iterator[None]:
    """Install the drop-in for a block, with its own ``trust``; behind it is in force what was before."""
    from .adapters.dropin import install as put_in_place
    from .adapters.dropin import leave

    installation = put_in_place(trust, permanent=False)
    try:
        yield
    finally:
        leave(installation)


def uninstall() -> None:
    """Put SB3's own functions back, the very same ones; nothing happens where the drop-in is not installed."""
    from .adapters.dropin import uninstall as put_back

    put_back()
