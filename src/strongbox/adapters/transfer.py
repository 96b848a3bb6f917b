"""What a caller asks to be taken from an archive, and under which name: patterns over names of tensors.

A tensor of a network is named by its state dict and its own name (``policy.action_net.weight``), a variable by
its name (``log_ent_coef``), and an optimizer by the name of its state dict (``policy.optimizer``), since what it
keeps goes with the tensors that it optimizes. In ``parameters``, ``freeze`` and ``reset`` a pattern is one of
fnmatch's, upper and lower case being different; in ``rename`` only ``*`` means anything, and stands for the same
text on both sides. ``parameters`` and the left side of ``rename`` speak of the archive's names; ``freeze``,
``reset`` and the right side of the model's.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from ..conversion import Draft, Tree
from ..errors import MismatchError
from .request import read_names

__all__ = ["Transfer", "offered_tensors", "read_transfer", "rename_tensors", "select"]

WAYS = ("error", "skip", "overlap")
"""What may be done with a tensor that does not fit."""

_LISTED = 12


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """What is asked for; ``parameters`` of None are all of them."""

    parameters: frozenset[str] | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    on_mismatch: str = "error"
    freeze: frozenset[str] = frozenset()
    reset: frozenset[str] = frozenset()

    @property
    def given(self) -> dict[str, bool]:
        """Which arguments ask for anything, by name."""
        return {
            "parameters": self.parameters is not None,
            "rename": bool(self.rename),
            "on_mismatch": self.on_mismatch != "error",
            "freeze": bool(self.freeze),
            "reset": bool(self.reset),
        }

    @property
    def ordinary(self) -> bool:
        """Whether everything is to be taken as it is, and has to fit."""
        return self.parameters is None and not self.rename and not self.reset and self.on_mismatch == "error"


def read_transfer(*, parameters: Any, rename: Any, on_mismatch: Any, freeze: Any, reset: Any) -> Transfer:
    """A request as a caller wrote it; raises MismatchError for what cannot mean anything."""
    if on_mismatch not in WAYS:
        raise MismatchError(
            f"expected {', '.join(map(repr, WAYS))} for on_mismatch, found {on_mismatch!r}.",
            hint="overlap copies the block that two shapes have in common, skip leaves such tensors out.",
        )
    if parameters is not None and not read_names(parameters, "parameters"):
        raise MismatchError(
            "expected patterns in parameters, found none.",
            hint='Leave the option out to take all, or give ["policy.*"].',
        )
    return Transfer(
        parameters=None if parameters is None else read_names(parameters, "parameters"),
        rename=_read_rename(rename),
        on_mismatch=on_mismatch,
        freeze=read_names(freeze, "freeze"),
        reset=read_names(reset, "reset"),
    )


def _read_rename(rename: Any) -> dict[str, str]:
    pairs = {} if rename is None else rename
    if not isinstance(pairs, Mapping) or not all(isinstance(text, str) for pair in pairs.items() for text in pair):
        raise MismatchError(
            f"expected a mapping from names to names in rename, found {type(rename).__name__}.",
            hint='Give one: rename={"policy.old.*": "policy.new.*"}.',
        )
    for old, new in pairs.items():
        if old.count("*") != new.count("*"):
            raise MismatchError(f"expected as many * on both sides in rename, found {old!r} and {new!r}.")
    return dict(pairs)


# -- names ------------------------------------------------------------------------------------------


def select(patterns: Iterable[str], names: Collection[str], option: str) -> dict[str, None]:
    """The names that any of the patterns matches, in the order of the names.

    Raises MismatchError for a pattern that matches none, with what there is to choose from.
    """
    patterns = list(patterns)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise MismatchError(
                f"expected patterns that match something in {option}, found {pattern!r}, which matches nothing.",
                hint=_choice(pattern, names),
            )
    return {name: None for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)}


def _choice(pattern: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(pattern, list(names), n=1, cutoff=0.75)
    listed = list(names)[:_LISTED]
    rest = f" and {len(names) - len(listed)} more" if len(names) > len(listed) else ""
    return f"{f'Did you mean {near[0]}? ' if near else ''}There are {', '.join(listed)}{rest}."


def offered_tensors(draft: Draft, optimizers: Collection[str]) -> Tree:
    """Everything of a draft's networks and variables by full name; ``optimizers`` are no networks."""
    found = {
        f"{name}.{key}": tensor
        for name, tree in draft.parameters.items()
        if name not in optimizers
        for key, tensor in tree.items()
    }
    return {**found, **{name: tensor for name, tensor in draft.variables.items() if tensor is not None}}


def rename_tensors(names: Collection[str], rename: Mapping[str, str]) -> dict[str, str]:
    """The new name of each name; raises MismatchError where a pattern matches nothing, or two names become one."""
    found = {name: name for name in names}
    for old, new in rename.items():
        pattern = re.compile("(.*)".join(map(re.escape, old.split("*"))), re.DOTALL)
        matches = {name: match for name in names if (match := pattern.fullmatch(name))}
        if not matches:
            raise MismatchError(
                f"expected patterns that match something in rename, found {old!r}, which matches nothing.",
                hint=_choice(old, names),
            )
        found.update({name: _fill(new, match.groups()) for name, match in matches.items()})
    _check_unique(found)
    return found


def _fill(pattern: str, parts: Iterable[str]) -> str:
    first, *rest = pattern.split("*")
    return first + "".join(part + text for part, text in zip(parts, rest, strict=True))


def _check_unique(renamed: Mapping[str, str]) -> None:
    sources: dict[str, str] = {}
    for name, new in renamed.items():
        if new in sources:
            raise MismatchError(
                f"expected one name for each tensor in rename, found {new!r} for {sources[new]} and {name}."
            )
        sources[new] = name
