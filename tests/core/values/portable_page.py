"""Writes docs/format-portable.md from the table that reads and writes the portable form.

``python -m tests.core.values.portable_page`` writes it; a test fails where it is not as it would be written.
"""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from pathlib import Path, PurePosixPath
from typing import Any

import numpy

from strongbox import values
from strongbox.values import to_portable
from strongbox.values.forms import FORMS, Form, Part
from strongbox.values.place import Place

__all__ = ["EXAMPLES", "PAGE", "page"]

PAGE = Path(__file__).resolve().parents[3] / "docs" / "format-portable.md"

UNIT = values.Box(
    low=numpy.zeros(2, "float32"), high=numpy.ones(2, "float32"), shape=(2,), dtype=numpy.dtype("float32")
)
RELU = values.ClassReference("torch.nn.modules.activation", "ReLU")
ALIASES = "stable_baselines3.common.type_aliases"
STEP = values.EnumMember(values.ClassReference(ALIASES, "TrainFrequencyUnit"), "step")
NORMAL = values.NormalNoise(mean=numpy.zeros(1), sigma=numpy.full(1, 0.5), dtype=numpy.dtype("float32"))
STATISTICS = values.RunningStatistics(mean=numpy.zeros(1), var=numpy.ones(1), count=4096.0)
GENERATOR = values.RandomGenerator(
    kind="Generator",
    bit_generator="PCG64",
    state={
        "bit_generator": "PCG64",
        "state": {"state": 2**127, "inc": 1},
        "has_uint32": 0,
        "uinteger": 0,
    },
    seed_sequence=values.SeedSequence(entropy=42),
)

STEPS = values.JaxArray(array=numpy.array(64, "int32"), weak_type=True)
TRAIN_STATE = values.TrainState(
    type=values.ClassReference("flax.training.train_state", "TrainState"),
    step=STEPS,
    params={"bias": values.JaxArray(array=numpy.ones(1, "float32"))},
    opt_state=(values.NamedTuple(values.ClassReference("optax._src.base", "EmptyState"), ()),),
    others={},
    code=("apply_fn", "tx"),
)

