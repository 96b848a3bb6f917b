"""Exporting a policy: one file that acts elsewhere, run beside the policy before it is written.

What kind of file is told by its name: ``.onnx`` (``onnx.py``), ``.zip`` and ``.npz`` (``packed.py``). Whatever
is made is run on drawn observations against the numpy policy (``comparison.py``); a file that would act
otherwise is not written, and one that was there stays as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..container import replace_file
from ..errors import MismatchError
from ..values import Normalization
from .comparison import Comparison, compare_graphs, compare_onnx
from .description import Description
from .layers import Array
from .onnx import acting_graph, build_model, make_metadata, model_bytes
from .packed import pack_npz, pack_zip

if TYPE_CHECKING:
    from .policy import Policy
from ..records import record

__all__ = ["KINDS", "Acting", "ExportReport", "export_policy"]

KINDS = (".onnx", ".npz", ".zip")


@record(frozen=True, eq=False)
class Acting:
    """What a policy is made of: its description, the weights of its actor by name, statistics; and from which file."""

    description: Description
    weights: Mapping[str, Array]
    normalization: Normalization | None
    path: str | None


@record(frozen=True, kw_only=True)
class ExportReport:
    """What was written: the file, its kind and size in bytes, and how far it is from the numpy policy.

    ``largest_difference`` is that of a number of an action (or state), relative to its size, over
    ``compared`` observations; ``uncertain`` numbers were further off than 1e-5 where float32 in another
    order of addition is, too; ``tied`` discrete actions are others that are as good within rounding.
    """

    path: str
    kind: str
    size: int
    largest_difference: float
    compared: int
    uncertain: int
    tied: int

    def __str__(self) -> str:
        lines = [
            f"{self.path}: {self.size:,} bytes",
            f"  largest difference  {self.largest_difference:.2g} over {self.compared:,} observations",
        ]
        if self.uncertain:
            lines.append(f"  uncertain           {self.uncertain} numbers, where float32 is no more exact")
        if self.tied:
            lines.append(f"  tied                {self.tied} discrete actions, as good within rounding")
        return "\n".join(lines)


def export_policy(
    policy: Policy,
    acting: Acting,
    file: str | os.PathLike[str],
    *,
    outputs: Collection[str] = (),
    durable: bool = True,
) -> ExportReport:
    """Write a policy into a file of its own; see :meth:`Policy.export`."""
    kind = Path(file).suffix.lower()
    if kind not in KINDS:
        raise MismatchError(
            f"expected a file that ends in {', '.join(KINDS[:-1])} or {KINDS[-1]}, found {os.fspath(file)!r}."
        )
    if acting.path is not None and os.path.realpath(file) == os.path.realpath(acting.path):
        raise MismatchError(
            "expected another file than the one that the policy was read from, which holds more than acting takes.",
            path=os.fspath(file),
        )
    if outputs and kind != ".onnx":
        raise MismatchError(f"expected further outputs for .onnx alone, found some for {kind}.")
    if kind == ".onnx":
        content, comparison = _make_onnx(policy, outputs)
    else:
        content, comparison = _make_packed(policy, acting, pack_zip if kind == ".zip" else pack_npz)
    with replace_file(file, durable=durable) as target:
        target.write(content)
    return ExportReport(
        path=os.fspath(file),
        kind=kind[1:],
        size=len(content),
        largest_difference=comparison.largest_difference,
        compared=comparison.compared,
        uncertain=comparison.uncertain,
        tied=comparison.tied,
    )


def _make_onnx(policy: Policy, outputs: Collection[str]) -> tuple[bytes, Comparison]:
    graph = acting_graph(policy.graph, outputs)
    metadata = make_metadata(policy)
    model = build_model(graph, name=policy.spec.algorithm or policy.spec.policy_class)
    spec = policy.spec
    comparison = compare_onnx(graph, model_bytes(model, metadata), spec.action_space, spec.observation_space)
    # Two digits, so that the same policy gives the same bytes on machines that add up in another order.
    metadata["largest_difference"] = f"{comparison.largest_difference:.1e}"
    metadata["compared"] = str(comparison.compared)
    return model_bytes(model, metadata), comparison


def _make_packed(
    policy: Policy, acting: Acting, pack: Callable[[Description, Mapping[str, Array], Normalization | None], bytes]
) -> tuple[bytes, Comparison]:
    from .open import open_policy

    content = pack(acting.description, acting.weights, acting.normalization)
    graph, again = acting_graph(policy.graph), acting_graph(open_policy(content).graph)
    return content, compare_graphs(graph, again, policy.spec.action_space, policy.spec.observation_space)
