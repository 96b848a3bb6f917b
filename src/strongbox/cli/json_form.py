"""The summary as data: what ``--json`` prints, the same facts as the page.

JSON knows no NaN and no infinity; they stand as the texts ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.
A value that Strongbox understands stands in its portable form (docs/format.md). One with parts that it
does not understand is an object tagged ``"opaque"``, with the types and reasons of these parts by path.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..values import Opaque, describe, find_opaque, normalization_to_json, to_portable
from .networks import Layer, Network
from .summary import MovingSchedule, Summary
from .training import Training

__all__ = ["opaque_json", "strict_json", "summary_json", "value_json"]


def summary_json(summary: Summary) -> dict[str, Any]:
    """A summary as one object of plain data, strictly valid as JSON."""
    normalization = summary.normalization
    return {
        "path": summary.path,
        "size": summary.size,
        "algorithm": summary.algorithm,
        "algorithm_evidence": summary.algorithm_evidence,
        "environment": summary.environment,
        "writer": summary.writer,
        "versions": dict(summary.versions),
        "spaces": _values(summary.spaces),
        "schedules": {name: _schedule(moving) for name, moving in summary.schedules.items()},
        "training": _training(summary.training),
        "hyperparameters": _values(summary.hyperparameters),
        "state": _values(summary.state),
        "parameters": summary.parameters,
        "networks": [_network(network) for network in summary.networks],
        "variables": [_network(network) for network in summary.variables],
        "optimizers": [strict_json(asdict(optimizer)) for optimizer in summary.optimizers],
        "members": dict(summary.members),
        "normalization": None if normalization is None else strict_json(normalization_to_json(normalization)),
        "opaque": opaque_json(summary.opaque),
        "left_out": dict(summary.left_out),
        "shared": dict(summary.shared),
        "missing": {missing.name: missing.consequence for missing in summary.missing},
        "remarks": list(summary.remarks),
        "problems": [
            {"where": problem.where, "problem": problem.problem, "hint": problem.hint} for problem in summary.problems
        ],
    }


def value_json(value: Any) -> Any:
    """One value of data: its portable form, or what is opaque in it."""
    opaque = dict(find_opaque(value))
    return {"$": "opaque", "parts": opaque_json(opaque)} if opaque else strict_json(to_portable(value))


def opaque_json(opaque: Mapping[str, Opaque]) -> dict[str, dict[str, str]]:
    """Types and reasons of opaque parts by their path."""
    return {path: {"type": part.type, "reason": part.reason} for path, part in opaque.items()}


def strict_json(value: Any) -> Any:
    """The same plain data with the numbers that JSON does not know as texts."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: strict_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict_json(item) for item in value]
    return value


def _values(named: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value_json(value) for name, value in named.items()}


def _schedule(moving: MovingSchedule) -> dict[str, Any]:
    return {
        "text": describe(moving.schedule),
        "value": value_json(moving.schedule),
        "aliases": list(moving.aliases),
        "points": strict_json(moving.points),
    }


def _training(training: Training) -> dict[str, Any]:
    return {**strict_json(asdict(training)), "counters": _values(training.counters)}


def _network(network: Network) -> dict[str, Any]:
    return {
        "state_dict": network.state_dict,
        "name": network.name,
        "parameters": network.parameters,
        "layers": [_layer(layer) for layer in network.layers],
    }


def _layer(layer: Layer) -> dict[str, Any]:
    return {**asdict(layer), "tensors": {leaf: list(shape) for leaf, shape in layer.tensors.items()}}
