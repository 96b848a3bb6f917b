"""Recipes: what each builds, and what each refuses."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from typing import Any

import numpy
import pytest

from strongbox.errors import FormatError, LimitError, RefusedError, StrongboxError, UnsupportedError
from strongbox.limits import Limits
from strongbox.pickles import Call, Global, PersistentId, encode
from strongbox.tensors import Tensor, TorchName, read_pth, read_tensor
from tests.core.tensors.pth_files import call, ordered, row_file, storage, tensor, zip_file

FOUR = numpy.arange(4, dtype="<f4").tobytes()


def read(node: Any, content: bytes = FOUR) -> Any:
    return read_pth(zip_file(node, {"0": content}))


def unused(node: Any) -> Any:
    """A tree that names the storage, so that only the node is in question."""
    return read([node, tensor(storage(4), (4,), (1,))])[0]


def with_state(made: Call, state: Any) -> Call:
    made.has_state, made.state = True, state
    return made


def with_items(made: Call, *items: tuple[Any, Any]) -> Call:
    made.items = list(items)
    return made


def with_appended(made: Call, *items: Any) -> Call:
    made.appended = list(items)
    return made


# -- what is built ----------------------------------------------------------------------------------


def test_scalars_and_containers_stand_for_themselves() -> None:
    tree = {"a": [1, 2.5, True, None, "text"], 7: (b"bytes", {(1, "x"): -1}), -1: {}, None: ()}
    assert unused(tree) == tree


def test_an_ordered_dict_stays_one_and_keeps_its_metadata() -> None:
    metadata = ordered(("", {"version": 1}), ("0", {"version": 2}))
    found = unused(with_state(ordered(("b", 1), ("a", 2)), {"_metadata": metadata}))
    assert type(found) is OrderedDict
    assert list(found.items()) == [("b", 1), ("a", 2)]
    assert found._metadata == {"": {"version": 1}, "0": {"version": 2}}  # type: ignore[attr-defined]


def test_an_ordered_dict_as_python_2_wrote_it() -> None:
    assert unused(call("collections.OrderedDict", [["b", 1], ("a", 2)])) == OrderedDict(b=1, a=2)


def test_a_default_dict_becomes_a_dict() -> None:
    for arguments in ((), (None,), (Global("builtins", "dict"),), (Global("__builtin__", "list"),)):
        found = unused(with_items(call("collections.defaultdict", *arguments), (0, {"step": 1})))
        assert type(found) is dict
        assert found == {0: {"step": 1}}


def test_names_of_torch() -> None:
    assert unused(Global("torch", "float32")) == TorchName("dtype", "float32")
    assert unused(call("torch.device", "cuda", 1)) == TorchName("device", "cuda:1")
    assert unused(call("torch.device", "cpu")) == TorchName("device", "cpu")
    assert unused(call("torch.Size", (2, 3))) == (2, 3)


def numpy_scalar(code: str, content: Any, order: str = "<", module: str = "numpy.core.multiarray") -> Call:
    dtype = with_state(call("numpy.dtype", code, False, True), (3, order, None, None, None, -1, -1, 0))
    return call(f"{module}.scalar", dtype, content)


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("code", ["f2", "f4", "f8", "i1", "i8", "u2", "b1", "c8"])
def test_numbers_of_numpy(code: str, order: str, module: str) -> None:
    expected = numpy.dtype(code).newbyteorder("<" if order == "<" else ">").type(1)
    content = numpy.array([1], numpy.dtype(code).newbyteorder("<" if order == "<" else ">")).tobytes()
    for form in (content, call("_codecs.encode", content.decode("latin1"), "latin1")):
        found = unused(numpy_scalar(code, form, order, module))
        assert type(found) is type(expected)
        assert found == expected


def test_the_first_version_of_tensors() -> None:
    found = read(call("torch._utils._rebuild_tensor", storage(4), 1, (3,), (1,)))
    assert found.numpy().tolist() == [1.0, 2.0, 3.0]


def test_sizes_may_be_a_torch_size() -> None:
    assert read(tensor(storage(4), call("torch.Size", (2, 2)), (2, 1))).shape == (2, 2)


def test_untyped_storages_carry_the_types_that_came_later() -> None:
    below = storage(16, kind="torch.storage.UntypedStorage")
    node = call("torch._utils._rebuild_tensor_v3", below, 1, (2,), (3,), False, ordered(), Global("torch", "uint16"))
    assert read(node).dtype == "uint16"
    assert read(node).numpy().tolist() == numpy.frombuffer(FOUR, "<u2")[[1, 4]].tolist()


def test_a_parameter() -> None:
    found = read(call("torch._utils._rebuild_parameter", tensor(storage(4), (4,), (1,)), True, ordered()))
    assert found.parameter
    assert found.requires_grad


def test_one_node_is_one_tensor() -> None:
    shared = tensor(storage(4), (4,), (1,))
    tree = read([shared, shared, tensor(storage(4), (4,), (1,))])
    assert tree[0] is tree[1]
    assert tree[0] is not tree[2]
    assert tree[0].storage is tree[2].storage


def test_a_storage_on_its_own_is_a_tensor_of_one_dimension() -> None:
    found = read(storage(4))
    assert isinstance(found, Tensor)
    assert found.numpy().tolist() == [0.0, 1.0, 2.0, 3.0]


def test_tensors_of_ordinary_pickles() -> None:
    content = row_file(storage(4, key="94", view=None), [("94", 4, FOUR)])
    node = tensor(call("torch.storage._load_from_bytes", content), (2,), (2,), 1, requires_grad=True)
    found = read_tensor(node)
    assert found.numpy().tolist() == [1.0, 3.0]
    assert found.requires_grad
    assert read_tensor(call("torch._utils._rebuild_parameter", node, False, ordered())).parameter


# -- what is refused ----------------------------------------------------------------------------------

LIES: dict[str, Any] = {
    "reaches past the end": tensor(storage(4), (5,), (1,)),
    "starts past the end": tensor(storage(4), (1,), (1,), 4),
    "steps past the end (GHSA-jg6j-8w4h-2pg2)": tensor(storage(4), (2,), (10**9,)),
    "starts before the beginning": tensor(storage(4), (1,), (1,), -1),
    "negative step": tensor(storage(4), (2,), (-1,), 3),
    "negative size": tensor(storage(4), (-1,), (1,)),
    "size beyond 64 bits": tensor(storage(4), (2**64 + 1,), (0,)),
    "more elements than memory": tensor(storage(4), (2**31, 2**31, 2**10), (0, 0, 0)),
    "nothing, beyond memory": tensor(storage(4), (0, 2**40, 2**40), (1, 1, 1)),
    "nine dimensions": tensor(storage(4), (1,) * 9, (1,) * 9),
    "fewer strides than sizes": tensor(storage(4), (2, 2), (1,)),
    "sizes in a list": tensor(storage(4), [4], (1,)),
    "sizes of text": tensor(storage(4), ("4",), (1,)),
    "sizes of truths": tensor(storage(4), (True,), (1,)),
    "an offset that is a fraction": tensor(storage(4), (1,), (1,), 0.0),
    "requires_grad of 1": tensor(storage(4), (1,), (1,), requires_grad=1),
    "metadata of text": tensor(storage(4), (1,), (1,), extra=("conj",)),
    "eight arguments": tensor(storage(4), (1,), (1,), extra=(None, None)),
    "no storage": tensor(4, (1,), (1,)),
    "another tensor as the storage": tensor(tensor(storage(4), (4,), (1,)), (1,), (1,)),
    "a storage size that the record does not have (CVE-2026-24747)": tensor(storage(5), (1,), (1,)),
    "a smaller storage than the record": tensor(storage(3), (1,), (1,)),
    "a storage of another item size": tensor(storage(4, kind="torch.DoubleStorage"), (1,), (1,)),
    "a negative storage": tensor(storage(-4), (1,), (1,)),
    "a storage beyond 64 bits": tensor(storage(2**70), (1,), (1,)),
    "a storage of 4.0 elements": tensor(
        PersistentId(("storage", Global("torch", "FloatStorage"), "0", "cpu", 4.0)), (1,), (1,)
    ),
    "no such record": tensor(storage(4, key="1"), (1,), (1,)),
    "a record outside of data": tensor(storage(4, key="../version"), (1,), (1,)),
    "a key that is a number": tensor(
        PersistentId(("storage", Global("torch", "FloatStorage"), 0, "cpu", 4)), (1,), (1,)
    ),
    "an id of six parts": tensor(storage(4, view=None), (1,), (1,)),
    "an id of text": tensor(PersistentId("0"), (1,), (1,)),
    "an id of a list": tensor(PersistentId(["storage"]), (1,), (1,)),
    "an empty id": tensor(PersistentId(()), (1,), (1,)),
    "a storage class of text": tensor(PersistentId(("storage", "FloatStorage", "0", "cpu", 4)), (1,), (1,)),
    "an untyped storage below version 2": tensor(storage(16, kind="torch.storage.UntypedStorage"), (1,), (1,)),
    "two types of one storage (CVE-2024-37065, CVE-2025-54412)": [
        tensor(storage(4), (4,), (1,)),
        tensor(storage(4, kind="torch.IntStorage"), (4,), (1,)),
    ],
    "two sizes of one storage": [
        tensor(storage(4), (4,), (1,)),
        tensor(storage(8, kind="torch.HalfStorage"), (4,), (1,)),
    ],
    "two devices of one storage": [
        tensor(storage(4), (4,), (1,)),
        tensor(storage(4, device="cuda:0"), (4,), (1,)),
    ],
    "a typed storage below version 3 (CVE-2024-37065)": call(
        "torch._utils._rebuild_tensor_v3", storage(4), 0, (4,), (1,), False, ordered(), Global("torch", "uint32")
    ),
    "version 3 past the end": call(
        *("torch._utils._rebuild_tensor_v3", storage(16, kind="torch.storage.UntypedStorage"), 0, (9,), (1,), False),
        *(ordered(), Global("torch", "uint16")),
    ),
    "version 3 of a type that is text": call(
        *("torch._utils._rebuild_tensor_v3", storage(16, kind="torch.storage.UntypedStorage"), 0, (4,), (1,), False),
        *(ordered(), "uint32"),
    ),
    "a parameter of a number": call("torch._utils._rebuild_parameter", 1, True, ordered()),
    "a parameter of a parameter": call(
        *("torch._utils._rebuild_parameter", call("torch._utils._rebuild_parameter", 1, True, ordered())),
        *(True, ordered()),
    ),
    "metadata that is no dict": with_state(ordered(), {"_metadata": [1]}),
    "a size of text": call("torch.Size", "23"),
    "a device of a number": call("torch.device", 1),
    "a device of a negative number": call("torch.device", "cuda", -1),
    "bytes above 255": call("_codecs.encode", "\u0100", "latin1"),
    "bytes in another encoding": call("_codecs.encode", "x", "rot13"),
    "a numpy number that is too short": numpy_scalar("f8", b"1234567"),
    "a numpy number of text": numpy_scalar("f8", "12345678"),
    "pairs of three": call("collections.OrderedDict", [(1, 2, 3)]),
    "pairs in a dict": call("collections.OrderedDict", {1: 2}),
}


@pytest.mark.parametrize("name", LIES)
def test_lies_are_found_before_anything_is_looked_at(name: str) -> None:
    with pytest.raises((FormatError, LimitError, RefusedError)) as caught:
        read(LIES[name])
    assert caught.value.member == "archive/data.pkl"


REFUSED: dict[str, Any] = {
    "a call of the system": call("os.system", "true"),
    "a call of builtins": call("builtins.eval", "1"),
    "an import by name": Global("os", "system"),
    "a call of a call": Call(call("builtins.getattr", Global("os", "sys"), "exit"), ()),
    "a name that ends like a recipe": call(
        "my_torch._utils._rebuild_tensor_v2", storage(4), 0, (4,), (1,), False, None
    ),
    "another loader (CVE-2025-32434)": call("torch.storage._load_from_bytes", b""),
    "a load from a file": call("torch.load", "/etc/passwd"),
    "an object by new": Call(Global("collections", "OrderedDict"), (), kind="new"),
    "a tensor by new": Call(Global("torch._utils", "_rebuild_tensor_v2"), (1,) * 6, kind="new"),
    "a tensor with a state": with_state(tensor(storage(4), (4,), (1,)), {"a": 1}),
    "a tensor with items": with_items(tensor(storage(4), (4,), (1,)), ("a", 1)),
    "hooks": call("torch._utils._rebuild_tensor_v2", storage(4), 0, (4,), (1,), False, ordered(("hook", 1))),
    "hooks of another kind": call("torch._utils._rebuild_tensor_v2", storage(4), 0, (4,), (1,), False, {"hook": 1}),
    "items appended to an ordered dict": with_appended(ordered(), 1),
    "attributes of an ordered dict": with_state(ordered(), {"keys": 1}),
    "a state of an ordered dict that is no dict": with_state(ordered(), [1]),
    "a state of a default dict": with_state(call("collections.defaultdict", None), {"a": 1}),
    "a default that is a function": call("collections.defaultdict", Global("os", "getcwd")),
    "items set on a plain call (CVE-2026-24747)": with_items(call("torch.Size", (1,)), ("a", 1)),
    "a counter": call("collections.Counter", {"a": 1}),
    "an array of numpy": call("numpy.core.multiarray._reconstruct", Global("numpy", "ndarray"), (0,), b"b"),
    "a numpy number of objects": numpy_scalar("O8", b"12345678"),
    "a numpy number of a structure": call(
        "numpy.core.multiarray.scalar",
        with_state(call("numpy.dtype", "f8"), (3, "<", (1,), ("a",), None, -1, -1, 0)),
        b"12345678",
    ),
    "a layout": Global("torch", "strided"),
    "a storage class": Global("torch", "FloatStorage"),
    "a storage class of another module": tensor(storage(4, kind="numpy.FloatStorage"), (4,), (1,)),
    "a storage class that does not exist": tensor(storage(4, kind="torch.EvilStorage"), (4,), (1,)),
    "a name as a key": ordered((Global("os", "system"), 1)),
    "a call as a key": ordered((call("os.system", "true"), 1)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_place_in_a_file_of_tensors_is_refused(name: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read(REFUSED[name])
    assert caught.value.member == "archive/data.pkl"


def test_sets_are_refused() -> None:
    for node in ({1, 2}, [frozenset({1})]):
        with pytest.raises(RefusedError, match="set"):
            read_pth(zip_file(0, pickle=encode(node)))


def test_a_call_whose_result_is_thrown_away_is_refused() -> None:
    pickle = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R0}."
    with pytest.raises(RefusedError, match=r"os\.system"):
        read_pth(zip_file(0, pickle=pickle))


def test_a_refusal_names_what_would_have_run() -> None:
    with pytest.raises(RefusedError, match=r"found a call of os\.system") as caught:
        read({"weight": call("os.system", "true")})
    assert caught.value.hint is not None


UNSUPPORTED: dict[str, Any] = {
    "sparse": call("torch._utils._rebuild_sparse_tensor", Global("torch", "sparse_coo"), (1, 2, 3)),
    "quantized": call("torch._utils._rebuild_qtensor", 1, 2, 3),
    "nested": call("torch._utils._rebuild_nested_tensor", 1),
    "subclass": call("torch._tensor._rebuild_from_type_v2", 1, 2, 3, 4),
    "parameter with attributes": call("torch._utils._rebuild_parameter_with_state", 1, True, None, {}),
    "quantized storage": tensor(storage(16, kind="torch.QInt8Storage"), (4,), (1,)),
    "conjugated": tensor(storage(4), (4,), (1,), extra=({"conj": True},)),
    "float8": call(
        *("torch._utils._rebuild_tensor_v3", storage(16, kind="torch.storage.UntypedStorage"), 0, (4,), (1,), False),
        *(ordered(), Global("torch", "float8_e5m2")),
    ),
    "module": PersistentId(("module", Global("torch.nn", "Linear"), None, None)),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_torch_has_and_strongbox_does_not_keep_is_told_by_name(name: str) -> None:
    with pytest.raises(UnsupportedError):
        read(UNSUPPORTED[name])


def test_a_dict_that_contains_itself() -> None:
    loop = ordered()
    loop.items = [("a", tensor(storage(4), (4,), (1,))), ("again", loop), ("and again", [loop, loop])]
    with pytest.raises(FormatError, match="contains itself"):
        read(loop)


def test_metadata_that_contains_itself() -> None:
    loop = ordered()
    with_state(loop, {"_metadata": loop})
    with pytest.raises(FormatError, match="contains itself"):
        read(loop)


def test_depth_is_bounded() -> None:
    content = zip_file(0, pickle=b"\x80\x02" + b"]" * 100 + b"a" * 99 + b".")
    with pytest.raises(LimitError):
        read_pth(content)


def test_depth_without_a_limit_ends_in_an_error_of_ours() -> None:
    levels = 20_000
    content = zip_file(0, pickle=b"\x80\x02" + b"]" * levels + b"a" * (levels - 1) + b".")
    with pytest.raises(LimitError):
        read_pth(content, limits=Limits(depth=10**6))


def test_a_few_numbers_expanded_over_terabytes_are_refused() -> None:
    with pytest.raises(LimitError, match="expand far beyond"):
        read(tensor(storage(4), (10**12,), (0,)))


def test_many_views_of_one_storage_are_bounded_together() -> None:
    content = bytes(1 << 20)
    views = [tensor(storage(1 << 18), (1 << 18,), (1,)) for _ in range(150)]
    with pytest.raises(LimitError, match="expand far beyond"):
        read(views, content)
    few: list[Tensor] = read(views[:20], content)
    assert sum(view.nbytes for view in few) == 20 << 20


def test_small_expansions_are_read() -> None:
    found = read(tensor(storage(4), (1000, 1000), (0, 0)))
    assert found.numpy().shape == (1000, 1000)


@pytest.mark.parametrize(
    "node",
    [
        tensor(storage(4), (4,), (1,)),
        tensor(call("torch.storage._load_from_bytes", "text"), (4,), (1,)),
        tensor(call("torch.storage._load_from_bytes", b"no file"), (4,), (1,)),
        tensor(call("torch.storage._load_from_bytes", row_file({"a": 1})), (4,), (1,)),
        tensor(call("torch.storage._load_from_bytes", row_file(storage(4, view=None), [("0", 3, FOUR)])), (4,), (1,)),
        tensor(call("os.system", b"true"), (4,), (1,)),
        call("os.system", "true"),
        1,
    ],
)
def test_tensors_of_ordinary_pickles_are_held_to_the_same_rules(node: Any) -> None:
    with pytest.raises(StrongboxError):
        read_tensor(node)


def test_tensors_cannot_be_changed() -> None:
    found = read(tensor(storage(4), (4,), (1,)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.dtype = "float64"
