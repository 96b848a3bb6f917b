"""Strongbox keeps reinforcement-learning agents: opened, inspected, checked, loaded and saved, safely.

::

    archive = strongbox.open("ppo.zip")              # look into any SB3 archive, without SB3 or torch
    action, state = strongbox.policy("ppo.zip").predict(observation)     # act, with numpy alone
    model = strongbox.load("ppo.zip", env=env)       # a live SB3 model, ready to learn on
    strongbox.save(model, "ppo.zip")                 # an unmodified SB3 opens it
    strongbox.convert("old.zip", "new.zip")          # an agent of any SB3 since 0.6 as one of today
    strongbox.save(agent, "mine.zip")                # any object of your own, torch's or numpy's; load(…, into=agent)
    model = strongbox.Run("runs/1").resume(make_model)  # training that goes on exactly, whatever stopped it

Importing this package loads numpy and the standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from . import errors, sb3, values
from ._version import __version__
from .archive import Archive, ArchiveFile
from .archive import open_archive as open
from .errors import StrongboxError, StrongboxWarning
from .limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from .adapters.own import Agent
    from .archive import PackedReplay, SaveReport, open_normalization
    from .archive import check_archive as check
    from .archive.difference import Difference
    from .checkpoints import Keep
    from .conversion import ConvertReport
    from .policies import Policy
    from .runs import Run
    from .values import Normalization

__all__ = [
    "Agent",
    "Archive",
    "Keep",
    "Limits",
    "Run",
    "StrongboxError",
    "StrongboxWarning",
    "__version__",
    "check",
    "convert",
    "diff",
    "errors",
    "load",
    "open",
    "open_normalization",
    "policy",
    "save",
    "sb3",
    "values",
]


def __getattr__(name: str) -> Any:
    """The names that few programs need, when they are first asked for: looking and acting need none of them."""
    if name == "check":
        from .archive import check_archive

        return check_archive
    if name == "open_normalization":
        from .archive import open_normalization

        return open_normalization
    if name == "Run":
        from .runs import Run

        return Run
    if name == "Agent":
        from .adapters.own.agent import Agent

        return Agent
    if name == "Keep":
        from .checkpoints import Keep

        return Keep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def convert(
    file: ArchiveFile | Archive,
    path: str | os.PathLike[str] | BinaryIO,
    *,
    pickles: bool = True,
    exclude: str | Collection[str] = (),
    normalization: ArchiveFile | Normalization | None = "auto",
    durable: bool = True,
    limits: Limits = DEFAULT_LIMITS,
) -> ConvertReport:
    """Write an archive of any SB3 since 0.6 anew, as one of today; neither SB3 nor gym nor torch is needed.

    An unmodified SB3 2.9 opens the result with gymnasium alone, on Python 3.10 to 3.13, with every
    hyperparameter there. Spaces, schedules, HER, names of attributes and of parameters, and whatever else
    :func:`strongbox.load` mends, are mended in the file; pickles are written anew. The file is replaced in one
    step, and the old archive stays as it is: the same file is a MismatchError.

    ``pickles=False`` writes no pickle into data, and raises UnsupportedError naming the culprits where
    a value has no portable form (SB3 itself does not open such an archive). ``exclude`` leaves out attributes
    by name. ``normalization`` is the statistics of VecNormalize to bring in: ``"auto"`` takes the archive's,
    or those in a file beside it that are of the agent's observations; None none; a path, bytes, binary file or
    Normalization is taken as it is. ``durable=False`` skips fsync.

    The report names every change with its reason, what was left out, and what is carried along without being
    understood; it has no changes where the archive is one of today already. Raises what :func:`strongbox.open`
    raises, and MismatchError where nothing tells the agent's algorithm.
    """
    from .conversion import convert as convert_archive

    return convert_archive(
        file,
        path,
        pickles=pickles,
        exclude=exclude,
        normalization=normalization,
        durable=durable,
        limits=limits,
    )


def diff(first: ArchiveFile | Archive, second: ArchiveFile | Archive, *, limits: Limits = DEFAULT_LIMITS) -> Difference:
    """What is different between two agents: data by name, tensors by name, statistics, versions.

    ``difference.equal`` says whether they are the same to the last bit, ``difference.tensors`` how far each
    tensor moved, largest first. Neither torch nor SB3 is needed, and memory does not grow with the files.
    Raises what :func:`strongbox.open` raises.
    """
    from .archive.difference import compare_archives

    return compare_archives(first, second, limits=limits)


def load(
    file: ArchiveFile | Archive,
    *,
    env: Any = None,
    into: Any = None,
    device: Any = "auto",
    cls: type | None = None,
    trust: str | Collection[str] | None = (),
    custom_objects: Mapping[str, Any] | None = None,
    skip: str | Collection[str] | None = (),
    force_reset: bool = True,
    parameters: str | Collection[str] | None = None,
    rename: Mapping[str, str] | None = None,
    on_mismatch: str = "error",
    freeze: str | Collection[str] | None = (),
    reset: str | Collection[str] | None = (),
    limits: Limits = DEFAULT_LIMITS,
    **overrides: Any,
) -> Any:
    """Load an agent as a live model of SB3 or sb3-contrib, ready to predict and, with ``env``, to learn on.

    An agent of a class that is not SB3's goes into a live one (``into``), in place, when everything has been compared;
    ``cls`` makes one of what its constructor takes and data has; with neither, a :class:`strongbox.Agent` has its
    parts. Of the other options it has ``device`` and ``skip``, which takes patterns. The rest is about SB3's agents.

    ``env`` is a gymnasium environment or VecEnv whose spaces are the agent's; statistics of
    VecNormalize that were saved with the agent are put back onto it. ``device`` is torch's
    (``"auto"``: CUDA where there is one). ``cls`` demands a class: an archive of another is an error.
    ``trust`` names classes of your own that may be imported (``["my_project.nets.Extractor"]``), or is
    ``"pickle"`` to run code that the file holds by value, on the Python version that wrote it only.
    ``custom_objects`` replaces data by name, ``skip`` leaves data, parameters, ``"normalization"`` or the
    ``"replay_buffer"`` of a packed checkpoint out.
    ``force_reset=False`` keeps the last observation, for environments that go on where they were.

    Settings may be given anew by the names of the constructor's arguments (``learning_rate=1e-4, n_steps=64``):
    they reach optimizers, buffers and schedules, and a misspelt name is an error. ``into`` is a live model that
    takes the archive's tensors and these settings in place; it is given back, or left as it was by an error.

    What is taken is said by patterns over names: ``"policy.action_net.weight"`` is a tensor of a network,
    ``"policy.optimizer"`` an optimizer, ``"log_ent_coef"`` a variable. ``parameters`` takes only some, ``rename``
    maps old names to new ones (``{"policy.old.*": "policy.new.*"}``), ``reset`` begins some anew, and ``freeze``
    keeps some from being trained. ``on_mismatch`` is what is done where a tensor has no place in the model, or one
    of another shape: ``"error"``, ``"skip"``, or ``"overlap"``, which copies the block that both shapes have in common;
    with the latter two, the environment may have other spaces.

    What stayed behind is told by one :class:`StrongboxWarning` and ``model.strongbox_report``, which prints as a
    table of all that was done. Raises MismatchError for names, patterns, settings and shapes that the archive or
    the model does not have, RefusedError where a class is not trusted
    and the agent cannot be built without it, MissingExtra without torch and SB3, and what
    :func:`strongbox.open` raises.
    """
    from .adapters import load as load_model

    return load_model(
        file,
        env=env,
        into=into,
        device=device,
        cls=cls,
        trust=trust,
        custom_objects=custom_objects,
        skip=skip,
        force_reset=force_reset,
        parameters=parameters,
        rename=rename,
        on_mismatch=on_mismatch,
        freeze=freeze,
        reset=reset,
        limits=limits,
        put_replay=_put_replay,
        **overrides,
    )


def _put_replay(model: Any, packed: PackedReplay) -> Mapping[str, str]:
    from .runs.packed import put_replay

    return put_replay(model, packed)


def policy(
    file: ArchiveFile | Archive,
    *,
    normalize: ArchiveFile | Normalization | bool | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Policy:
    """Open a trained agent to act, with numpy alone: no SB3, no torch, no training.

    ``normalize`` is what raw observations go through first: None takes the statistics of VecNormalize
    that the archive holds, if any; a path, bytes or binary file is a VecNormalize pickle; False leaves
    observations as they are. Raises UnsupportedError, by name, for networks that are not SB3's or
    sb3-contrib's own, and what :func:`strongbox.open` raises.
    """
    from .policies import open_policy

    return open_policy(file, normalize=normalize, limits=limits)


def save(
    model: Any,
    file: str | os.PathLike[str] | BinaryIO,
    *,
    pickles: bool = True,
    durable: bool = True,
    exclude: str | Collection[str] = (),
    include: str | Collection[str] = (),
    normalization: Any = "auto",
    limits: Limits = DEFAULT_LIMITS,
) -> SaveReport:
    """Save a live agent: one of SB3 or sb3-contrib as an archive that an unmodified SB3 opens, any other as its parts.

    What an agent of one's own consists of is said in docs/how-to/own-agent.md: it is written without pickles;
    ``exclude`` takes patterns, too, and ``include`` and ``normalization`` are SB3's alone.

    The file is replaced in one step: a save that fails or is killed leaves the old one as it was.
    ``pickles=False`` writes no pickle into data, and raises UnsupportedError naming the culprits where
    a value has no portable form (SB3 itself does not open such an archive). ``durable=False`` skips
    fsync. ``exclude`` and ``include`` change which attributes are kept, as in SB3;
    a name to exclude that the agent does not have, or cannot be built without, is a MismatchError.
    ``normalization`` is the statistics of observations and rewards to keep with the agent: ``"auto"``
    takes those of its environment's VecNormalize, None keeps none, and a VecNormalize or a Normalization
    is taken as it is. ``limits`` are those that the archive will be read with: an agent of sbx with large networks,
    which stand in data, needs higher ones on both sides. The report says what was left out, what is
    opaque, and what is approximate; nothing of the kind is ever the reason that a save fails.
    """
    from .adapters import save as save_model

    return save_model(
        model,
        file,
        pickles=pickles,
        durable=durable,
        exclude=exclude,
        include=include,
        normalization=normalization,
        limits=limits,
    )
