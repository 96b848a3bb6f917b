"""Loading: an archive becomes a live model, ready to learn on.

The steps are those of SB3's own ``load``: wrap and check the environment, make the model without its
networks, set its attributes, let it build its networks, and overwrite their parameters. What differs:
every attribute is built from a value, never unpickled; what is not understood stays behind and is
said; the networks are not initialised first; the process's random generators are left alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import get_device

from ..archive import Archive, ArchiveFile, open_archive
from ..conversion import Draft, Live, migrate, read_draft
from ..errors import MismatchError, RefusedError, StrongboxError, UnsupportedError, locate
from ..limits import DEFAULT_LIMITS, Limits
from ..values import SCHEDULE_NAMES, Space, TableSchedule, find_opaque
from .algorithms import class_path, find_algorithm
from .attributes import defaulted_names, derived_from, known_base, refuse_counter, reserved_names
from .build import build_model, prepare_environment
from .environment_id import keep_environment_id
from .fitting import Fit, plan_fit
from .freezing import check_freeze
from .freezing import freeze as freeze_tensors
from .goals import adopt_goals
from .jax import is_on_jax, refuse_transfer, take_parts
from .load_into import load_into
from .normalization import undo_normalization
from .overrides import (
    SETTINGS_OF_ENTROPY,
    check_kept,
    check_overrides,
    constructor_arguments,
    finish_overrides,
    place_overrides,
    settle_overrides,
)
from .pickled import load_pickled
from .report import LoadReport, attach_report, keep_normalization
from .request import (
    check_names,
    check_request,
    check_trust,
    read_names,
    read_replacements,
    read_trust,
    refuse_beside_into,
    refuse_twice,
)
from .restore import Restorer
from .transfer import Transfer, offered_tensors, read_transfer

if TYPE_CHECKING:
    from ..archive import PackedReplay

__all__ = ["load"]

REQUIRED = ("policy_class", "observation_space", "action_space", "policy_kwargs")
"""Attributes that an agent cannot be built without; for any other SB3 has a default."""

NORMALIZATION = "normalization"
"""The name by which ``skip`` leaves out the statistics of VecNormalize."""

REPLAY = "replay_buffer"
"""The name by which ``skip`` leaves out the replay of a packed checkpoint."""

PutReplay: TypeAlias = "Callable[[Any, PackedReplay], Mapping[str, str]]"
"""Fills a model's replay buffer, and says by name what is inexact."""

UNAPPLIED = (
    "normalization: kept, but nothing applies it without an environment; "
    "the agent's actions are for observations that are normalized already"
)