EXAMPLES: dict[str, tuple[str, Any]] = {
    "tuple": ("a tuple", (64, "tanh")),
    "dict": ("a dictionary with keys other than text, or with the key `$`", {1: "one"}),
    "ordered_dict": ("`collections.OrderedDict`", OrderedDict(a=1)),
    "set": ("a set, its elements sorted by their JSON", {"a", "b"}),
    "frozenset": ("a frozenset, likewise", frozenset({1})),
    "deque": ("`collections.deque`; `maxlen` is its largest length", deque([1.5], 100)),
    "bytes": ("bytes", b"abc"),
    "bytearray": ("bytes that can be changed", bytearray(b"abc")),
    "integer": ("an integer beyond 64 bits", 2**64),
    "complex": ("a complex number", 1 - 2j),
    "path": ("a path of the file system; `flavour` is `posix` or `windows`", PurePosixPath("/logs/run 1")),
    "array": ("a numpy array", numpy.array([[1, 2, 3]], "int32")),
    "scalar": ("a scalar of numpy: an array of one element without a shape", numpy.float32(-3.0)),
    "dtype": ("a numpy dtype", numpy.dtype("float32")),
    "Box": ("a space of arrays between two bounds, `low` and `high`, which have its shape", UNIT),
    "Discrete": ("the integers `start` to `start + n - 1`", values.Discrete(n=4)),
    "MultiDiscrete": ("several discrete values at once", values.MultiDiscrete(nvec=numpy.array([2, 3]))),
    "MultiBinary": ("arrays of zeros and ones; `n` is the length or the shape", values.MultiBinary(n=(2, 3))),
    "Dict": ("named spaces, in their order", values.Dict(spaces={"a": values.Discrete(n=2)})),
    "Tuple": ("several spaces, in order", values.Tuple(spaces=(values.Discrete(n=2),))),
    "Text": ("text over some characters", values.Text(min_length=1, max_length=5, characters="abc")),
    "Sequence": (
        "sequences of elements of a space; `stack`: as one array",
        values.Sequence(feature_space=values.Discrete(n=2)),
    ),
    "Graph": ("graphs", values.Graph(node_space=values.Discrete(n=2), edge_space=None)),
    "OneOf": ("an element of one of several spaces", values.OneOf(spaces=(values.Discrete(n=2),))),
    "ConstantSchedule": (
        "the same number always; `as_float`, here and below: inside SB3's `FloatSchedule`, which casts to float",
        values.ConstantSchedule(value=0.0003),
    ),
    "LinearSchedule": (
        "`start + (1 - p) * (end - start) / end_fraction` while `1 - p <= end_fraction`, then `end`; "
        "`p` is the progress that remains, from 1 to 0",
        values.LinearSchedule(start=1.0, end=0.05, end_fraction=0.1),
    ),
    "TableSchedule": (
        "interpolated linearly over evenly spaced `p` from 0 to 1: an approximation of the function `source`, "
        "with its largest error half way between the points (NaN: not known)",
        values.TableSchedule(values=numpy.array([0.0, 0.5, 2.0]), largest_error=0.01, source="my.schedule"),
    ),
    "NormalNoise": ("Gaussian action noise", NORMAL),
    "OrnsteinUhlenbeckNoise": (
        "Ornstein-Uhlenbeck action noise; `previous` is its state, `initial` what a reset returns to",
        values.OrnsteinUhlenbeckNoise(mean=0.0, sigma=0.5, theta=0.15, dt=0.01),
    ),
    "VectorizedNoise": ("one noise for each environment", values.VectorizedNoise(base=NORMAL, noises=(NORMAL,))),
    "RandomGenerator": (
        "a generator of numpy; `kind` is `Generator` or `RandomState`, `state` what numpy's "
        "`bit_generator.state` or `get_state(legacy=False)` returns",
        GENERATOR,
    ),
    "SeedSequence": ("what a generator was seeded with", values.SeedSequence(entropy=42, spawn_key=(1,), children=2)),
    "class": ("a class by its name; never looked up while reading", RELU),
    "function": ("a function by its name, likewise", values.FunctionReference("torch.nn.init", "orthogonal_")),
    "enum": ("a member of an enum, by its value", STEP),
    "named_tuple": ("a named tuple", values.NamedTuple(values.ClassReference(ALIASES, "TrainFreq"), (4, STEP))),
    "partial": ("`functools.partial`", values.Partial(function=RELU, keywords={"inplace": True})),
    "TorchTensor": (
        "a tensor of torch; `array` holds bfloat16 as float32",
        values.TorchTensor(array=numpy.ones(1, "float32"), dtype="bfloat16", device="cuda:0"),
    ),
    "TorchSize": ("`torch.Size`", values.TorchSize((2, 3))),
    "device": ("a device of torch", values.Device("cuda:0")),
    "torch_dtype": ("a dtype of torch", values.TorchDtype("float32")),
    "JaxArray": (
        "an array of JAX; `weak_type` is whether its type gives way to that of another operand",
        STEPS,
    ),
    "FlaxModule": (
        "a module of flax: its class and fields; `code` names attributes that are code, and are not kept",
        values.FlaxModule(
            type=values.ClassReference("sbx.dqn.policies", "QNetwork"),
            fields={"n_actions": 2, "n_units": 8, "activation_fn": values.FunctionReference("jax.nn", "relu")},
            code=("apply",),
        ),
    ),
    "TrainState": (
        "what the training of a network has come to: its parameters and its optimizer's state, as trees",
        TRAIN_STATE,
    ),
    "JaxPolicy": (
        "a policy of sbx: its class, and its train states, modules and settings by name",
        values.JaxPolicy(
            type=values.ClassReference("sbx.dqn.policies", "DQNPolicy"),
            attributes={"n_units": 8, "qf_state": TRAIN_STATE},
        ),
    ),
    "RunningStatistics": ("mean and variance of `count` samples", STATISTICS),
    "Normalization": (
        "what `normalize.json` holds: the statistics and settings of VecNormalize; observations that are no "
        'dictionary stand under the key `""`',
        values.Normalization(
            observations={"": STATISTICS}, rewards=STATISTICS, clip_obs=10.0, clip_reward=10.0, gamma=0.99, epsilon=1e-8
        ),
    ),
}
"""What each tag stands for, and an example of it."""

