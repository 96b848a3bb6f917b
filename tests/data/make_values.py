"""Makes the fixtures of the values room: pickles as real programs of the past wrote them.

Run it with any current Python, naming one interpreter for each version::

    python tests/data/make_values.py --work /srv/agents \
        3.6=/path/to/python3.6 3.7=/path/to/python3.7 … 3.13=/path/to/python3.13

For every interpreter it installs the releases of cloudpickle, numpy, gym and gymnasium that the
table COMBINATIONS names into folders of their own below ``--work`` (a neutral place: nothing of the
machine must get into a pickle), and runs itself under that interpreter with ``--one``. What that
prints is gathered in ``tests/data/values/python-3.X.json``::

    {"python": "3.8.18", "fixtures": [{"name": …, "made_with": …, "pickle": base64 of zlib, "expected": …}]}

``expected`` is the value in Strongbox's portable encoding, made here from what the objects were
constructed with, or ``{"opaque": TYPE, "needs_code": bool}``.

The schedule functions are those of Stable-Baselines3 0.6 to 2.6 (``stable_baselines3/common/utils.py``,
MIT) and of rl-zoo3 (``utils/utils.py``, later ``rl_zoo3/utils.py``, MIT), as short as they are: a
closure is pickled by value, so its text, its module's name and its file's name are in the pickle.
torch and Stable-Baselines3 themselves are not needed, except for ``--sb3``, which writes what the
interpreter that runs it has of them to ``python-sb3.json``.

This file runs under Python 3.6, so it is written for it.
"""

import argparse
import base64
import collections
import importlib
import json
import os
import subprocess
import sys
import types
import zlib
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))

# One row for each process: the Python, the packages that it sees (installed without dependencies),
# and what is pickled: schedules (a few closures), code (the other closures), spaces of gym or gymnasium.
METADATA = ("importlib-metadata==4.8.1", "zipp==3.6.0")
GYM = ("gym-notices==0.0.8",)
GYMNASIUM = ("farama-notifications==0.0.4", "typing_extensions")
COMBINATIONS = [
    ("3.6", ("cloudpickle==0.5.6", "numpy==1.16.6"), ("schedules", "code", "arrays")),
    ("3.6", ("cloudpickle==1.2.2",), ("schedules",)),
    ("3.6", ("cloudpickle==1.4.1",), ("schedules",)),
    ("3.6", ("cloudpickle==1.6.0", "numpy==1.19.5", "gym==0.17.3"), ("schedules", "spaces")),
    ("3.6", ("cloudpickle==2.2.1",), ("schedules", "code")),
    ("3.7", ("cloudpickle==1.3.0",), ("schedules",)),
    (
        "3.7",
        ("cloudpickle==1.6.0", "numpy==1.21.6", "gym==0.21.0", *METADATA, "typing_extensions==4.7.1"),
        ("schedules", "spaces"),
    ),
    ("3.7", ("cloudpickle==2.2.1",), ("schedules", "code")),
    ("3.8", ("cloudpickle==1.2.2",), ("schedules",)),
    ("3.8", ("cloudpickle==1.5.0",), ("schedules",)),
    (
        "3.8",
        ("cloudpickle==1.6.0", "numpy==1.22.4", "gym==0.23.1", *METADATA, *GYM),
        ("schedules", "spaces"),
    ),
    (
        "3.8",
        ("cloudpickle==2.2.1", "numpy==1.24.4", "gym==0.26.2", *METADATA, *GYM),
        ("schedules", "spaces"),
    ),
    (
        "3.8",
        ("cloudpickle==3.1.1", "numpy==1.24.4", "gymnasium==0.26.3", *METADATA, *GYMNASIUM),
        ("schedules", "code", "spaces"),
    ),
    (
        "3.9",
        ("cloudpickle==1.6.0", "numpy==1.26.4", "gym==0.25.2", *METADATA, *GYM),
        ("schedules", "spaces"),
    ),
    (
        "3.9",
        ("cloudpickle==2.2.1", "numpy==1.26.4", "gymnasium==0.28.1", "jax-jumpy==1.0.0", *METADATA, *GYMNASIUM),
        ("schedules", "code", "spaces"),
    ),
    ("3.10", ("cloudpickle==2.0.0",), ("schedules",)),
    ("3.10", ("cloudpickle==3.0.0", "numpy==1.26.4", "gymnasium==0.29.1", *GYMNASIUM), ("schedules", "code", "spaces")),
    ("3.11", ("cloudpickle==2.2.1",), ("schedules",)),
    ("3.11", ("cloudpickle==3.1.1", "numpy==2.0.2", "gymnasium==1.0.0", *GYMNASIUM), ("schedules", "code", "spaces")),
    ("3.12", ("cloudpickle==3.0.0",), ("schedules",)),
    ("3.12", ("cloudpickle==3.1.1", "numpy==2.2.6", "gymnasium==1.1.1", *GYMNASIUM), ("schedules", "code", "spaces")),
    (
        "3.13",
        ("cloudpickle==3.1.1", "numpy==2.3.5", "gymnasium==1.2.3", *GYMNASIUM),
        ("schedules", "code", "spaces", "arrays", "generators"),
    ),
]

