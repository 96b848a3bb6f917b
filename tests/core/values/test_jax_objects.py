"""What agents of sbx keep: arrays of JAX, modules and train states of flax, named tuples of optax, policies."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy
import pytest

from strongbox.archive import open_archive
from strongbox.errors import FormatError, StrongboxError
from strongbox.pickles import Call, Global, decode
from strongbox.values import (
    ClassReference,
    FlaxModule,
    FunctionReference,
    JaxArray,
    JaxPolicy,
    NamedTuple,
    Opaque,
    TrainState,
    called_in_turn,
    describe,
    find_opaque,
    from_portable,
    is_known_call,
    same,
    to_portable,
    to_value,
    walk_arrays,
)
from tests.core.values.fixtures import call, reason_of
from tests.core.values.test_mutations import mutate
from tests.core.values.test_recipes import NDARRAY, PLAIN, dtype

ARCHIVES = Path(__file__).resolve().parents[2] / "data" / "sbx"
NAMES = sorted(path.stem for path in ARCHIVES.glob("*.zip"))
RECONSTRUCT = Global("numpy._core.multiarray", "_reconstruct")
EMPTY = (NDARRAY, (0,), b"b")
QNETWORK = "sbx.dqn.policies.QNetwork"
TRAIN_STATE = "flax.training.train_state.TrainState"


def jax_array(content: bytes = b"\0\0\x80?", pattern: str = "f4", shape: Any = (1,), **kind: Any) -> Call:
    state = (1, shape, dtype(pattern, PLAIN), False, content)
    return call("jax._src.array._reconstruct_array", RECONSTRUCT, EMPTY, state, kind or {"weak_type": False})


def instance(name: str, *, state: Any) -> Call:
    return call(name, state=state, kind="new")


def train_state(name: str = TRAIN_STATE, **changed: Any) -> Call:
    state = {"step": 3, "apply_fn": None, "params": {"bias": jax_array()}, "tx": None, "opt_state": (), **changed}
    return instance(name, state=state)


def test_there_are_archives() -> None:
    assert NAMES == ["crossq", "dqn", "ppo", "sac"]


@pytest.mark.parametrize("name", NAMES)
def test_archives_of_sbx_are_understood(name: str) -> None:
    with open_archive(ARCHIVES / f"{name}.zip") as archive:
        assert archive.algorithm is not None
        assert archive.algorithm.lower() == f"sbx.{name}.{name}.{name}"
        assert archive.opaque == {}
        policy = archive.data["policy"]
        assert isinstance(policy, JaxPolicy)
        assert policy.states
        for value in (policy, archive.data["qf" if name != "ppo" else "vf"], archive.data["key"]):
            assert same(from_portable(to_portable(value)), value)
            assert describe(value)


def test_the_arrays_of_an_archive() -> None:
    with open_archive(ARCHIVES / "sac.zip") as archive:
        policy, key = archive.data["policy"], archive.data["key"]
    state = policy.states["qf_state"]
    arrays = dict(walk_arrays(state.trees))
    assert state.type == ClassReference("sbx.common.type_aliases", "RLTrainState")
    assert arrays["params.params.VmapContinuousCritic_0.Dense_0.kernel"].array.shape == (2, 4, 8)
    assert arrays["target_params.params.VmapContinuousCritic_0.Dense_0.kernel"].array.shape == (2, 4, 8)
    assert arrays["opt_state.inner_state.0.mu.params.VmapContinuousCritic_0.Dense_0.bias"].array.shape == (2, 8)
    assert "opt_state.hyperparams.learning_rate" in arrays
    assert state.step.weak_type
    assert key.array.dtype == numpy.uint32
    assert policy.attributes["activation_fn"] == FunctionReference("jax.nn", "relu")
    assert policy.attributes["actor"].fields["net_arch"] == [8]
    assert policy.attributes["actor"].code == ("apply", "reset_noise")


def test_an_array() -> None:
    value = to_value(jax_array(weak_type=True))
    assert isinstance(value, JaxArray)
    assert (value.array.tolist(), value.weak_type) == ([1.0], True)
    assert to_value(jax_array(weak_type=False, named_shape={})).weak_type is False
    assert not value.array.flags.writeable


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (call("jax._src.array._reconstruct_array", Global("os", "system"), ("id",), (), {}), "expected an array of n"),
        (call("jax._src.array._reconstruct_array", RECONSTRUCT, (NDARRAY, (0,)), (), {}), "expected the arguments of"),
        (call("jax._src.array._reconstruct_array", RECONSTRUCT, EMPTY, (), {}), "expected a shape, a dtype"),
        (call("jax._src.array._reconstruct_array", RECONSTRUCT, EMPTY, ()), "expected 4 arguments, found 3"),
        (jax_array(sharding=1), "expected what JAX keeps of a type"),
        (jax_array(named_shape={"batch": 2}), "expected an array without named axes"),
        (jax_array(weak_type=1), "expected weak_type to be true or false"),
        (jax_array(shape=(2,)), "expected 8 bytes for an array"),
        (jax_array(pattern="O"), "expected a dtype of numbers or text"),
        (call(QNETWORK, 1, state={}, kind="new"), "expected 0 arguments, found 1"),
        (instance(QNETWORK, state=(1,)), "expected a mapping of attributes, found a tuple"),
        (instance(QNETWORK, state={1: 2}), "expected the names of attributes to be text"),
        (instance(QNETWORK, state={"a.b": 2}), "expected the name of an attribute to be one of Python"),
        (instance(QNETWORK, state={"name": "actor"}), "expected a module without a name"),
        (instance(QNETWORK, state={"_parent_ref": 1}), "expected a module that stands alone"),
        (call(QNETWORK, state={}), "expected a call of kind new, found reduce"),
        (train_state(step=-1), "expected the step from 0"),
        (train_state(step=jax_array()), "expected one whole number as the step"),
        (train_state(params={"a": call("os.system", "id")}), "it holds at ['params']['a'] os.system"),
        (train_state(more=1), "expected no attribute 'more'"),
        (train_state("sbx.common.type_aliases.RLTrainState"), "expected the attribute target_params"),
        (call("optax._src.transform.ScaleByAdamState", 1, {}, kind="new"), "expected 3 arguments, found 2"),
        (
            call("optax._src.transform.ScaleByAdamState", 1, {}, call("os.system"), kind="new"),
            "it holds at [2] os.system",
        ),
        (instance("sbx.dqn.policies.DQNPolicy", state={"_modules": {"net": 1}}), "expected nothing in _modules"),
        (instance("jaxlib._jax.PjitFunction", state={"function_name": "system"}), "expected a function of jax.nn"),
        (
            instance("jax._src.custom_derivatives.custom_jvp", state={"__qualname__": 7}),
            "expected a function of jax.nn",
        ),
    ],
)
def test_what_stays_opaque(node: Call, reason: str) -> None:
    assert reason_of(node).startswith(reason)


def test_modules_states_and_policies() -> None:
    relu = instance("jax._src.custom_derivatives.custom_jvp", state={"__qualname__": "relu", "fun": call("os.system")})
    module = instance(QNETWORK, state={"n_units": 8, "activation_fn": relu, "_id": 7, "apply": call("os.system", "id")})
    value = to_value(
        instance("sbx.dqn.policies.DQNPolicy", state={"_modules": {}, "qf": module, "qf_state": train_state()})
    )
    assert isinstance(value, JaxPolicy)
    assert value.attributes["qf"] == FlaxModule(
        type=ClassReference("sbx.dqn.policies", "QNetwork"),
        fields={"n_units": 8, "activation_fn": FunctionReference("jax.nn", "relu")},
        code=("apply",),
    )
    assert isinstance(value.attributes["qf_state"], TrainState)
    assert value.attributes["qf_state"].code == ("apply_fn", "tx")
    assert list(value.states) == ["qf_state"]
    assert hash(value) == hash(value.type)


def test_a_setting_that_is_not_understood_leaves_the_rest() -> None:
    value = to_value(
        instance("sbx.dqn.policies.DQNPolicy", state={"mine": call("os.system"), "qf_state": train_state()})
    )
    assert [path for path, _ in find_opaque(value)] == [".attributes['mine']"]
    assert list(value.states) == ["qf_state"]


def test_a_policy_of_ones_own_is_opaque() -> None:
    assert isinstance(to_value(instance("mine.Policy", state={"qf_state": train_state()})), Opaque)


def test_places_in_trees() -> None:
    array = JaxArray(array=numpy.ones(2, "float32"))
    adam = NamedTuple(ClassReference("optax._src.transform", "ScaleByAdamState"), (array, {"w": array}, {"w": array}))
    unknown = NamedTuple(ClassReference("mine", "State"), (array,))
    places = [place for place, _ in walk_arrays({"a": (adam, unknown), "b": 7, "c": [array]})]
    assert places == ["a.0.count", "a.0.mu.w", "a.0.nu.w", "a.1.0", "c.0"]


@pytest.mark.parametrize(
    "changes",
    [{"fields": []}, {"code": ("a", 1)}, {"fields": {"apply": 1}}, {"fields": {"a b": 1}}, {"type": None}],
)
def test_what_no_module_has(changes: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        FlaxModule(**{"type": ClassReference("a", "B"), "fields": {}, "code": ("apply",), **changes})


def test_what_a_known_call_would_have_called() -> None:
    hidden = b"cos\nsystem\nq\x000cjax._src.array\n_reconstruct_array\n(h\0(X\x02\0\0\0idt)}tR."
    decoded = decode(b"\x80\x02" + hidden)
    assert [named.path for named in decoded.calls] == ["jax._src.array._reconstruct_array"]
    assert list(called_in_turn(decoded)) == ["os.system"]
    assert not is_known_call("os.system")
    made = b"\x80\x02cjax._src.array\n_reconstruct_array\n(cos\ngetenv\n)R)}tR."
    assert list(called_in_turn(decode(made))) == ["what os.getenv gives"]
    with open_archive(ARCHIVES / "dqn.zip") as archive:
        found = archive.data.decoded("policy")
        assert found is not None
        assert set(called_in_turn(found)) == {"numpy._core.multiarray._reconstruct"}


@pytest.mark.parametrize("seed", range(24))
def test_with_parts_exchanged_it_is_a_value_or_an_error(seed: int) -> None:
    choose = random.Random(seed)
    with open_archive(ARCHIVES / f"{choose.choice(NAMES)}.zip") as archive:
        decoded = archive.data.decoded("policy")
    assert decoded is not None
    for _ in range(choose.randint(1, 5)):
        mutate(decoded, choose)
    try:
        value = to_value(decoded)
        describe(value)
        list(walk_arrays(value))
        if not find_opaque(value):
            assert same(from_portable(to_portable(value)), value)
    except StrongboxError:
        pass
