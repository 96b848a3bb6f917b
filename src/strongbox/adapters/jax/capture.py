"""What of a live agent of sbx is JAX's, as entries of data.

Nothing of it can be done without, and much of it may be large: so it is captured under limits that the caller may
raise, and what cannot be kept is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...archive import Typed
from ...conversion import note_shortened
from ...errors import LimitError, UnsupportedError
from ...limits import Limits
from ...pickles import encode
from ...values import FlaxModule, JaxPolicy, TrainState, describe, find_opaque, to_value
from ..allowance import Allowance
from ..foreign import pickle_bounded, read_nodes, unshare

__all__ = ["capture_parts"]

OF_JAX = frozenset(("flax", "jax", "jaxlib", "sbx"))


def capture_parts(
    attributes: Mapping[str, Any], *, limits: Limits, shortened: dict[str, str], pickles: bool
) -> dict[str, Typed]:
    """The entries of attributes that are policies, modules, states or arrays; what was cut out goes to ``shortened``.

    Raises UnsupportedError or LimitError, naming the attribute, for one that an archive may not hold.
    """
    entries: dict[str, Typed] = {}
    for name, attribute in attributes.items():
        if not isinstance(attribute, type) and _is_of_jax(type(attribute)):
            try:
                entries[name] = _entry(name, attribute, limits, shortened)
            except (LimitError, UnsupportedError) as error:
                error.problem = f"{name}, which the agent cannot do without: {error.problem}"
                error.hint = error.hint or RAISE
                raise
    _require_room(entries, limits, pickles=pickles)
    return entries


def _require_room(entries: Mapping[str, Typed], limits: Limits, *, pickles: bool) -> None:
    """Raise LimitError where these entries alone are more than data may hold: all else would be left out for them."""
    allowance = Allowance(frozenset(entries), {}, pickles=pickles, limits=limits)
    for name, entry in entries.items():
        allowance.add(name, entry)
    for limit, most in allowance.lacking.items():
        raise LimitError(
            f"expected networks and optimizers of at most {most}, found more.",
            hint=f"Raise limits=Limits({limit}=...); whoever reads the archive must do the same.",
        )


RAISE = (
    "Where its networks are large, raise limits=Limits(pickle_bytes=..., data_bytes=...); "
    "whoever reads the archive must do the same."
)


def _is_of_jax(kind: type) -> bool:
    return any(cls.__module__.partition(".")[0] in OF_JAX for cls in kind.__mro__)


def _entry(name: str, attribute: Any, limits: Limits, shortened: dict[str, str]) -> Typed:
    content = pickle_bounded(attribute, largest=limits.pickle_bytes)
    decoded, paths = read_nodes(content, limits=limits)
    note_shortened(name, paths, shortened)
    value = to_value(decoded, limits=limits)
    whole = any(find_opaque(value)) or decoded.popped or decoded.cyclic
    pickle = encode(decoded if whole else unshare(decoded.root), limits=limits)
    return Typed(type=str(type(attribute)), value=value, pickle=pickle, attributes=_shown(value))


def _shown(value: Any) -> dict[str, str]:
    """The attributes that stand beside an entry for people to read."""
    if isinstance(value, JaxPolicy):
        return _described(value.attributes)
    if isinstance(value, FlaxModule):
        return _described(value.fields)
    return {"step": describe(value.step), **_described(value.trees)} if isinstance(value, TrainState) else {}


def _described(named: Mapping[str, Any]) -> dict[str, str]:
    return {name: describe(item) for name, item in named.items()}