# --------------------------------------------------------------------------------------------------
# The portable encoding, as far as it is needed here, written out by hand.


def array(value: Any) -> Any:
    import numpy

    value = numpy.asarray(value)
    little = value.astype(value.dtype.newbyteorder("<")) if value.dtype.byteorder == ">" else value
    return {
        "$": "array",
        "dtype": little.dtype.name if little.dtype.kind not in "US" else little.dtype.str.lstrip("<|"),
        "shape": list(little.shape),
        "base64": base64.b64encode(little.tobytes()).decode(),
    }


def scalar(value: Any) -> Any:
    whole = array(value)
    return {"$": "scalar", "dtype": whole["dtype"], "base64": whole["base64"]}


def integer(value: Any) -> Any:
    return value if -(2**63) <= value < 2**63 else {"$": "integer", "value": str(value)}


def state_of(mapping: Any) -> Any:
    """A generator's state: numbers, arrays, and mappings of these."""
    import numpy

    result = {}
    for key, value in mapping.items():
        if isinstance(value, dict):
            result[key] = state_of(value)
        elif isinstance(value, numpy.ndarray):
            result[key] = array(value)
        elif isinstance(value, (float, str)):
            result[key] = value
        else:
            result[key] = integer(int(value))
    return result


def seed_sequence(bit_generator: Any) -> Any:
    """What was seeded with; numpy pickles it since release 2."""
    import numpy

    if int(numpy.__version__.split(".")[0]) < 2 or bit_generator.seed_seq is None:
        return {}
    return {"seed_sequence": {"$": "SeedSequence", "entropy": integer(int(bit_generator.seed_seq.entropy))}}


def random_state(generator: Any) -> Any:
    """A numpy generator, of gym or not, in the portable encoding."""
    import numpy

    if generator is None:
        return None
    if isinstance(generator, numpy.random.RandomState):
        name, key, position, has_gauss, gauss = generator.get_state()
        state = {
            "bit_generator": name,
            "state": {"key": key, "pos": position},
            "has_gauss": has_gauss,
            "gauss": float(gauss),
        }
        seed = {} if not hasattr(generator, "_bit_generator") else seed_sequence(generator._bit_generator)
        row = {"$": "RandomGenerator", "kind": "RandomState", "bit_generator": name, "state": state_of(state)}
        return dict(row, **seed)
    state = generator.bit_generator.state
    row = {
        "$": "RandomGenerator",
        "kind": "Generator",
        "bit_generator": state["bit_generator"],
        "state": state_of(state),
    }
    return dict(row, **seed_sequence(generator.bit_generator))


def schedule(name: Any, **fields: Any) -> Any:
    return dict({"$": name}, **fields)


def opaque(type_name: Any, needs_code: Any = True) -> Any:
    return {"opaque": type_name, "needs_code": needs_code}


