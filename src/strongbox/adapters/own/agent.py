"""An agent as a record of its parts, for one that has no class here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from ...records import record

__all__ = ["Agent"]


@record(frozen=True, kw_only=True, eq=False)
class Agent:
    """An agent of one's own, part by part: what :func:`strongbox.save` takes, and :func:`strongbox.load` gives.

    ``algorithm`` is the full name of its class (``"my_project.ppo.PPO"``), no more than a name. ``data`` maps names to
    plain data: numbers, text, containers of these, spaces, random generators. ``parameters`` maps names to state
    dicts, ``variables`` to single tensors of torch or arrays of numpy. ``left_out`` says by name what an
    archive does not hold of its agent, with the reason.
    """

    algorithm: str
    data: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        parts = (("data", self.data), ("parameters", self.parameters), ("variables", self.variables))
        listed = "; ".join(f"{name}: {', '.join(found)}" for name, found in parts if found)
        return f"<Agent {self.algorithm}: {listed or 'nothing'}>"
