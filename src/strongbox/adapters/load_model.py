"""Loading: an archive becomes a live model, ready to learn on.

The steps are those of SB3's own ``load``: wrap and check the environment, make the model without its
networks, set its attributes, let it build its networks, and overwrite their parameters. What differs:
every attribute is built from a value, never unpickled; what is not understood stays behind and is
said; the networks are not initialised first; the process's random generators are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import get_device

from ..archive import Archive
from ..conversion import Draft
from ..errors import locate
from .algorithms import class_path, find_algorithm
from .attributes import known_base
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
from .reading import (
    NORMALIZATION,
    REPLAY,
    add_left_out,
    explain_derived,
    explain_tables,
    make_draft,
    restore_attributes,
)
from .report import LoadReport, attach_report, keep_normalization
from .request import (
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

PutReplay: TypeAlias = "Callable[[Any, PackedReplay], Mapping[str, str]]"
"""Fills a model's replay buffer, and says by name what is inexact."""

UNAPPLIED = (
    "normalization: kept, but nothing applies it without an environment; "
    "the agent's actions are for observations that are normalized already"
)


def load(
    file: Archive,
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
    transfer = read_transfer(parameters=parameters, rename=rename, on_mismatch=on_mismatch, freeze=freeze, reset=reset)
    trusted, pickles = read_trust(trust)
    replaced, skipped = read_replacements(custom_objects), read_names(skip, "skip")
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
        return load_into(file, into, skipped=skipped, transfer=transfer, overrides=overrides)
    with locate(path=file.path), undo_normalization(env):
        algorithm = find_algorithm(file, cls=cls, trust=trusted)
        check_overrides(algorithm, overrides)
        refuse_twice(overrides, replaced)
        on_jax = is_on_jax(algorithm)
        if on_jax:
            refuse_transfer({**dict.fromkeys(overrides, True), "trust": trusted or pickles, **transfer.given})
        draft = make_draft(file, class_path(known_base(algorithm)), replaced, skipped)
        parts = take_parts(draft) if on_jax else None
        before = {name: value for name, value in draft.data.items() if isinstance(value, int)}
        check_kept(algorithm, overrides, draft.data)
        overridden = place_overrides(draft, overrides)
        adopt_goals(draft, env)
        restorer = Restorer(trust=trusted, device=get_device(device))
        attributes, left = restore_attributes(draft, file, algorithm, restorer, pickles=pickles)
        check_trust(trusted, file)
        kept = attributes.keys() - overrides.keys()
        notes = [*explain_derived(attributes, left), *explain_tables(file, kept, pickles=pickles)]
        quiet = add_left_out(file, algorithm, {*attributes, *skipped}, left, notes)
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