# --------------------------------------------------------------------------------------------------
# Closures

SB3_UTILS = """
def constant_fn(val: float):
    def func(_):
        return val

    return func


def get_linear_fn(start: float, end: float, end_fraction: float):
    def func(progress_remaining: float) -> float:
        if (1 - progress_remaining) > end_fraction:
            return end
        else:
            return start + (1 - progress_remaining) * (end - start) / end_fraction

    return func


def get_schedule_fn(value_schedule):
    if isinstance(value_schedule, (float, int)):
        value_schedule = constant_fn(float(value_schedule))
    else:
        assert callable(value_schedule)
    return lambda progress_remaining: float(value_schedule(progress_remaining))


class FloatSchedule:
    def __init__(self, value_schedule):
        self.value_schedule = value_schedule


class LinearSchedule:
    def __init__(self, start, end, end_fraction):
        self.start = start
        self.end = end
        self.end_fraction = end_fraction


class ConstantSchedule:
    def __init__(self, val):
        self.val = val
"""

ZOO_UTILS = '''
def linear_schedule(initial_value):
    if isinstance(initial_value, str):
        initial_value = float(initial_value)

    def func(progress_remaining: float) -> float:
        """
        Progress will decrease from 1 (beginning) to 0
        :param progress_remaining: (float)
        :return: (float)
        """
        return progress_remaining * initial_value

    return func
'''

RL_ZOO3_UTILS = '''
def linear_schedule(initial_value):
    # Force conversion to float
    initial_value_ = float(initial_value)

    def func(progress_remaining: float) -> float:
        """
        Progress will decrease from 1 (beginning) to 0
        :param progress_remaining: (float)
        :return: (float)
        """
        return progress_remaining * initial_value_

    return func


class SimpleLinearSchedule:
    def __init__(self, initial_value):
        self.initial_value = float(initial_value)
'''

MAIN = """
def linear_schedule(initial_value: float):
    def func(progress_remaining: float) -> float:
        return progress_remaining * initial_value

    return func


def lookalike_schedule():
    def linear_schedule(initial_value: float):
        def func(progress_remaining: float) -> float:
            return initial_value / progress_remaining

        return func

    linear_schedule.__qualname__ = "linear_schedule"
    result = linear_schedule(0.5)
    result.__qualname__ = "linear_schedule.<locals>.func"
    return result


def anneal(first, last, part):
    end, end_fraction, start = last, part, first

    def value(p):
        if (1 - p) > end_fraction:
            return end
        return start + (1 - p) * (end - start) / end_fraction

    return value


square = lambda progress_remaining: 0.5 * progress_remaining ** 2
constant = lambda _: 3e-4
product = lambda f: f * 0.5
turned_product = lambda f: 0.5 * f
two_arguments = lambda f, g: f * 0.5


class Extractor:
    def __init__(self, width):
        self.width = width
"""

MODULES = [
    ("stable_baselines3.common.utils", "/srv/agents/stable_baselines3/common/utils.py", SB3_UTILS),
    ("utils.utils", "/srv/agents/rl-baselines3-zoo/utils/utils.py", ZOO_UTILS),
    ("rl_zoo3.utils", "/srv/agents/rl_zoo3/utils.py", RL_ZOO3_UTILS),
]


def make_module(name: Any, file: Any, text: Any) -> Any:
    """A module in memory whose functions look as if they had come from ``file``."""
    parent: Any = None
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        path = ".".join(parts[:count])
        module: Any = sys.modules.get(path)
        if module is None:
            module = sys.modules[path] = types.ModuleType(path)
            module.__package__ = path.rpartition(".")[0]
            if parent is not None:
                setattr(parent, parts[count - 1], module)
        parent = module
    module.__file__ = file
    exec(compile(text, file, "exec"), module.__dict__)
    return module


