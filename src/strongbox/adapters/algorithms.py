"""Which class a live agent is of: the archive's, or one of the caller's own derived from it."""

from __future__ import annotations

from collections.abc import Collection

from stable_baselines3.common.base_class import BaseAlgorithm

from ..archive import Archive
from ..errors import MismatchError, RefusedError
from ..values import ClassReference
from .classes import ALGORITHMS, find_class

__all__ = ["check_class", "class_path", "find_algorithm"]


def find_algorithm(archive: Archive, *, cls: type | None = None, trust: Collection[str] = ()) -> type[BaseAlgorithm]:
    """The class of an archive's agent; raises MismatchError where ``cls`` is another."""
    named = archive.algorithm
    if cls is not None:
        check_class(cls, archive, asked="cls asks", hint="Leave out cls")
        return cls
    if named is None:
        raise MismatchError(
            f"expected an archive that tells its algorithm, found that {archive.algorithm_evidence}.",
            hint="Say which it is: cls=PPO.",
        )
    module, _, name = named.rpartition(".")
    try:
        found = find_class(ClassReference(module, name), trust=trust)
    except RefusedError as error:
        error.hint = f'If the algorithm is yours, give its class, cls={name}, or name it: trust=["{named}"].'
        raise
    if not (isinstance(found, type) and issubclass(found, BaseAlgorithm)):
        raise MismatchError(f"expected the class of an algorithm, found {named}.")
    return found


def check_class(cls: type, archive: Archive, *, asked: str, hint: str) -> None:
    """Insist that a class is the archive's, or one of the caller's own derived from it.

    ``asked`` says in a message who asks for the class, ``hint`` how to ask for none.
    """
    named, given = archive.algorithm, class_path(cls)
    own = cls.__name__ not in ALGORITHMS.get(cls.__module__, ())
    if named is None or given == named or (own and named in map(class_path, cls.__mro__)):
        return
    raise MismatchError(
        f"expected an agent of {given}, as {asked}, found one of {named} ({archive.algorithm_evidence}).",
        hint=f"{hint}, or give {named.rpartition('.')[2]}.",
    )


def class_path(cls: type) -> str:
    """The full name of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"
