"""A value of each kind that an emitter knows."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

import numpy

from strongbox import values

__all__ = ["EMITTED"]

EMITTED: list[Any] = [
    [1, 2.5, "a", b"b", None, True, 1j],
    {"a": (1, 2), 3: {4}, None: frozenset((5,))},
    OrderedDict(b=1, a=2),
    deque([{"r": 1.0, "l": numpy.float32(2)}], 100),
    numpy.arange(6, dtype="float32").reshape(2, 3),
    numpy.array(["left", "right"]),
    numpy.str_("left"),
    numpy.float64(0.5),
    numpy.dtype("uint8"),
    values.Box(low=numpy.zeros(2, "float32"), high=numpy.ones(2, "float32"), shape=(2,), dtype=numpy.dtype("float32")),
    values.Discrete(n=3, start=-1),
    values.MultiDiscrete(nvec=numpy.array([2, 3]), start=numpy.array([0, 1])),
    values.MultiBinary(n=(2, 3)),
    values.Dict(spaces={"b": values.Discrete(n=2), "a": values.MultiBinary(n=3)}),
    values.Tuple(spaces=(values.Discrete(n=2),)),
    values.OneOf(spaces=(values.Discrete(n=2),)),
    values.Text(min_length=1, max_length=4, characters="abc"),
    values.Sequence(feature_space=values.Discrete(n=2)),
    values.ConstantSchedule(value=0.5),
    values.ConstantSchedule(value=0.5, as_float=True),
    values.LinearSchedule(start=1.0, end=0.0, end_fraction=0.1, as_float=True),
    values.TableSchedule(values=numpy.array([0.0, 1.0, 4.0])),
    values.NormalNoise(mean=numpy.zeros(1), sigma=numpy.ones(1), dtype=numpy.dtype("float32")),
    values.OrnsteinUhlenbeckNoise(mean=numpy.zeros(1), sigma=0.1, theta=0.15, dt=0.01, previous=numpy.ones(1)),
    values.VectorizedNoise(
        base=values.NormalNoise(mean=0.0, sigma=1.0), noises=(values.NormalNoise(mean=0.0, sigma=1.0),)
    ),
    values.ClassReference("torch.nn.modules.activation", "ReLU"),
    values.FunctionReference("torch.nn.init", "orthogonal_"),
    values.EnumMember(
        values.ClassReference("stable_baselines3.her.goal_selection_strategy", "GoalSelectionStrategy"), 0
    ),
    values.NamedTuple(
        values.ClassReference("stable_baselines3.common.type_aliases", "TrainFreq"),
        (
            4,
            values.EnumMember(
                values.ClassReference("stable_baselines3.common.type_aliases", "TrainFrequencyUnit"), "step"
            ),
        ),
    ),
    values.Partial(function=values.ClassReference("torch.nn.modules.activation", "ELU"), keywords={"alpha": 0.5}),
    values.TorchTensor(array=numpy.ones((2, 3), "float32"), dtype="float32"),
    values.TorchTensor(array=numpy.ones(2, "float32"), dtype="bfloat16", requires_grad=True, parameter=True),
    values.TorchTensor(array=numpy.ones((), "int8"), dtype="int8", device="cuda:1"),
    values.Device("cuda:1"),
    values.Device("cpu"),
    values.TorchDtype("bfloat16"),
    values.TorchSize((2, 3)),
    values.RandomGenerator(kind="Generator", bit_generator="PCG64", state=dict(numpy.random.PCG64(3).state)),
]