def make_main() -> Any:
    """The names of a script that a person ran."""
    namespace = {"__name__": "__main__", "__file__": "/srv/agents/train.py"}
    exec(compile(MAIN, "/srv/agents/train.py", "exec"), namespace)
    return types.SimpleNamespace(**namespace)


def schedules() -> Any:
    """The schedules that each release of Stable-Baselines3 and rl-zoo3 pickles by value."""
    sb3, zoo, _ = [make_module(*row) for row in MODULES]
    yield "constant", sb3.constant_fn(0.0007), schedule("ConstantSchedule", value=0.0007)
    yield "linear", sb3.get_linear_fn(1.0, 0.05, 0.1), schedule("LinearSchedule", start=1.0, end=0.05, end_fraction=0.1)
    yield "wrapped constant", sb3.get_schedule_fn(0.2), schedule("ConstantSchedule", value=0.2, as_float=True)
    yield "zoo linear", zoo.linear_schedule(0.00096), schedule("LinearSchedule", start=0.00096, end=0.0)


def code() -> Any:
    """Schedules that people write themselves or wrap, and code by value that is none."""
    sb3, zoo, rl_zoo3 = [make_module(*row) for row in MODULES]
    main = make_main()
    yield (
        "wrapped zoo linear",
        sb3.get_schedule_fn(zoo.linear_schedule("0.25")),
        schedule("LinearSchedule", start=0.25, end=0.0, as_float=True),
    )
    yield "rl_zoo3 linear", rl_zoo3.linear_schedule(0.001), schedule("LinearSchedule", start=0.001, end=0.0)
    yield "own linear", main.linear_schedule(0.125), schedule("LinearSchedule", start=0.125, end=0.0)
    yield "own anneal", main.anneal(1.0, 0.25, 0.5), schedule("LinearSchedule", start=1.0, end=0.25, end_fraction=0.5)
    yield "own constant", main.constant, schedule("ConstantSchedule", value=0.0003)
    yield "own product", main.product, schedule("LinearSchedule", start=0.5, end=0.0)
    yield "own product, turned", main.turned_product, schedule("LinearSchedule", start=0.5, end=0.0)
    yield "lookalike", main.lookalike_schedule(), opaque("function linear_schedule.<locals>.func of __main__")
    yield "square", main.square, opaque("function <lambda> of __main__")
    yield "two arguments", main.two_arguments, opaque("function <lambda> of __main__")
    yield (
        "wrapped square",
        sb3.get_schedule_fn(main.square),
        opaque("function get_schedule_fn.<locals>.<lambda> of stable_baselines3.common.utils"),
    )
    yield "instance", main.Extractor(3), opaque("instance of class Extractor of __main__")
    yield (
        "schedule class",
        sb3.FloatSchedule(sb3.LinearSchedule(0.5, 0.25, 0.75)),
        schedule("LinearSchedule", start=0.5, end=0.25, end_fraction=0.75, as_float=True),
    )
    yield "simple linear class", rl_zoo3.SimpleLinearSchedule("0.5"), schedule("LinearSchedule", start=0.5, end=0.0)
    yield (
        "inside",
        {"net_arch": [64, 64], "activation_fn": main.square},
        {
            "net_arch": [64, 64],
            "activation_fn": opaque("function <lambda> of __main__"),
        },
    )


# --------------------------------------------------------------------------------------------------
# Arrays and generators