def load(
    file: Archive | ArchiveFile,
    *,
    env: Any = None,
    into: BaseAlgorithm | None = None,
    device: torch.device | str = "auto",
    cls: type[BaseAlgorithm] | None = None,
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
    put_replay: PutReplay | None = None,
    **overrides: Any,
) -> Any:
    """Load a live SB3 or sb3-contrib model from an archive.

    ``env`` is the environment to go on learning with; an agent may act without one. ``into`` is a live model
    that takes the archive's tensors, in place, and is given back. ``cls`` insists
    on a class; another is a MismatchError. ``trust`` names classes of your own that the archive may
    use (``["my_project.nets.Extractor"]``), or is ``"pickle"`` for an archive whose code you would
    run. ``custom_objects`` replaces attributes by name, ``skip`` leaves attributes, state dicts or
    variables out, and the statistics of VecNormalize by the name ``"normalization"``.
    ``force_reset`` makes the environment begin anew where one is given. ``put_replay`` fills the replay buffer from
    an archive that a checkpoint was packed into.

    ``parameters``, ``rename``, ``freeze`` and ``reset`` are patterns over names of tensors, as
    :mod:`strongbox.adapters.transfer` says; ``on_mismatch`` is what is done with those that do not fit.
    ``overrides`` are settings by the names of the constructor's arguments.

    Attributes that are not understood stay behind: one warning (:class:`LeftBehind`) lists them, and
    ``model.strongbox_report`` keeps the list. Raises RefusedError where such a one is needed to build
    the agent, MismatchError where archive and request do not fit together, UnsupportedError for what
    is understood but cannot be loaded here.
    """
    if not isinstance(file, Archive):
        with open_archive(file, limits=limits) as archive:
            return load(
                archive,
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
                put_replay=put_replay,
                **overrides,
            )
    transfer = read_transfer(parameters=parameters, rename=rename, on_mismatch=on_mismatch, freeze=freeze, reset=reset)
    trusted, pickles = read_trust(trust)
    replaced, asked = read_replacements(custom_objects), read_names(skip, "skip")
    check_request(env=env, device=device, cls=cls)
    if into is not None:
        given = {
            "env": env is not None,
            "cls": cls is not None,
            "device": device != "auto",
            "custom_objects": replaced,
            "trust": trusted or pickles,
            "force_reset": not force_reset,
        }
        refuse_beside_into(name for name, item in given.items() if item)
        return load_into(file, into, skipped=asked, transfer=transfer, overrides=overrides)
    with locate(path=file.path), undo_normalization(env):
        algorithm = find_algorithm(file, cls=cls, trust=trusted)
        check_overrides(algorithm, overrides)
        refuse_twice(overrides, replaced)
        on_jax = is_on_jax(algorithm)
        if on_jax:
            refuse_transfer({**dict.fromkeys(overrides, True), "trust": trusted or pickles, **transfer.given})
        draft, skipped = _draft(file, class_path(known_base(algorithm)), replaced, asked)
        parts = take_parts(draft) if on_jax else None
        before = {name: value for name, value in draft.data.items() if isinstance(value, int)}
        check_kept(algorithm, overrides, draft.data)
        overridden = place_overrides(draft, overrides)
        adopt_goals(draft, env)
        restorer = Restorer(trust=trusted, device=get_device(device))
        attributes, left = _restore_attributes(draft, file, algorithm, restorer, pickles=pickles)
        check_trust(trusted, file)
        kept = attributes.keys() - overrides.keys()
        notes = [*_explain_derived(attributes, left), *_explain_tables(file, kept, pickles=pickles)]
        quiet = _add_left_out(file, algorithm, {*attributes, *skipped}, left, notes)
        normalization = None if NORMALIZATION in skipped else file.normalization
        trained_in = file.environment
        environment = prepare_environment(
            env,
            algorithm,
            draft,
            attributes,
            normalization=normalization,
            force_reset=force_reset,
            on_mismatch=on_mismatch,
        )
        if normalization is not None and environment is None:
            notes.append(UNAPPLIED)
        settle_overrides(algorithm, attributes, overrides, before=before)
        if parts is not None:
            parts.check(attributes)
        fit = _Fitting(draft, transfer, skipped, overrides)
        model = build_model(
            algorithm,
            attributes,
            draft,
            env=environment,
            device=device,
            skipped=skipped,
            release=file.release_memory,
            bounded=not (cls or trust or replaced or "policy_kwargs" in overrides) and transfer.ordinary,
            arguments=constructor_arguments(algorithm, attributes, overrides),
            plan=None if fit.ordinary else fit.plan,
        )
        if parts is not None:
            parts.fill(model, restorer, left)
        frozen = check_freeze(model, transfer.freeze)
        freeze_tensors(model, frozen)
        finish_overrides(model, overrides)
        if REPLAY not in skipped:
            left.update(_fill_replay(model, file, put_replay, notes))
    planned = fit.planned or Fit(taken=_tensor_names(draft))
    report = LoadReport(
        path=file.path,
        algorithm=class_path(algorithm),
        left={**left, **planned.left},
        migrated=tuple(draft.migrated),
        replaced=tuple(replaced),
        skipped=tuple(sorted(skipped)),
        notes=tuple(notes),
        taken=(*planned.taken, *(parts.names if parts is not None else ())),
        renamed=planned.renamed,
        cut=planned.cut,
        reset={**planned.reset, **{name: f"made anew: {why}" for name, why in planned.kept.items()}},
        overridden=overridden,
        frozen=frozen,
    )
    if environment is None and normalization is not None:
        keep_normalization(model, normalization)
    if environment is None and trained_in is not None:
        keep_environment_id(model, trained_in)
    attach_report(model, report, quiet={*quiet, *planned.left})
    return model