HEAD = """# The portable form of values

Archives hold values that JSON has no words for: spaces, arrays, schedules, deques. This is how Strongbox says them in
JSON, so that any language can read them and nothing has to be executed. It is what stands under `":portable:"` in
[`data`](format.md), and in `normalize.json`.

This page is written by a program from the table that Strongbox itself reads and writes by
(`src/strongbox/values/forms.py`), and a test compares the two.

## Rules

1. `null`, `true`, `false`, integers from -2^63 to 2^63 - 1, numbers, text, lists, and objects without the key `"$"`
   mean themselves. The numbers `NaN`, `Infinity` and `-Infinity` may occur, as in the JSON that Python writes.
2. Anything else is an object with the key `"$"`, whose value is one of the tags below. Its other keys are the fields of
   that tag. A field with a default may be left out, and a writer leaves it out where it holds the default. Any other
   key, a missing field, an unknown tag, or content of another type is an error: a reader never guesses.
3. A *value* is anything that this page describes. Base64 is that of RFC 4648 with padding, without line breaks.
4. The elements of arrays and scalars are little-endian, the last index fastest. The name of a dtype is one of `bool`,
   `int8` to `int64`, `uint8` to `uint64`, `float16` to `float64`, `complex64`, `complex128`; or `U` (text in UTF-32) or
   `S` (bytes) with the number of characters, such as `U12`. The bytes are exactly as many as shape and dtype say.
5. Where a number is expected, an integer that a 64-bit float holds exactly may stand.
6. Values are nested at most 64 deep.
7. A key of a dictionary and an element of a set is null, true or false, an integer of at most 60 bits, another number,
   text, bytes, a scalar that is not complex, a `path`, `class`, `function`, `enum`, `device` or `torch_dtype`, or a
   `tuple` of these, at most two deep and of 64 items. There are at most 4,096 tuples among the keys.
8. A value is checked as a whole, too: the bounds of a `Box` have its shape, the position of a generator lies within its
   state, keys and elements of sets are different from each other.

## Tags

| tag | stands for | fields |
| --- | --- | --- |
"""


class AsItIs:
    """Leaves the few defaults that have parts as they are."""

    def value(self, content: Any, place: Place) -> Any:
        return content

    def key(self, content: Any, place: Place) -> Any:
        return content


def fields(form: Form) -> str:
    """The fields of a tag, with their defaults."""
    return "; ".join(f"`{name}`: {field(name, part, form)}" for name, part in form.fields.items())


def field(name: str, part: Part, form: Form) -> str:
    if name not in form.defaults:
        return part.shown
    default = form.defaults[name]
    shown = default.name if isinstance(default, numpy.dtype) else part.write(AsItIs(), default, Place())
    return f"{part.shown} (default `{json.dumps(shown)}`)"


def page() -> str:
    """The text of the page."""
    rows = [f"| `{form.tag}` | {EXAMPLES[form.tag][0]} | {fields(form)} |" for form in FORMS]
    examples = [
        f"### {form.tag}\n\n```json\n{json.dumps(to_portable(EXAMPLES[form.tag][1]), ensure_ascii=False)}\n```\n"
        for form in FORMS
    ]
    return HEAD + "\n".join(rows) + "\n\n## Examples\n\n" + "\n".join(examples)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