def arrays() -> Any:
    """Arrays, scalars and dtypes of this numpy, and the generator that it makes by default."""
    import numpy

    yield (
        "c order",
        numpy.arange(6, dtype="float32").reshape(2, 3),
        array(numpy.arange(6, dtype="float32").reshape(2, 3)),
    )
    fortran = numpy.asfortranarray(numpy.arange(6, dtype="int16").reshape(2, 3))
    yield "fortran order", fortran, array(fortran)
    yield "big endian", numpy.array([1.5, -2.0], dtype=">f8"), array(numpy.array([1.5, -2.0]))
    yield "empty", numpy.zeros((0, 3), dtype="uint8"), array(numpy.zeros((0, 3), dtype="uint8"))
    yield "no dimension", numpy.array(3.5), array(numpy.array(3.5))
    yield "text", numpy.array(["left", "right"]), array(numpy.array(["left", "right"]))
    yield "scalar", numpy.float32(-1.5), scalar(numpy.float32(-1.5))
    yield "bool scalar", numpy.bool_(True), scalar(numpy.bool_(True))
    yield "dtype", numpy.dtype("complex64"), {"$": "dtype", "name": "complex64"}
    yield "objects", numpy.array([None, 1], dtype=object), opaque("numpy.ndarray", needs_code=False)
    yield "dates", numpy.array(["2020-01-01"], dtype="M8[D]"), opaque("numpy.ndarray", needs_code=False)
    generator = numpy.random.RandomState(7)
    generator.normal()
    yield "random state", generator, random_state(generator)


def generators() -> Any:
    """One generator over each of numpy's bit generators."""
    import numpy

    for name in ("PCG64", "PCG64DXSM", "Philox", "SFC64"):
        generator = numpy.random.Generator(getattr(numpy.random, name)(5))
        generator.integers(10, dtype="int32")
        yield name, generator, random_state(generator)


# --------------------------------------------------------------------------------------------------
# Spaces


def spaces() -> Any:
    """Every space that this gym or gymnasium has."""
    import numpy

    try:
        room: Any = importlib.import_module("gymnasium.spaces")
    except ImportError:
        room = importlib.import_module("gym.spaces")

    def box(low: Any, high: Any, shape: Any, dtype: Any, state: Any = None) -> Any:
        fields = {
            "$": "Box",
            "low": array(numpy.full(shape, low, dtype)),
            "high": array(numpy.full(shape, high, dtype)),
            "shape": list(shape),
            "dtype": dtype,
        }
        return dict(fields, random_state=random_state(state)) if state is not None else fields

    def discrete(n: Any, **fields: Any) -> Any:
        return dict({"$": "Discrete", "n": n}, **fields)

    yield "box", room.Box(-1.5, 2.0, shape=(2, 3), dtype=numpy.float32), box(-1.5, 2.0, (2, 3), "float32")
    yield "image", room.Box(0, 255, shape=(2, 2, 1), dtype=numpy.uint8), box(0, 255, (2, 2, 1), "uint8")
    unbounded = room.Box(-numpy.inf, numpy.inf, shape=(2,), dtype=numpy.float64)
    yield "unbounded", unbounded, box(-numpy.inf, numpy.inf, (2,), "float64")
    seeded = room.Box(0, 1, shape=(1,), dtype=numpy.float32)
    seeded.seed(3)
    seeded.sample()
    yield "seeded box", seeded, box(0, 1, (1,), "float32", seeded.np_random)
    yield "discrete", room.Discrete(4), discrete(4)
    if "start" in room.Discrete.__init__.__code__.co_varnames:
        yield "discrete from", room.Discrete(4, start=-1), discrete(4, start=-1)
    multi = {"$": "MultiDiscrete", "nvec": array(numpy.array([2, 3], dtype="int64"))}
    current = "start" in room.MultiDiscrete.__init__.__code__.co_varnames
    if current:
        multi["start"] = array(numpy.array([0, 0], dtype="int64"))
    yield "multi discrete", room.MultiDiscrete([2, 3]), multi
    if current:
        yield (
            "multi discrete from",
            room.MultiDiscrete([2, 3], start=[1, 5]),
            dict(multi, start=array(numpy.array([1, 5], dtype="int64"))),
        )
    yield "multi binary", room.MultiBinary(3), {"$": "MultiBinary", "n": 3}
    yield "multi binary shape", room.MultiBinary((2, 3)), {"$": "MultiBinary", "n": [2, 3]}
    inside = collections.OrderedDict(
        [("a", room.Discrete(2)), ("b", room.Tuple((room.MultiBinary(2), room.Discrete(3))))]
    )
    inside_expected = [
        ["a", discrete(2)],
        ["b", {"$": "Tuple", "spaces": [{"$": "MultiBinary", "n": 2}, discrete(3)]}],
    ]
    yield "dict", room.Dict(inside), {"$": "Dict", "spaces": inside_expected}
    if hasattr(room, "Text"):
        text = room.Text(max_length=5, min_length=2, charset="abz")
        yield "text", text, {"$": "Text", "min_length": 2, "max_length": 5, "characters": "abz"}
    if hasattr(room, "Sequence"):
        yield "sequence", room.Sequence(room.Discrete(2)), {"$": "Sequence", "feature_space": discrete(2)}
        if "stack" in room.Sequence.__init__.__code__.co_varnames:
            inner = room.Discrete(2)
            inner.seed(1)
            yield (
                "stacked sequence",
                room.Sequence(inner, stack=True),
                {
                    "$": "Sequence",
                    "feature_space": discrete(2, random_state=random_state(inner.np_random)),
                    "stack": True,
                },
            )
    if hasattr(room, "Graph"):
        node = room.Box(0, 1, shape=(1,), dtype=numpy.float32)
        yield (
            "graph",
            room.Graph(node_space=node, edge_space=None),
            {
                "$": "Graph",
                "node_space": box(0, 1, (1,), "float32"),
                "edge_space": None,
            },
        )
    if hasattr(room, "OneOf"):
        yield (
            "one of",
            room.OneOf([room.Discrete(2), room.MultiBinary(2)]),
            {
                "$": "OneOf",
                "spaces": [discrete(2), {"$": "MultiBinary", "n": 2}],
            },
        )