def _fill_replay(model: Any, archive: Archive, put_replay: PutReplay | None, notes: list[str]) -> Mapping[str, str]:
    """Put the replay of a packed checkpoint into the model; gives what of it is inexact."""
    packed = archive.replay
    if packed is None:
        return {}
    if put_replay is None or model.env is None or getattr(model, REPLAY, None) is None:
        notes.append(f"{REPLAY}: kept in the file; it is filled where an environment is given")
        return {}
    return put_replay(model, packed)


# -- what the caller asks for -------------------------------------------------------------------


class _Fitting:
    """The comparison of a draft with a model, made when the model is there; none where all has to fit as it is."""

    def __init__(self, draft: Draft, transfer: Transfer, skipped: frozenset[str], overrides: Mapping[str, Any]) -> None:
        self.planned: Fit | None = None
        self._draft, self._transfer, self._skipped = draft, transfer, skipped
        self._given: set[str] = set()
        kwargs = overrides.get("policy_kwargs", {})
        if "ent_coef" in overrides:
            self._given.update(SETTINGS_OF_ENTROPY)
        if isinstance(kwargs, Mapping) and {"optimizer_class", "optimizer_kwargs"} & kwargs.keys():
            self._given.update(name for name, tree in draft.parameters.items() if "param_groups" in tree)
        self.ordinary = transfer.ordinary and not self._given

    def plan(self, model: BaseAlgorithm) -> Fit:
        """What of the draft goes where in the model."""
        self.planned = plan_fit(model, self._draft, self._transfer, given=self._given, skipped=self._skipped)
        return self.planned


def _tensor_names(draft: Draft) -> list[str]:
    """Everything that is taken where all of it is."""
    optimizers = {name for name, tree in draft.parameters.items() if "param_groups" in tree}
    return [*offered_tensors(draft, optimizers), *optimizers]


def _draft(
    archive: Archive, algorithm: str, replaced: dict[str, Any], skipped: frozenset[str]
) -> tuple[Draft, frozenset[str]]:
    """The migrated draft of an archive; names may be given as the file or as the installed SB3 has them."""
    early = {name: value for name, value in replaced.items() if name in archive.data}
    draft = read_draft(archive, algorithm, replaced=early, skipped=skipped)
    known = {*archive.data, *archive.left_out, *archive.parameters, *(archive.variables or ())}
    if archive.normalization is not None:
        known.add(NORMALIZATION)
    if archive.replay is not None:
        known.add(REPLAY)
    migrate(draft)
    for name, value in replaced.items():
        if name in draft.data or name in REQUIRED or name in archive.left_out:
            draft.data[name] = Live(value)
    replaceable = {*draft.data, *archive.data, *archive.left_out}
    check_names("custom_objects", replaced.keys() - early.keys(), replaceable)
    check_names("skip", skipped, known | draft.data.keys())
    for name in skipped & draft.data.keys():
        del draft.data[name]
    return draft, skipped


# -- the attributes -----------------------------------------------------------------------------


def _restore_attributes(
    draft: Draft, archive: Archive, algorithm: type[BaseAlgorithm], restorer: Restorer, *, pickles: bool
) -> tuple[dict[str, Any], dict[str, str]]:
    """The live attributes by name, and why others stayed behind; raises where one of these is required."""
    attributes: dict[str, Any] = {}
    left: dict[str, str] = {}
    reserved = reserved_names(algorithm)
    exact = pickles and _is_of_this_python(archive)
    for name, value in draft.data.items():
        if isinstance(value, Live):
            attributes[name] = value.value
            continue
        if name in reserved:
            left[name] = reserved[name]
            continue
        try:
            if exact and _is_worked_out(archive, name):
                # Whoever trusts the code gets the function itself, not a table of it.
                raise UnsupportedError("its code is in the file by value")
            attributes[name] = _restore(restorer, name, value)
            if isinstance(value, Space):
                # A space goes without a random state that is not understood.
                left.update({path: part.reason for path, part in find_opaque(value, name)})
        except StrongboxError as error:
            if pickles and name in archive.data and archive.data.pickle(name) is not None:
                attributes[name] = load_pickled(archive, name)
            elif name in REQUIRED:
                raise _needed(name, value, error) from error
            else:
                left[name] = error.problem
        refused = refuse_counter(name, attributes[name]) if name in attributes else None
        if refused is not None:
            left[name] = refused
            del attributes[name]
    attributes.setdefault("n_envs", 1)
    for name in REQUIRED:
        if name not in attributes:
            raise MismatchError(
                f"expected {name!r} in the archive's data, which the agent is built with, found none.",
                hint=f"Give it: custom_objects={{{name!r}: ...}}.",
            )
    return attributes, left


