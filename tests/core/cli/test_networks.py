"""Layers out of the names and shapes of tensors, as torch and SB3 write them."""

from __future__ import annotations

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongbox.cli.networks import Layer, group_layers, group_networks
from strongbox.tensors import DTYPES, Geometry, Storage, Tensor, contiguous_strides
from tests.core.cli.archives import EXAMPLES

Shape = tuple[int, ...]


def shaped(shape: Shape, storage: Storage | None = None, *, dtype: str = "float32", offset: int = 0) -> Tensor:
    """A tensor of a shape, whose storage is its own unless one is given; never read."""
    storage = storage or Storage("0", dtype, prod(shape) * DTYPES[dtype].itemsize, lambda: b"")
    return Tensor(dtype, Geometry(shape, contiguous_strides(shape), offset), storage)


def layers(**shapes: Shape) -> list[Layer]:
    return list(group_layers([(f"net.{leaf}", shaped(shape)) for leaf, shape in shapes.items()]))


@pytest.mark.parametrize(
    ("leaves", "kind", "form", "parameters", "buffers"),
    [
        ({"weight": (64, 4), "bias": (64,)}, "Linear", "4 → 64", 320, 0),
        ({"weight": (64, 4)}, "Linear", "4 → 64, no bias", 256, 0),
        ({"weight": (32, 4, 8, 8), "bias": (32,)}, "Conv2d", "4 → 32, kernel 8×8", 8224, 0),
        ({"weight": (32, 4, 5)}, "Conv1d", "4 → 32, kernel 5, no bias", 640, 0),
        ({"weight": (2, 3, 4, 5, 6), "bias": (2,)}, "Conv3d", "3 → 2, kernel 4×5×6", 722, 0),
        ({"weight": (16,), "bias": (16,)}, "Norm", "16", 32, 0),
        ({"kernel": (4, 64), "bias": (64,)}, "Dense", "4 → 64", 320, 0),
        ({"kernel": (4, 64)}, "Dense", "4 → 64, no bias", 256, 0),
        ({"kernel": (2, 4, 64), "bias": (2, 64)}, "Dense", "4 → 64, 2 times", 640, 0),
        ({"kernel": (8, 8, 4, 32), "bias": (32,)}, "Conv", "4 → 32, kernel 8×8", 8224, 0),
        ({"scale": (2, 8), "bias": (2, 8)}, "Norm", "2×8", 32, 0),
        ({"mean": (8,), "var": (8,)}, "Statistics", "8", 16, 0),
        (
            {"weight": (8,), "bias": (8,), "running_mean": (8,), "running_var": (8,), "num_batches_tracked": ()},
            "BatchNorm",
            "8",
            16,
            17,
        ),
        ({"scale": (8,), "bias": (8,), "ra_mean": (8,), "ra_var": (8,), "steps": ()}, "BatchRenorm", "8", 16, 17),
        (
            {"weight_ih_l0": (1024, 4), "weight_hh_l0": (1024, 256), "bias_ih_l0": (1024,), "bias_hh_l0": (1024,)},
            "LSTM",
            "4 → 256",
            268_288,
            0,
        ),
        (
            {"weight_ih_l0": (12, 5), "weight_hh_l0": (12, 4), "weight_ih_l1": (12, 4), "weight_hh_l1": (12, 4)},
            "GRU",
            "5 → 4, 2 layers",
            204,
            0,
        ),
        ({"in_proj_weight": (24, 8), "in_proj_bias": (24,)}, "MultiheadAttention", "8", 216, 0),
    ],
)
def test_modules_are_recognised(leaves: dict[str, Shape], kind: str, form: str, parameters: int, buffers: int) -> None:
    (layer,) = layers(**leaves)
    assert (layer.name, layer.kind, layer.form) == ("net", kind, form)
    assert (layer.parameters, layer.buffers) == (parameters, buffers)


@pytest.mark.parametrize(
    "leaves",
    [
        {"log_std": (2,)},
        {"weight": (4, 4), "bias": (3,)},
        {"weight": ()},
        {"weight_mu": (4, 4), "weight_sigma": (4, 4)},
        {"weight_ih_l0": (10, 4), "weight_hh_l0": (10, 3)},
        {"weight_ih_l0": (10, 4), "weight_hh_l0": (10, 0)},
        {"weight": (1, 2, 3, 4, 5, 6, 7, 8)},
    ],
)
def test_everything_else_is_its_tensors(leaves: dict[str, Shape]) -> None:
    assert [(layer.name, layer.kind) for layer in layers(**leaves)] == [(f"net.{leaf}", "Tensor") for leaf in leaves]


def test_a_name_without_a_module() -> None:
    (layer,) = group_layers([("log_std", shaped((2,)))])
    assert (layer.name, layer.kind, layer.form, layer.parameters) == ("log_std", "Tensor", "2", 2)


def test_networks_are_the_first_part_of_the_names() -> None:
    names = ["log_std", "actor.mu.weight", "actor.latent_pi.0.weight", "critic.qf0.0.weight"]
    networks = group_networks("policy", [(name, shaped((3, 2))) for name in names])
    assert [(network.name, network.parameters) for network in networks] == [
        ("log_std", 6),
        ("actor", 12),
        ("critic", 6),
    ]


def test_shared_tensors_are_counted_once() -> None:
    weight, bias = shaped((8, 4)), shaped((8,))
    names = ["features_extractor", "pi_features_extractor"]
    tensors = [
        (f"{name}.linear.{leaf}", tensor) for name in names for leaf, tensor in (("weight", weight), ("bias", bias))
    ]
    first, second = group_networks("policy", tensors)
    assert (first.parameters, first.layers[0].shared_with) == (40, None)
    assert (second.parameters, second.layers[0].shared_with) == (0, "features_extractor.linear")


def test_parts_of_one_storage_are_not_shared() -> None:
    storage = Storage("0", "float32", 32, lambda: b"")
    tensors = [("a", shaped((4,), storage)), ("b", shaped((4,), storage, offset=4))]
    assert [layer.shared for layer in group_layers(tensors)] == [0, 0]


def test_types_of_elements_are_told() -> None:
    assert [layer.dtype for layer in group_layers([("a", shaped((1,), dtype="bfloat16"))])] == ["bfloat16"]


leaf_names = st.sampled_from(
    [
        "weight",
        "bias",
        "running_mean",
        "running_var",
        "ra_mean",
        "ra_var",
        "steps",
        "weight_ih_l0",
        "weight_hh_l0",
        "in_proj_weight",
        "",
        "x",
    ]
)
shapes = st.lists(st.integers(0, 9), max_size=8).map(tuple)


@EXAMPLES
@given(st.dictionaries(st.tuples(st.sampled_from(["", "a.", "a.b.", ".", "b."]), leaf_names).map("".join), shapes))
def test_no_names_and_shapes_fail_and_no_element_is_lost(named: dict[str, Shape]) -> None:
    found = group_layers([(name, shaped(shape)) for name, shape in named.items()])
    assert sum(layer.parameters + layer.buffers for layer in found) == sum(map(prod, named.values()))
