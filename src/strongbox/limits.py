"""How much of a stranger's file Strongbox is willing to read."""

from __future__ import annotations

from .records import record

__all__ = ["DEFAULT_LIMITS", "Limits", "how_to_raise"]

MEBIBYTE = 1 << 20


@record(frozen=True, kw_only=True)
class Limits:
    """The bounds that a reader keeps; every one is an option, sizes in bytes.

    The defaults leave a wide margin over every archive that Stable-Baselines3 is known to have
    written. ``pickle_*`` and ``nodes`` are budgets for one archive as a whole, not for one pickle.
    """

    members: int = 64
    """Members of the outer archive."""
    inner_members: int = 4096
    """Members of one ``.pth`` file, which is a zip archive of its own."""
    deflate_ratio: int = 100
    """Inflated size over stored size of one deflated member."""
    inflated_bytes: int = 2048 * MEBIBYTE
    """Inflated size of all deflated members together."""
    data_bytes: int = 64 * MEBIBYTE
    """Size of the member ``data``, and of every other JSON or text member."""
    names: int = 4096
    """Names in ``data``."""
    pickle_bytes: int = 16 * MEBIBYTE
    """Size of one pickle."""
    pickle_opcodes: int = 1_000_000
    """Opcodes of all pickles of an archive together."""
    pickle_memo: int = 100_000
    """Memo entries of one pickle."""
    long_bytes: int = 16
    """Size of one LONG1 or LONG4 integer inside a pickle."""
    depth: int = 64
    """Nesting of values, of JSON, and of pickles inside pickles."""
    nodes: int = 1_000_000
    """Values after shared parts are expanded, in all of an archive; a text or bytes is one more for every 64."""


DEFAULT_LIMITS = Limits()


def how_to_raise(*names: str) -> str:
    """The hint of an error about limits: how to raise them by name, from Python and on the command line."""
    python = ", ".join(f"{name}=..." for name in names)
    options = " ".join(f"--limit {name}=..." for name in names)
    return f"Where the file is trusted, raise it: limits=Limits({python}), or {options} on the command line."
