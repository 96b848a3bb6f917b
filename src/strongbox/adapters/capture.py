"""A live agent as the contents of an archive.

What SB3 would save is saved, attribute by attribute: exactly where JSON can hold it, otherwise as a
value beside a pickle for SB3's reader. What cannot be kept (an open file, a language model, a
function that is no schedule) is left out by name, with the reason; one attribute never makes the
save fail. Names are put in order, so that the same agent gives the same bytes in whatever order its
attributes were set.

It is done in two parts: :func:`hold_agent` holds what the agent is at this moment, and :meth:`HeldAgent.contents`
makes of that what an archive holds, which another thread may do while the agent goes on learning.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import stable_baselines3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import get_system_info

from ..archive import Contents, Entry
from ..conversion import without_machine
from ..errors import StrongboxError
from ..limits import DEFAULT_LIMITS, Limits
from ..values import Normalization
from .allowance import Allowance, needed_names
from .environment_id import find_environment_id
from .held import Held, hold, hold_entry
from .trees import describe_tree

__all__ = ["HeldAgent", "attributes_to_save", "capture", "capture_parts", "hold_agent"]


def capture(
    model: BaseAlgorithm,
    *,
    exclude: Collection[str] = (),
    include: Collection[str] = (),
    normalization: Normalization | None = None,
    pickles: bool = True,
    known: Mapping[str, Entry] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Contents:
    """Everything of a live agent that an archive holds; tensors are described, not copied.

    ``pickles`` says whether pickles will be written, which is what the size of data is reckoned with. ``known`` are
    entries by name that were made already, and are taken as they are. ``limits`` are those of whoever will read it.
    """
    environment = find_environment_id(model)
    held = hold_agent(model, exclude=exclude, include=include, environment=environment, known=known)
    return held.contents(normalization=normalization, pickles=pickles, limits=limits)


def capture_parts(
    attributes: Mapping[str, Any],
    parameters: Mapping[str, Any],
    variables: Mapping[str, Any],
    *,
    needed: frozenset[str],
) -> Contents:
    """The contents of an archive without a model, from attributes, state dicts and other tensors by name.

    ``needed`` are the attributes that stay, however large they are. The algorithm is left empty.
    """
    held, refused = _hold_each(attributes)
    agent = HeldAgent(
        kind=None, attributes=held, refused=refused, needed=needed, parameters=parameters, variables=variables
    )
    return agent.contents()


@dataclass(frozen=True, kw_only=True)
class HeldAgent:
    """What an agent was at one moment; only its tensors are the live ones.

    ``kind`` is its class, where there is one. ``attributes`` are held by name, ``refused`` says why others could not
    be, and ``needed`` names those that stay, however large they are; ``parameters`` are state dicts by name and
    ``variables`` other tensors.
    """

    kind: type[BaseAlgorithm] | None
    attributes: Mapping[str, Held]
    refused: Mapping[str, str]
    needed: frozenset[str]
    parameters: Mapping[str, Any]
    variables: Mapping[str, Any]
    environment: str | None = None

    def contents(
        self,
        *,
        normalization: Normalization | None = None,
        pickles: bool = True,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Contents:
        """What an archive holds of it; see :func:`capture`."""
        left_out = dict(self.refused)
        shortened: dict[str, str] = {}
        allowance = Allowance(self.needed, left_out, pickles=pickles, limits=limits)
        for name, held in self.attributes.items():
            try:
                allowance.add(name, held(shortened))
            except StrongboxError as error:
                left_out[name] = without_machine(error.problem)
        return Contents(
            algorithm="" if self.kind is None else f"{self.kind.__module__}.{self.kind.__qualname__}",
            data=allowance.entries,
            parameters={name: describe_tree(state, name) for name, state in self.parameters.items()},
            variables=describe_tree(self.variables, "variables"),
            sb3_version=stable_baselines3.__version__,
            system_info=_system_info(),
            normalization=normalization,
            environment=self.environment,
            left_out=left_out,
            shortened={key: note for key, note in shortened.items() if key.partition(":")[0] not in left_out},
        )


def hold_agent(
    model: BaseAlgorithm,
    *,
    exclude: Collection[str] = (),
    include: Collection[str] = (),
    environment: str | None = None,
    known: Mapping[str, Entry] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> HeldAgent:
    """Hold an agent as it is now, ``environment`` being the id of the one that it was trained in.

    ``known`` are entries by name that were made already, and are taken as they are; ``parameters`` are the agent's
    state dicts where they were copied already.
    """
    known = known or {}
    attributes = attributes_to_save(model, exclude=exclude, include=include)
    held, refused = _hold_each(attributes, known)
    names = model._get_torch_save_params()[1]
    return HeldAgent(
        kind=type(model),
        attributes=held,
        refused=refused,
        needed=needed_names(type(model)) | known.keys(),
        parameters=model.get_parameters() if parameters is None else parameters,
        variables={name: functools.reduce(getattr, name.split("."), model) for name in names},
        environment=environment,
    )


def _hold_each(
    attributes: Mapping[str, Any], known: Mapping[str, Entry] = {}
) -> tuple[dict[str, Held], dict[str, str]]:
    """Attributes held by name, and why others could not be."""
    held: dict[str, Held] = {}
    refused: dict[str, str] = {}
    for name, attribute in attributes.items():
        try:
            held[name] = hold_entry(known[name]) if name in known else hold(name, attribute)
        except StrongboxError as error:
            refused[name] = without_machine(error.problem)
    return held, refused


def attributes_to_save(
    model: BaseAlgorithm, *, exclude: Collection[str] = (), include: Collection[str] = ()
) -> dict[str, Any]:
    """The attributes that SB3 would save, by name, in order."""
    excluded = (set(exclude) | set(model._excluded_save_params())) - set(include)
    for names in model._get_torch_save_params():
        excluded.update(name.split(".")[0] for name in names)
    return {name: model.__dict__[name] for name in sorted(model.__dict__) if name not in excluded}


@functools.lru_cache(maxsize=1)
def _system_info() -> str:
    text: str = get_system_info(print_info=False)[1]
    return text