# --------------------------------------------------------------------------------------------------
# Stable-Baselines3 and torch as they are now


def statistics(running: Any) -> Any:
    """A RunningMeanStd."""
    fields = {"mean": array(running.mean), "var": array(running.var), "count": float(running.count)}
    return dict({"$": "RunningStatistics"}, **fields)


def make_vec_normalize(observation_space: Any, action_space: Any) -> Any:
    """A VecNormalize that has seen a few observations and rewards."""
    import gymnasium
    import numpy

    vec_env: Any = importlib.import_module("stable_baselines3.common.vec_env")

    class Env(gymnasium.Env):
        def reset(self, **options: Any) -> Any:
            return self.observation_space.sample(), {}

        def step(self, action: Any) -> Any:
            return self.observation_space.sample(), 1.5, False, False, {}

    def make() -> Any:
        env = Env()
        env.observation_space, env.action_space = observation_space, action_space
        return env

    observation_space.seed(5)
    wrapped = vec_env.VecNormalize(vec_env.DummyVecEnv([make, make]), clip_obs=5.0, gamma=0.9)
    wrapped.reset()
    for _ in range(3):
        wrapped.step(numpy.zeros((2, 1), dtype="float32"))
    observation_space._np_random = None
    for space in getattr(observation_space, "spaces", {}).values():
        space._np_random = None
    return wrapped


def normalizations() -> Any:
    """VecNormalize over a Box and over a dictionary of boxes, as VecNormalize.save pickles it."""
    import numpy
    from gymnasium import spaces as room

    def box_row(shape: Any) -> Any:
        full = {"low": array(numpy.full(shape, -1, "float32")), "high": array(numpy.full(shape, 1, "float32"))}
        return dict({"$": "Box"}, **full, shape=list(shape), dtype="float32")

    def row(wrapped: Any, observations: Any, space: Any, **fields: Any) -> Any:
        settings = {"clip_obs": 5.0, "clip_reward": 10.0, "gamma": 0.9, "epsilon": 1e-8}
        known = {"$": "Normalization", "observations": observations, "rewards": statistics(wrapped.ret_rms)}
        return dict(known, **settings, **fields, observation_space=space, action_space=box_row((1,)))

    action = room.Box(-1, 1, (1,), numpy.float32)
    single = make_vec_normalize(room.Box(-1, 1, (2,), numpy.float32), action)
    yield "box", single, row(single, [["", statistics(single.obs_rms)]], box_row((2,)))
    inside: Any = {"a": room.Box(-1, 1, (2,), numpy.float32), "b": room.Box(-1, 1, (1,), numpy.float32)}
    several = make_vec_normalize(room.Dict(inside), action)
    observations = [[key, statistics(several.obs_rms[key])] for key in ("a", "b")]
    space = {"$": "Dict", "spaces": [["a", box_row((2,))], ["b", box_row((1,))]]}
    yield "dict", several, row(several, observations, space, norm_obs_keys=["a", "b"])


