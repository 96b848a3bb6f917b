"""An agent on its way from an archive to a live model: values and tensors that may still be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..archive import Archive
from ..errors import locate

__all__ = ["Draft", "Live", "Tree", "read_draft"]

Tree = dict[Any, Any]
"""A state dict as the file has it, with Tensor leaves."""


@dataclass(frozen=True)
class Live:
    """An object that the caller gave, which stands for itself."""

    value: Any


@dataclass(kw_only=True)
class Draft:
    """What a model will be made of.

    ``algorithm`` is the full name of the algorithm of SB3 or sb3-contrib that it is, or is derived from.
    ``data`` maps attribute names to values (or :class:`Live` objects of the caller), ``parameters``
    the names of state dicts to their trees, ``variables`` names to tensors. ``version`` is that of
    the SB3 that wrote the archive, as far as it says.
    """

    algorithm: str
    version: str | None
    data: dict[str, Any]
    parameters: dict[str, Tree]
    variables: Tree
    migrated: list[str] = field(default_factory=list)

    @property
    def policy(self) -> Tree:
        """The state dict of the policy; empty where it was skipped."""
        return self.parameters.get("policy", {})

    @property
    def policy_kwargs(self) -> dict[str, Any]:
        """The settings of the policy; empty where they are none that are understood."""
        kwargs = self.data.get("policy_kwargs")
        return kwargs if isinstance(kwargs, dict) else {}

    def change_policy_kwargs(self, **changes: Any) -> None:
        """Change settings of the policy, leaving the archive's own mapping as it is."""
        self.data["policy_kwargs"] = {**self.policy_kwargs, **changes}


def read_draft(archive: Archive, algorithm: str, *, replaced: Mapping[str, Any], skipped: frozenset[str]) -> Draft:
    """Read an archive into a draft, without the names that were skipped or replaced."""
    with locate(path=archive.path):
        data = {name: Live(replaced[name]) if name in replaced else archive.data[name] for name in archive.data}
        parameters = {name: dict(archive.parameters[name].raw) for name in archive.parameters if name not in skipped}
        variables = dict(archive.variables.raw) if archive.variables is not None else {}
    return Draft(
        algorithm=algorithm,
        version=archive.sb3_version,
        data={name: value for name, value in data.items() if name not in skipped},
        parameters=parameters,
        variables={name: tensor for name, tensor in variables.items() if name not in skipped},
    )