def _explain_derived(attributes: Collection[str], left: dict[str, str]) -> list[str]:
    """Take those out of what stayed behind that SB3 makes anew from attributes which are there; say so instead."""
    notes: list[str] = []
    for name in list(left):
        sources = derived_from(name, attributes)
        if sources:
            del left[name]
            notes.append(f"{name}: made anew from {', '.join(sources)}")
    return notes


def _explain_tables(archive: Archive, attributes: Collection[str], *, pickles: bool) -> list[str]:
    """Say which functions of the file were worked out from their code, and how far the tables are from them."""
    notes: list[str] = []
    for name in sorted(SCHEDULE_NAMES.intersection(attributes, archive.data)):
        if _is_worked_out(archive, name) and not (pickles and _is_of_this_python(archive)):
            table = archive.data[name]
            notes.append(
                f"{name}: a table of {len(table.values):,} points stands for {table.source[:100]}, whose code was not "
                f"run; the largest error seen between its points is {table.largest_error:.3g}"
            )
    return notes


def _is_of_this_python(archive: Archive) -> bool:
    """Whether code in an archive may be run here, where it is trusted."""
    return archive.python_version == sys.version_info[:2]


def _is_worked_out(archive: Archive, name: str) -> bool:
    """Whether an attribute is the table of a function that stands in the file as code."""
    data = archive.data
    value = data[name] if name in data and not data.is_portable(name) else None
    return isinstance(value, TableSchedule) and value.source != ""


def _add_left_out(
    archive: Archive, algorithm: type[BaseAlgorithm], there: Collection[str], left: dict[str, str], notes: list[str]
) -> frozenset[str]:
    """Add what the save left out already; gives the names among it that nothing of SB3's stands in for.

    What is no attribute's name is about a part of one (a path that was shortened), and is a note.
    """
    lacking: dict[str, str] = {}
    for name, reason in archive.left_out.items():
        if not name.isidentifier() or derived_from(name, there):
            notes.append(f"{name}: {reason}")
        elif name not in there and name not in left:
            lacking[name] = f"left out when it was saved: {reason}"
    left.update(lacking)
    return frozenset(lacking) - defaulted_names(algorithm)


def _restore(restorer: Restorer, name: str, value: Any) -> Any:
    try:
        return restorer(value)
    except StrongboxError:
        raise
    except Exception as error:
        # A constructor of another package refused what the file says.
        raise UnsupportedError(
            f"expected a value that {type(value).__name__} can be built from in {name!r}, "
            f"found one that it refuses: {type(error).__name__}: {error}."
        ) from error


def _needed(name: str, value: Any, error: StrongboxError) -> RefusedError:
    """The error for an attribute that the agent cannot be built without, with the ways out."""
    parts = dict(find_opaque(value, name))
    if parts:
        found = "; ".join(f"{path} is {part.type}: {part.reason}" for path, part in parts.items())
    else:
        found = error.problem
    found = found.rstrip(".")
    ways = [f"Give it yourself: custom_objects={{{name!r}: ...}}"]
    trusted = _class_to_trust(error)
    if trusted and not parts:
        ways.append(f'or, if the class is yours and can be imported, name it: trust=["{trusted}"]')
    else:
        ways.append('or, if you would run code from this file, trust="pickle"')
    return RefusedError(
        f"expected {name!r}, which the agent is built with, to be understood, found that it is not: {found}.",
        hint=", ".join(ways) + ".",
    )


def _class_to_trust(error: StrongboxError) -> str | None:
    """The class that an error's hint asks to be trusted."""
    _, _, rest = (error.hint or "").partition('trust=["')
    return rest.partition('"')[0] or None
