"""A live agent of one's own as the contents of an archive: no pickles, tensors described and not copied."""

from __future__ import annotations

import contextlib
import functools
import platform
from collections import OrderedDict
from collections.abc import Collection, Mapping
from importlib import metadata
from typing import Any

import numpy

from ... import _version
from ...archive import Contents, Entry
from ...container import check_name
from ...errors import LimitError, StrongboxError, UnsupportedError
from ...limits import DEFAULT_LIMITS
from ..transfer import select
from .agent import Agent
from .data import NotKept, data_entry
from .dictionaries import without_items
from .kinds import is_jax_array, is_tensor, jax_numbers, uncompiled
from .states import state_tree
from .walk import ARRAY, DATA, STATE, TENSOR, LeftOut, Place, Walk, walk

__all__ = ["capture", "class_name", "contents_of", "survey"]

RESERVED = ("pytorch_variables", "tensors")
"""Names of members that no state dict may have."""

OTHERS = 16
"""Members besides those of state dicts, with some left for what a checkpoint adds."""


def capture(agent: Any, *, exclude: Collection[str] = ()) -> Contents:
    """Everything of an agent that an archive holds; ``agent`` is any object, or a :class:`strongbox.Agent`.

    ``exclude`` are names, or patterns over names, to leave out. Raises MismatchError for one that matches nothing,
    and UnsupportedError where a part has a name that no archive can hold.
    """
    return contents_of(agent, survey(agent, exclude=exclude))


def survey(agent: Any, *, exclude: Collection[str] = ()) -> Walk:
    """The places of an agent that is to be kept: of a live one, or of one that was put together by hand."""
    return walk_record(agent, exclude) if isinstance(agent, Agent) else walk(agent, exclude=exclude)


def class_name(kind: type) -> str:
    """The full name of an agent's class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def contents_of(agent: Any, found: Walk) -> Contents:
    """The contents that the places of an agent come to; adds to ``found.left_out`` what turns out to have no value."""
    data: dict[str, Entry] = {path: data_entry({}) for path in found.tables}
    parameters: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    for place in list(found.places.values()):
        try:
            if place.kind == STATE:
                _add_state(place, data, parameters)
            elif place.kind == DATA:
                _add_data(place, data, found)
            else:
                variables[place.path] = _variable(place)
        except LimitError as error:
            error.hint = f'Leave it out, exclude=["{place.path}"], or keep it as an array.'
            raise
        except StrongboxError as error:
            if place.kind != DATA:
                raise
            is_state = not isinstance(error, NotKept) or error.is_state
            found.left_out[place.path] = LeftOut(error.problem.rstrip("."), is_state)
    _check_names(parameters)
    gone = found.left_out.keys()
    return Contents(
        algorithm=agent.algorithm if isinstance(agent, Agent) else class_name(type(uncompiled(agent))),
        data=dict(sorted(data.items())),
        parameters=dict(sorted(parameters.items())),
        variables=OrderedDict(sorted(variables.items())),
        system_info=_system_info(),
        left_out={path: left.reason for path, left in sorted(found.left_out.items())},
        arrays=tuple(sorted(place.path for place in found.of(ARRAY))),
        shared={path: kept for path, kept in sorted(found.shared.items()) if kept and kept not in gone},
    )


def walk_record(agent: Agent, exclude: Collection[str] = ()) -> Walk:
    """The places of an agent that was put together by hand."""
    found = Walk()
    for name, tree in agent.parameters.items():
        found.places[name] = Place(name, STATE, _Given(tree), _nowhere)
    for name, value in agent.variables.items():
        kind = ARRAY if isinstance(value, numpy.ndarray) else TENSOR
        if not (kind == ARRAY or is_tensor(value) or is_jax_array(value)):
            raise UnsupportedError(f"expected a tensor or an array for {name!r}, found {type(value).__name__}.")
        _claim(found, name, Place(name, kind, value, _nowhere))
    for name, value in agent.data.items():
        _claim(found, name, Place(name, DATA, value, _nowhere))
    for name in select(exclude, sorted(found.places), "exclude"):
        del found.places[name]
        found.left_out[name] = LeftOut("it was left out on request", is_state=False)
    return found


class _Given:
    """A state dict that was given as such."""

    def __init__(self, tree: Any) -> None:
        self._tree = tree

    def state_dict(self) -> Any:
        return self._tree


def _claim(found: Walk, name: str, place: Place) -> None:
    if name in found.places:
        raise UnsupportedError(f"expected one part of the agent under each name, found two under {name!r}.")
    found.places[name] = place


def _nowhere(value: Any) -> None:
    """What was put together by hand is not filled."""


# -- one place ------------------------------------------------------------------------------------


def _add_state(place: Place, data: dict[str, Entry], parameters: dict[str, Any]) -> None:
    """A state dict as a file of tensors, or as data where such a file cannot hold it."""
    state = place.live.state_dict()
    tree = state_tree(state, place.path)
    if tree is not None:
        parameters[place.path] = tree
        return
    try:
        data[place.path] = data_entry(state)
    except StrongboxError as error:
        raise UnsupportedError(
            f"expected a state dict of tensors and plain data from {place.path!r}, found another: {error.problem}",
            hint=f'Leave it out: exclude=["{place.path}"].',
        ) from error


def _add_data(place: Place, data: dict[str, Entry], found: Walk) -> None:
    """Plain data; a dictionary without the items that have no value, which are left out by name."""
    try:
        data[place.path] = data_entry(place.live)
    except NotKept:
        kept, left = without_items(place.live, place.path)
        if not kept:
            raise
        data[place.path] = data_entry(kept)
        found.left_out.update({path: LeftOut(error.problem, error.is_state) for path, error in left.items()})


def _variable(place: Place) -> Any:
    if place.kind == TENSOR and is_tensor(place.live):
        from ..trees import describe_tensor

        return describe_tensor(place.live, place.path)
    return numpy.asarray(jax_numbers(place.live) if is_jax_array(place.live) else place.live)


def _check_names(parameters: Mapping[str, Any]) -> None:
    for name in parameters:
        try:
            check_name(f"{name}.pth")
            fits = name not in RESERVED and "/" not in name
        except StrongboxError:
            fits = False
        if not fits:
            raise UnsupportedError(
                f"expected names that a file may have, found {name!r} as that of a state dict.",
                hint="Give the attribute or key another name.",
            )
    seen: dict[str, str] = {}
    for name in parameters:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise UnsupportedError(
                f"expected names that differ in more than the case of letters, found {other!r} and {name!r}.",
                hint="Give one of the attributes another name: not every system keeps such files apart.",
            )
    if len(parameters) > DEFAULT_LIMITS.members - OTHERS:
        raise UnsupportedError(
            f"expected at most {DEFAULT_LIMITS.members - OTHERS} state dicts in one agent, found {len(parameters):,}.",
            hint="Put networks together: torch.nn.ModuleList and ModuleDict are one state dict each.",
        )


@functools.lru_cache(maxsize=1)
def _system_info() -> str:
    """The versions of what is installed, whether or not it has been imported: the same at every save."""
    versions = {"Python": platform.python_version(), "Strongbox": _version.__version__}
    for shown, name in (("Numpy", "numpy"), ("PyTorch", "torch"), ("Gymnasium", "gymnasium"), ("JAX", "jax")):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[shown] = metadata.version(name)
    return "".join(f"- {shown}: {version}\n" for shown, version in versions.items())