def sb3_objects() -> Any:
    """What Stable-Baselines3 2.9 and torch put into an agent's data."""
    import pathlib

    import numpy
    import torch

    utils: Any = importlib.import_module("stable_baselines3.common.utils")
    noise: Any = importlib.import_module("stable_baselines3.common.noise")
    aliases: Any = importlib.import_module("stable_baselines3.common.type_aliases")
    strategies: Any = importlib.import_module("stable_baselines3.her.goal_selection_strategy")
    policies: Any = importlib.import_module("stable_baselines3.common.policies")

    def reference(module: str, name: str) -> Any:
        return {"$": "class", "module": module, "name": name}

    def tensor(value: Any, dtype: str, **fields: Any) -> Any:
        return dict({"$": "TorchTensor", "array": array(value), "dtype": dtype}, **fields)

    type_aliases = "stable_baselines3.common.type_aliases"
    yield "float schedule", utils.FloatSchedule(3), schedule("ConstantSchedule", value=3.0, as_float=True)
    yield (
        "linear schedule",
        utils.LinearSchedule(1.0, 0.1, 0.5),
        schedule("LinearSchedule", start=1.0, end=0.1, end_fraction=0.5),
    )
    two, tenth = numpy.zeros(2), numpy.full(2, 0.1)
    normal = {"$": "NormalNoise", "mean": array(two), "sigma": array(tenth), "dtype": "float32"}
    yield "normal noise", noise.NormalActionNoise(two, tenth), normal
    yield (
        "vectorized noise",
        noise.VectorizedActionNoise(noise.NormalActionNoise(two, tenth), 2),
        {
            "$": "VectorizedNoise",
            "base": normal,
            "noises": [normal, normal],
        },
    )
    yield (
        "process noise",
        noise.OrnsteinUhlenbeckActionNoise(two, tenth, initial_noise=tenth),
        {
            "$": "OrnsteinUhlenbeckNoise",
            "mean": array(two),
            "sigma": array(tenth),
            "theta": 0.15,
            "dt": 0.01,
            "initial": array(tenth),
            "previous": array(tenth),
            "dtype": "float32",
        },
    )
    yield (
        "train frequency",
        aliases.TrainFreq(4, aliases.TrainFrequencyUnit.STEP),
        {
            "$": "named_tuple",
            "type": reference(type_aliases, "TrainFreq"),
            "items": [4, {"$": "enum", "enum": reference(type_aliases, "TrainFrequencyUnit"), "value": "step"}],
        },
    )
    yield (
        "goal strategy",
        strategies.GoalSelectionStrategy.FUTURE,
        {
            "$": "enum",
            "enum": reference("stable_baselines3.her.goal_selection_strategy", "GoalSelectionStrategy"),
            "value": 0,
        },
    )
    yield "policy class", policies.ActorCriticPolicy, reference(policies.__name__, "ActorCriticPolicy")
    yield (
        "initializer",
        torch.nn.init.orthogonal_,
        {
            "$": "function",
            "module": "torch.nn.init",
            "name": "orthogonal_",
        },
    )
    yield (
        "tensor",
        torch.arange(6, dtype=torch.float32).reshape(2, 3).t(),
        tensor(numpy.arange(6, dtype="float32").reshape(2, 3).T, "float32"),
    )
    yield (
        "parameter",
        torch.nn.Parameter(torch.ones(2)),
        tensor(numpy.ones(2, "float32"), "float32", requires_grad=True, parameter=True),
    )
    yield (
        "bfloat16",
        torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        tensor(numpy.array([1.5, -2.0], "float32"), "bfloat16"),
    )
    yield "no dimension", torch.tensor(True), tensor(numpy.array(True), "bool")
    yield "device", torch.device("cuda", 1), {"$": "device", "name": "cuda:1"}
    yield "dtype", torch.bfloat16, {"$": "torch_dtype", "name": "bfloat16"}
    yield "size", torch.Size([2, 3]), {"$": "TorchSize", "sizes": [2, 3]}
    yield "path", pathlib.PosixPath("/logs/run 1"), {"$": "path", "path": "/logs/run 1"}


