"""A policy's graph as an ONNX model: one file, from the raw observation to the action, for any engine.

Inputs are those of the graph: ``observation``, or ``observation.KEY`` for each key of a dictionary;
``action_masks`` (required here; all true changes nothing); ``hidden``, ``cell`` and ``episode_start``.
Outputs are ``action``, and ``next_hidden`` and ``next_cell`` of a recurrent policy. The batch is the axis
named ``batch``. ``metadata_props`` hold what a program needs to know besides:

==============================  ==========================================================================
``strongbox.version``           the version of Strongbox that wrote the file
``strongbox.algorithm``         the full name of the agent's class
``strongbox.policy_class``      the full name of the policy's class
``strongbox.environment``       the id of the environment that the agent was trained in, where that is known
``strongbox.observation_space`` both spaces in portable form (docs/format-portable.md)
``strongbox.action_space``
``strongbox.applied``           what the graph does besides the network: normalized, clipped, …
``strongbox.source_sha256``     the digest of the archive's ``policy.pth``
``strongbox.largest_difference`` between this graph, run by onnxruntime, and the numpy policy
``strongbox.compared``          on how many observations that was measured
==============================  ==========================================================================

The same policy gives the same bytes. Opset 17 and version 8 of the format are what engines in browsers and on
small computers read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy

from .. import _version
from ..errors import MismatchError, MissingExtra, UnsupportedError
from ..values import to_portable
from .graph import Graph
from .layers import Array, Value
from .onnx_operators import Operator, list_operators

if TYPE_CHECKING:
    from .policy import Policy

__all__ = ["IR_VERSION", "OPSET", "PREFIX", "acting_graph", "build_model", "make_metadata", "model_bytes"]

OPSET = 17
IR_VERSION = 8
"""https://github.com/onnx/onnx/blob/main/docs/Versioning.md: the format of the release that brought opset 17."""
PREFIX = "strongbox."
LARGEST = (1 << 31) - (1 << 20)
"""Bytes that one protobuf message may have, and some room for all but the weights."""


def acting_graph(graph: Graph, outputs: Iterable[str] = ()) -> Graph:
    """The part of a graph that acts: the action, the next states, and ``outputs`` besides."""
    states = [name for name in ("next_hidden", "next_cell") if name in graph.outputs]
    wanted = dict.fromkeys(["action", *states, *outputs])
    unknown = [name for name in wanted if name not in graph.outputs]
    if unknown:
        raise MismatchError(
            f"expected outputs that the policy has, found {unknown[0]!r}.",
            hint=f"It has {', '.join(sorted(graph.outputs))}.",
        )
    return graph.for_outputs(wanted)


def build_model(graph: Graph, *, name: str) -> Any:
    """The ``onnx.ModelProto`` of a graph, checked by onnx itself; ``name`` is the graph's.

    Raises MissingExtra without onnx, UnsupportedError where a name is no text or the weights are too large.
    """
    onnx = _import_onnx()
    _expect_writable(graph)
    operators = list_operators(graph)
    helper = onnx.helper
    made = helper.make_graph(
        [_operator(onnx, operator) for operator in operators.operators],
        name,
        [_value(onnx, item.name, item.value) for item in graph.inputs],
        [_value(onnx, name, graph.values[value]) for name, value in graph.outputs.items()],
        [_constant(onnx, name, array) for name, array in operators.constants.items()],
    )
    model = helper.make_model(
        made,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="strongbox",
        producer_version=_version.__version__,
    )
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise UnsupportedError(f"expected a graph that ONNX allows, found: {str(error)[:300]}.") from error
    return model


def make_metadata(policy: Policy) -> dict[str, str]:
    """What the model's ``metadata_props`` say of a policy."""
    spec = policy.spec
    applied = {
        "normalized": list(spec.normalized),
        "scaled_images": list(spec.scaled_images),
        "clipped": spec.clipped,
        "unscaled": spec.unscaled,
        "masked": spec.masked,
        "recurrent": spec.recurrent,
    }
    return {
        "version": _version.__version__,
        "algorithm": spec.algorithm or "",
        "policy_class": spec.policy_class,
        **({} if spec.environment is None else {"environment": spec.environment}),
        "observation_space": _json(to_portable(spec.observation_space)),
        "action_space": _json(to_portable(spec.action_space)),
        "applied": _json(applied),
        "source_sha256": policy.source_sha256 or "",
    }


def model_bytes(model: Any, metadata: Mapping[str, str]) -> bytes:
    """The model with these metadata as the bytes of a file, the same for the same model."""
    del model.metadata_props[:]
    for name in sorted(metadata):
        model.metadata_props.add(key=PREFIX + name, value=metadata[name])
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _import_onnx() -> Any:
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.shape_inference
    except ImportError:
        raise MissingExtra("onnx", "onnx", "writing an ONNX file") from None
    return onnx


def _expect_writable(graph: Graph) -> None:
    """Protobuf takes text of Unicode alone, and no message of two gigabytes."""
    for name in graph.values:
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            raise UnsupportedError(f"expected keys of observations that are text, found {name!r}.") from None
    size = sum(array.nbytes for array in graph.weights())
    if size > LARGEST:
        raise UnsupportedError(f"expected weights of less than 2 GB for ONNX, found {size:,} bytes.")


def _operator(onnx: Any, operator: Operator) -> Any:
    attributes: dict[str, Any] = dict(operator.attributes)
    dtype = attributes.pop("to_dtype", None)
    if dtype is not None:
        attributes["to"] = _dtype(onnx, dtype)
    name = operator.outputs[0]
    return onnx.helper.make_node(operator.kind, operator.inputs, operator.outputs, name=name, **attributes)


def _constant(onnx: Any, name: str, array: Array) -> Any:
    """Little-endian bytes, row by row, whatever the machine has."""
    content = numpy.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return onnx.helper.make_tensor(name, _dtype(onnx, array.dtype.name), array.shape, content, raw=True)


def _value(onnx: Any, name: str, value: Value) -> Any:
    shape = (*value.shape[: value.batch_axis], "batch", *value.shape[value.batch_axis :])
    return onnx.helper.make_tensor_value_info(name, _dtype(onnx, value.dtype), shape)


def _dtype(onnx: Any, name: str) -> int:
    try:
        return int(onnx.helper.np_dtype_to_tensor_dtype(numpy.dtype(name)))
    except (KeyError, ValueError, TypeError):
        raise UnsupportedError(f"expected numbers of a dtype that ONNX has, found {name}.") from None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)
