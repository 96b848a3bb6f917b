"""What a caller asks of a load: names, replacements, trust and a device, checked before anything is done.

A request that cannot mean anything is an error that says what would: silently ignored, a mistyped name
would leave the caller with another agent than the one asked for.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ..archive import Archive
from ..errors import MismatchError, StrongboxError
from ..values import ClassReference, FunctionReference

__all__ = [
    "check_names",
    "check_request",
    "check_trust",
    "read_names",
    "read_replacements",
    "read_trust",
    "refuse_beside_into",
    "refuse_twice",
]

PICKLE = "pickle"
"""The word by which a caller trusts the pickles of an archive."""


def read_names(names: Any, option: str) -> frozenset[str]:
    """Names from one name, a collection of names, or None for none; raises MismatchError for anything else."""
    if names is None:
        return frozenset()
    listed = (names,) if isinstance(names, str) else names
    if not (isinstance(listed, Collection) and all(isinstance(name, str) for name in listed)):
        raise MismatchError(
            f"expected a name or names in {option}, found {type(names).__name__}.", hint=f'Give text: {option}=["..."].'
        )
    return frozenset(listed)


def read_trust(trust: Any) -> tuple[frozenset[str], bool]:
    """The classes that a caller trusts by name, and whether pickles are trusted too."""
    names = read_names(trust, "trust")
    return names - {PICKLE}, PICKLE in names


def read_replacements(replacements: Any) -> dict[str, Any]:
    """Objects of the caller by name; None is none."""
    if replacements is not None and not isinstance(replacements, Mapping):
        raise MismatchError(
            f"expected a mapping from names to objects in custom_objects, found {type(replacements).__name__}.",
            hint="Give one: custom_objects={'learning_rate': 1e-4}.",
        )
    return dict(replacements or {})


def check_request(*, env: Any, device: Any, cls: Any) -> None:
    """Raise MismatchError for an environment, a device or a class that is none."""
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.utils import get_device

    if cls is not None and not (isinstance(cls, type) and issubclass(cls, BaseAlgorithm)):
        raise MismatchError(
            f"expected the class of an algorithm in cls, found {_shown(cls)}.", hint="Give one, such as cls=PPO."
        )
    if env is not None and not hasattr(env, "observation_space"):
        given = repr(env) if isinstance(env, str) else "..."
        raise MismatchError(
            f"expected an environment in env, found {_shown(env)}.",
            hint=f"Make it first: env=gymnasium.make({given}).",
        )
    try:
        get_device(device)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise MismatchError(
            f"expected a device of torch, found {_shown(device)}.", hint='Give "auto", "cpu" or "cuda".'
        ) from error


def _shown(given: Any) -> str:
    return repr(given) if isinstance(given, str | int) or type(given).__name__ == "device" else type(given).__name__


def refuse_twice(overrides: Iterable[str], replacements: Collection[str]) -> None:
    """Raise MismatchError for a setting that is given as an argument and in custom_objects, too."""
    for name in overrides:
        if name in replacements:
            raise MismatchError(f"expected {name!r} once, found it in custom_objects, too.")


def refuse_beside_into(given: Iterable[str]) -> None:
    """Raise MismatchError for options that are about a model yet to be made, where there is one."""
    for name in given:
        raise MismatchError(
            f"expected no {name} beside into, whose model has its own, found one.", hint=f"Leave out {name}, or into."
        )


def check_names(option: str, names: Iterable[str], known: Collection[str]) -> None:
    """Raise MismatchError for a name that an archive does not have, with those near to it."""
    for name in names:
        if name not in known:
            raise MismatchError(
                f"expected names that the archive has in {option}, found {name!r}.", hint=_near(name, known)
            )


def check_trust(trusted: Collection[str], archive: Archive) -> None:
    """Raise MismatchError for a trusted name that nothing in an archive's data uses."""
    if not trusted:
        return
    used = {archive.algorithm, *(name for key in archive.data for name in _names_used(archive, key))} - {None}
    for name in trusted:
        if name not in used:
            raise MismatchError(
                f"expected names that the archive uses in trust, found {name!r}, which it does not.",
                hint=_near(name, {each for each in used if each}),
            )


def _near(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3) or sorted(known)
    return f"Names near to it: {', '.join(near[:5])}."


def _names_used(archive: Archive, key: str) -> Iterator[str]:
    """The classes and functions that an attribute's value names, and, where it has one, its pickle."""
    yield from _references(archive.data[key])
    try:
        decoded = archive.data.decoded(key)
    except StrongboxError:
        return
    if decoded is not None:
        yield from (f"{item.module}.{item.name}" for item in decoded.globals)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, ClassReference | FunctionReference):
        yield value.path
    elif isinstance(value, Mapping):
        for pair in value.items():
            yield from _references(pair)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _references(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from _references(getattr(value, each.name))