# --------------------------------------------------------------------------------------------------
# Running

KINDS = {
    "schedules": schedules,
    "code": code,
    "arrays": arrays,
    "generators": generators,
    "spaces": spaces,
    "sb3": sb3_objects,
    "normalizations": normalizations,
}


def make_fixtures(kinds: Any, made_with: Any) -> Any:
    """The fixtures of some kinds, made in this process."""
    cloudpickle: Any = importlib.import_module("cloudpickle")
    result = []
    for kind in kinds:
        for name, value, expected in KINDS[kind]():
            pickled = cloudpickle.dumps(value)
            result.append(
                {
                    "name": kind + ": " + name,
                    "made_with": made_with,
                    "pickle": base64.b64encode(zlib.compress(pickled, 9)).decode(),
                    "expected": expected,
                }
            )
    return result


def install(python: Any, packages: Any, folder: Any) -> Any:
    """Install packages, without what they depend on, into a folder of their own."""
    if not os.path.isdir(folder):
        command = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
        subprocess.check_call(command + list(packages))
    return folder


def run_one(python: Any, work: Any, packages: Any, kinds: Any) -> Any:
    """Make the fixtures of one combination, in a process of its own."""
    folder = install(
        python,
        packages,
        os.path.join(
            work,
            packages[0].replace("==", "-")
            + "-"
            + kinds[-1]
            + "-"
            + os.path.basename(os.path.dirname(os.path.dirname(python))),
        ),
    )
    made_with = [
        package for package in packages if package.split("==")[0] in ("cloudpickle", "numpy", "gym", "gymnasium")
    ]
    environment = {"PYTHONPATH": folder, "PYTHONHASHSEED": "0", "PATH": "/usr/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [python, os.path.abspath(__file__), "--one", ",".join(kinds), " ".join(made_with)]
    return json.loads(subprocess.check_output(command, cwd=work, env=environment).decode())


def write(name: Any, content: Any) -> Any:
    path = os.path.join(HERE, "values", name + ".json")
    with open(path, "w") as file:
        json.dump(content, file, separators=(",", ":"), sort_keys=False)
        file.write("\n")
    print(name, len(content["fixtures"]), "fixtures", os.path.getsize(path), "bytes")


def main() -> Any:
    if sys.argv[1:2] == ["--one"]:
        fixtures = make_fixtures(sys.argv[2].split(","), sys.argv[3])
        print(json.dumps({"python": sys.version.split()[0], "fixtures": fixtures}))
        return
    if sys.argv[1:2] == ["--sb3"]:
        sb3: Any = importlib.import_module("stable_baselines3")
        fixtures = make_fixtures(["sb3", "normalizations"], "stable-baselines3==" + sb3.__version__)
        write("python-sb3", {"fixtures": fixtures, "python": sys.version.split()[0]})
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("pythons", nargs="+")
    options = parser.parse_args()
    pythons = dict(item.split("=", 1) for item in options.pythons)
    os.makedirs(options.work, exist_ok=True)
    for version in pythons:
        content: Any = {"fixtures": []}
        for wanted, packages, kinds in COMBINATIONS:
            if wanted == version:
                made = run_one(pythons[version], options.work, packages, kinds)
                content["python"] = made["python"]
                content["fixtures"].extend(made["fixtures"])
        write("python-" + version, content)


if __name__ == "__main__":
    main()
