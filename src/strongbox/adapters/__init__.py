"""Live agents: loaded from archives and saved to them, those of SB3 and sb3-contrib, and any other object.

This is the only room that imports a training framework, and does so when it is needed: what SB3's agents need is in the
extra ``sb3``; an agent of one's own needs what it is made with, and that may be numpy alone.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from ..archive import Archive, ArchiveFile, open_archive
from ..errors import MismatchError, MissingExtra
from ..limits import DEFAULT_LIMITS, Limits
from .installed import is_installed
from .report import LeftBehind, LoadReport

if TYPE_CHECKING:
    from ..archive import SaveReport

__all__ = ["LeftBehind", "LoadReport", "is_sb3_class", "load", "require_sb3", "save"]

FOR_ALL = frozenset(("device", "skip"))
"""Options of a load that an agent of any class has."""


def load(
    file: Archive | ArchiveFile,
    *,
    into: Any = None,
    cls: type | None = None,
    limits: Limits = DEFAULT_LIMITS,
    **options: Any,
) -> Any:
    """Load a live agent: of SB3 where the archive or what is asked for is, otherwise one of the caller's own.

    The options are those of :func:`strongbox.load`. Raises MismatchError for one that an agent of one's own does not
    have, and MissingExtra where SB3 is needed and is not there.
    """
    if not isinstance(file, Archive):
        with open_archive(file, limits=limits) as archive:
            return load(archive, into=into, cls=cls, **options)
    if is_sb3_class(type(into)) or is_sb3_class(cls) or not file.is_own:
        require_sb3()
        from .load_model import load as load_of_sb3

        return load_of_sb3(file, into=into, cls=cls, **options)
    from .own import load as load_own

    given = {name: option for name, option in options.items() if name in FOR_ALL}
    _refuse_options({name: option for name, option in options.items() if name not in FOR_ALL}, file)
    return load_own(file, into=into, cls=cls, **given)


def save(agent: Any, file: Any, *, pickles: bool = True, normalization: Any = "auto", **options: Any) -> SaveReport:
    """Save a live agent, one of SB3 as SB3's reader expects it; the options are those of :func:`strongbox.save`."""
    if is_sb3_class(type(agent)):
        require_sb3()
        from .save_model import save as save_of_sb3

        return save_of_sb3(agent, file, pickles=pickles, normalization=normalization, **options)
    from .own import save as save_own

    included = options.pop("include", ())
    if included or normalization not in ("auto", None):
        raise MismatchError(
            f"expected no {'include' if included else 'normalization'} for an agent that is not SB3's, found one.",
            hint="What such an agent consists of is kept; its class says otherwise by __strongbox_exclude__.",
        )
    return save_own(agent, file, **options)


def is_sb3_class(kind: Any) -> bool:
    """Whether a class is an algorithm of SB3's, or derived from one; SB3 is not imported to tell."""
    module = sys.modules.get("stable_baselines3.common.base_class")
    return module is not None and isinstance(kind, type) and issubclass(kind, module.BaseAlgorithm)


def require_sb3() -> None:
    """Raise MissingExtra where something that SB3's agents need is not installed."""
    for module in ("torch", "gymnasium", "stable_baselines3", "cloudpickle"):
        if not is_installed(module):
            raise MissingExtra(module, "sb3", "Loading or saving a live model")


WITHOUT: Mapping[str, Any] = {
    "env": None,
    "trust": (),
    "custom_objects": None,
    "force_reset": True,
    "parameters": None,
    "rename": None,
    "on_mismatch": "error",
    "freeze": (),
    "reset": (),
}
"""Options that only agents of SB3 have, each with what says that it is not asked for."""


def _refuse_options(options: Mapping[str, Any], archive: Archive) -> None:
    for name, option in options.items():
        if name == "put_replay" or (name in WITHOUT and (option is None or option == WITHOUT[name] or _empty(option))):
            continue
        raise MismatchError(
            f"expected an agent of Stable-Baselines3 with {name}=, found one of {archive.algorithm}.",
            hint="Such an agent is loaded with into, cls, device and skip alone.",
            path=archive.path,
        )


def _empty(option: Any) -> bool:
    return isinstance(option, Collection) and not option
