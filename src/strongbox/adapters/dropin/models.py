"""``model.save`` and ``Algorithm.load``, with SB3's arguments and rules, by way of Strongbox's archives.

Source: ``BaseAlgorithm.save`` and ``load`` in ``stable_baselines3/common/base_class.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import get_device, get_system_info

from ...archive import Archive
from ...conversion import Draft, Live
from ...errors import MismatchError
from ..algorithms import check_class, class_path
from ..attributes import known_base
from ..build import build_model, prepare_environment
from ..capture import capture
from ..classes import ALGORITHMS
from ..environment_id import keep_environment_id
from ..goals import adopt_goals
from ..reading import add_left_out, explain_derived, explain_tables, make_draft, restore_attributes
from ..report import LoadReport, attach_report, keep_normalization, warn, warn_of_raw_observations
from ..request import check_request, read_replacements
from ..restore import Restorer
from ..save_model import choose_normalization
from .archives import open_model, print_saved_system, write_model
from .trust import trusted_names, trusts_pickles

__all__ = ["load", "make_known_draft", "save"]


def save(
    model: BaseAlgorithm, path: Any, exclude: Iterable[str] | None = None, include: Iterable[str] | None = None
) -> None:
    """Save an agent, whole or not at all; what cannot be kept is warned of."""
    contents = capture(
        model,
        exclude=frozenset(exclude or ()),
        include=frozenset(include or ()),
        normalization=choose_normalization(model),
    )
    write_model(path, contents)


def load(
    cls: type[BaseAlgorithm],
    path: Any,
    env: Any = None,
    device: torch.device | str = "auto",
    custom_objects: Mapping[str, Any] | None = None,
    print_system_info: bool = False,
    force_reset: bool = True,
    **attributes: Any,
) -> BaseAlgorithm:
    """Load an agent of a class; ``attributes`` are set as they are, before its networks are built."""
    if print_system_info:
        print("== CURRENT SYSTEM INFO ==")
        get_system_info()
    replaced = read_replacements(custom_objects)
    check_request(env=env, device=device, cls=cls)
    with open_model(path) as archive:
        if print_system_info:
            print_saved_system(archive)
        return _load(cls, archive, env, device, replaced, attributes, force_reset=force_reset)


def make_known_draft(archive: Archive, algorithm: str, replaced: Mapping[str, Any]) -> Draft:
    """The migrated draft of an archive; names to replace that it does not have are passed over, as in SB3."""
    early = {name: value for name, value in replaced.items() if name in archive.data or name in archive.left_out}
    draft = make_draft(archive, algorithm, early)
    draft.data.update({name: Live(value) for name, value in replaced.items() if name in draft.data})
    return draft


def _load(
    cls: type[BaseAlgorithm],
    archive: Archive,
    env: Any,
    device: torch.device | str,
    replaced: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    force_reset: bool,
) -> BaseAlgorithm:
    _check_class(cls, archive)
    draft = make_known_draft(archive, class_path(known_base(cls)), replaced)
    adopt_goals(draft, env)
    pickles = trusts_pickles()
    restorer = Restorer(trust=trusted_names(), device=get_device(device))
    attributes, left = restore_attributes(draft, archive, cls, restorer, pickles=pickles)
    notes = [*explain_derived(attributes, left), *explain_tables(archive, attributes, pickles=pickles)]
    quiet = add_left_out(archive, cls, {*attributes, *given}, left, notes)
    _check_policy_kwargs(attributes, given)
    environment = prepare_environment(
        env, cls, draft, attributes, normalization=None, force_reset=force_reset, on_mismatch="error"
    )
    attributes.update(given)
    model = build_model(
        cls,
        attributes,
        draft,
        env=environment,
        device=device,
        skipped=frozenset(),
        release=archive.release_memory,
        bounded=not (trusted_names() or pickles or replaced or {"policy_class", "policy_kwargs"} & given.keys()),
    )
    model.set_random_seed(model.seed)
    _keep_what_is_not_the_models(model, archive)
    report = LoadReport(
        path=archive.path,
        algorithm=class_path(cls),
        left=left,
        migrated=tuple(draft.migrated),
        replaced=tuple(name for name in replaced if name in attributes),
        notes=tuple(notes),
        overridden={name: f"{value!r:.100}" for name, value in given.items()},
    )
    attach_report(model, report, quiet=quiet)
    if draft.migrated:
        warn(f"{archive.path or 'archive'}: from an earlier version, brought up to date: {'; '.join(draft.migrated)}.")
    return model


def _check_class(cls: type[BaseAlgorithm], archive: Archive) -> None:
    """Insist that one of SB3's own classes is the archive's, where that is one of them, too.

    An agent of somebody's own class may be loaded as what it is derived from, which no file tells.
    """
    module, _, name = (archive.algorithm or "").rpartition(".")
    if name in ALGORITHMS.get(module, ()) and cls.__name__ in ALGORITHMS.get(cls.__module__, ()):
        check_class(cls, archive, asked=f"{cls.__name__}.load asks", hint=f"Call {name}.load")


def _check_policy_kwargs(attributes: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    if "policy_kwargs" in given and given["policy_kwargs"] != attributes["policy_kwargs"]:
        raise MismatchError(
            "The specified policy kwargs do not equal the stored policy kwargs. "
            f"Stored kwargs: {attributes['policy_kwargs']}, specified kwargs: {given['policy_kwargs']}",
            hint="strongbox.load takes others: policy_kwargs={...}, on_mismatch=...",
        )


def _keep_what_is_not_the_models(model: BaseAlgorithm, archive: Archive) -> None:
    """Keep for the next save what the archive knows and the model has no place for; the environment is the script's."""
    normalization = archive.normalization
    if normalization is not None and model.get_vec_normalize_env() is None:
        keep_normalization(model, normalization)
        if model.get_env() is not None:
            warn_of_raw_observations()
    if archive.environment is not None and model.get_env() is None:
        keep_environment_id(model, archive.environment)
