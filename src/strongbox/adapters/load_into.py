"""An archive goes into a live model, which stays the same object: its tensors, and the settings given with them.

The model's own class, networks, settings, counters and environment stay; that is what SB3's ``load``, which makes
another model, cannot do. Everything is compared first, and what settings hang on is built beside the model, so that
a model is changed altogether or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm

from ..archive import Archive
from ..conversion import Draft, migrate, read_draft
from ..errors import MismatchError, locate
from ..values import Normalization
from .algorithms import check_class, class_path
from .attributes import known_base
from .build import make_model, spaces_kept
from .fitting import Fit, live_tensors, plan_fit
from .freezing import check_freeze, freeze
from .initialisation import keep_random_states
from .into import check_spaces, verify_tensors
from .normalization import fit_normalization, normalize_environment
from .overrides import (
    ATTRIBUTES,
    FIXED,
    NOT_SET,
    SETTINGS_OF_ENTROPY,
    check_kept,
    check_overrides,
    constructor_arguments,
    finish_overrides,
    hanging,
    settle_overrides,
    show_setting,
)
from .report import LoadReport, attach_report
from .request import check_names
from .state import Filler
from .transfer import Transfer

__all__ = ["load_into"]

NORMALIZATION = "normalization"

ITS_OWN = {**FIXED, "policy_kwargs": "the networks are the model's own"}
"""Settings that a model at hand has for good, each with the reason."""


def load_into(
    archive: Archive,
    model: BaseAlgorithm,
    *,
    skipped: frozenset[str],
    transfer: Transfer,
    overrides: Mapping[str, Any],
) -> BaseAlgorithm:
    """Put what is asked for of an archive into a live model, and give it back.

    Raises MismatchError, FormatError and what else :func:`strongbox.load` raises before the model is changed.
    """
    if not isinstance(model, BaseAlgorithm):
        raise MismatchError(f"expected a model of Stable-Baselines3 in into, found {type(model).__name__}.")
    with locate(path=archive.path):
        check_class(type(model), archive, asked="the model is", hint="Take another model")
        check_overrides(type(model), overrides, fixed=ITS_OWN)
        check_kept(type(model), overrides, vars(model))
        draft = _read(model, archive, skipped)
        if transfer.on_mismatch == "error" and transfer.parameters is None:
            check_spaces(model, draft.data)
        given = SETTINGS_OF_ENTROPY if "ent_coef" in overrides else ()
        changed, told = _changed_settings(model, overrides)
        beside = _make_beside(model, changed, overrides) if overrides or transfer.reset else model
        # A schedule of the caller's own may raise: if so, here.
        finish_overrides(beside, {name: given for name, given in overrides.items() if name != "seed"})
        fit = plan_fit(beside, draft, transfer, given=given, skipped=skipped)
        frozen = check_freeze(model, transfer.freeze)
        normalization, notes = _fit_statistics(model, archive, transfer, skipped)
        verify_tensors(archive)
    # From here on nothing is compared any more.
    _take_over(model, beside, overrides)
    _renew(model, beside, fit)
    fit.fill(model, Filler(archive.release_memory), settings=False)
    freeze(model, frozen)
    finish_overrides(model, overrides)
    if normalization is not None and model.env is not None:
        normalize_environment(model.env, normalization)
    report = LoadReport(
        path=archive.path,
        algorithm=class_path(type(model)),
        left=fit.left,
        migrated=tuple(draft.migrated),
        skipped=tuple(sorted(skipped)),
        notes=("settings, counters and environment are the model's own", *notes),
        taken=tuple(fit.taken),
        renamed=fit.renamed,
        cut=fit.cut,
        reset={**fit.reset, **told.reset},
        kept={name: f"the model's own: {why}" for name, why in fit.kept.items()},
        overridden=told.overridden,
        frozen=frozen,
    )
    attach_report(model, report, quiet=fit.left.keys())
    return model


class _Told:
    """What settings given anew change, in words."""

    def __init__(self) -> None:
        self.overridden: dict[str, str] = {}
        self.reset: dict[str, str] = {}


def _read(model: BaseAlgorithm, archive: Archive, skipped: frozenset[str]) -> Draft:
    known = {*archive.parameters, *(archive.variables or ()), NORMALIZATION}
    check_names("skip", skipped, known)
    draft = read_draft(archive, class_path(known_base(type(model))), replaced={}, skipped=skipped)
    migrate(draft)
    return draft


# -- settings ---------------------------------------------------------------------------------------


def _changed_settings(model: BaseAlgorithm, overrides: Mapping[str, Any]) -> tuple[dict[str, Any], _Told]:
    """The attributes of a model with settings given anew, in copies that may be changed; the model stays as it is."""
    names, variables = model._get_torch_save_params()
    excluded = {*model._excluded_save_params(), *variables, *(name.partition(".")[0] for name in names)}
    attributes = {
        name: dict(value) if isinstance(value, dict) else value
        for name, value in vars(model).items()
        if name not in excluded
    }
    before, told = dict(attributes), _Told()
    for name, given in overrides.items():
        attribute = ATTRIBUTES.get(name, name)
        told.overridden[name] = f"{show_setting(attributes.get(attribute))} → {show_setting(given)}"
        if name not in NOT_SET:
            attributes[attribute] = given
    settle_overrides(type(model), attributes, overrides, before=before)
    hung = {part for name in overrides for part in hanging(type(model), name, attributes)}
    replay: Any = vars(model).get("replay_buffer")
    if replay is not None and "replay_buffer" in hung:
        told.reset["replay_buffer"] = f"built anew; the {replay.size() * replay.n_envs:,} transitions in it are gone"
    elif replay is not None:
        attributes["replay_buffer"] = replay
    return attributes, told


def _make_beside(model: BaseAlgorithm, attributes: dict[str, Any], overrides: Mapping[str, Any]) -> BaseAlgorithm:
    """A model like the one at hand, of the same environment, with fresh networks and whatever hangs on settings."""
    arguments = constructor_arguments(type(model), attributes, overrides)
    with spaces_kept(attributes), keep_random_states(model.device):
        return make_model(type(model), attributes, env=model.env, device=model.device, arguments=arguments)


def _take_over(model: BaseAlgorithm, beside: BaseAlgorithm, overrides: Mapping[str, Any]) -> None:
    """Give a model the settings of another one, and what hangs on them."""
    for name in overrides:
        parts = hanging(type(model), name, vars(beside))
        for attribute in parts if name in NOT_SET else (ATTRIBUTES.get(name, name), *parts):
            if attribute in vars(beside):
                setattr(model, attribute, vars(beside)[attribute])
            else:
                vars(model).pop(attribute, None)


def _renew(model: BaseAlgorithm, beside: BaseAlgorithm, fit: Fit) -> None:
    """Initialise tensors of a model anew: they are those of one that has just been made."""
    live, fresh = live_tensors(model), live_tensors(beside)
    for name in fit.reset.keys() & live.keys():
        live[name].detach().copy_(fresh[name].detach())


# -- statistics -----------------------------------------------------------------------------------------


def _fit_statistics(
    model: BaseAlgorithm, archive: Archive, transfer: Transfer, skipped: frozenset[str]
) -> tuple[Normalization | None, list[str]]:
    """The statistics of VecNormalize that go onto a model's environment, and what there is to say of them."""
    kept, live = archive.normalization, model.get_vec_normalize_env()
    if kept is None or NORMALIZATION in skipped:
        return None, []
    if live is None:
        return None, ["normalization: left behind, the model's environment normalizes nothing"]
    fitted, told = fit_normalization(kept, live.observation_space, transfer.on_mismatch)
    if fitted is None and transfer.on_mismatch == "error":
        raise MismatchError(
            f"expected statistics that fit, found others: {told[0]}.", hint='Or: skip=["normalization"].'
        )
    return fitted, told or ["normalization: its statistics are on the model's environment"]
