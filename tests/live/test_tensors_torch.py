"""Files of tensors against torch itself: what it writes is read, and what is written it reads."""

from __future__ import annotations

import io
import random
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from strongbox.errors import RefusedError, StrongboxError, UnsupportedError
from strongbox.pickles import decode
from strongbox.tensors import (
    DTYPES,
    StateDict,
    StorageData,
    Tensor,
    TensorData,
    TorchName,
    open_pth,
    plan_pth,
    read_pth,
    read_tensor,
)
from tests.zoo import ZOO, requires_zoo

LAYOUTS = ["zip", "row"]
MADE = Path(__file__).resolve().parents[1] / "data" / "archives"


def saved(value: Any, layout: str = "zip") -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=layout == "zip")
    return file.getvalue()


def loaded(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")


def described(tensor: torch.Tensor) -> TensorData:
    """A live tensor as an adapter describes it: where its elements lie, nothing copied."""
    memory = tensor.untyped_storage()
    name = str(tensor.dtype).removeprefix("torch.")
    content = torch.empty(0, dtype=torch.uint8).set_(memory).numpy().data if memory.nbytes() else memoryview(b"")
    return TensorData(
        dtype=name,
        shape=tuple(tensor.shape),
        strides=tensor.stride(),
        storage_offset=int(tensor.storage_offset()),
        storage=StorageData(buffer=content, dtype=name, identity=memory.data_ptr()),
        requires_grad=tensor.requires_grad,
        parameter=isinstance(tensor, torch.nn.Parameter),
    )


def tree_of(value: Any) -> Any:
    """A tree of torch's with its tensors described."""
    if isinstance(value, torch.Tensor):
        return described(value)
    if isinstance(value, OrderedDict):
        tree = OrderedDict((key, tree_of(item)) for key, item in value.items())
        tree.__dict__.update(value.__dict__)
        return tree
    if isinstance(value, dict):
        return {key: tree_of(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([tree_of(item) for item in value])
    return value


def assert_same(ours: Any, theirs: Any, path: str = "") -> int:
    """Compare a tree of ours with torch's, bit for bit, and count the tensors."""
    if isinstance(theirs, torch.Tensor):
        assert_same_tensor(ours, theirs, path)
        return 1
    if isinstance(theirs, dict):
        assert type(ours) is type(theirs), path
        assert list(ours) == list(theirs), path
        assert getattr(ours, "_metadata", None) == getattr(theirs, "_metadata", None), path
        return sum(assert_same(ours[key], theirs[key], f"{path}.{key}") for key in theirs)
    if isinstance(theirs, list | tuple):
        assert type(ours) is type(theirs), path
        assert len(ours) == len(theirs), path
        return sum(assert_same(a, b, f"{path}.{i}") for i, (a, b) in enumerate(zip(ours, theirs, strict=True)))
    assert type(ours) is type(theirs), path
    assert ours == theirs or (ours != ours and theirs != theirs), path
    return 0


def assert_same_tensor(ours: Tensor, theirs: torch.Tensor, path: str) -> None:
    assert isinstance(ours, Tensor), path
    assert f"torch.{ours.dtype}" == str(theirs.dtype), path
    assert (ours.shape, ours.strides) == (tuple(theirs.shape), theirs.stride()), path
    assert ours.storage_offset == theirs.storage_offset(), path
    assert ours.storage.nbytes == theirs.untyped_storage().nbytes(), path
    assert ours.requires_grad == theirs.requires_grad, path
    assert ours.parameter == isinstance(theirs, torch.nn.Parameter), path
    expected = theirs.detach().float() if theirs.dtype == torch.bfloat16 else theirs.detach()
    found = ours.numpy()
    assert found.dtype == expected.numpy().dtype, path
    assert found.tobytes() == expected.numpy().tobytes(), path
    assert not found.flags.writeable, path


def numbers(dtype: str) -> torch.Tensor:
    """24 numbers of a type, no two alike where the type has so many."""
    if dtype == "bool":
        return torch.arange(24) % 3 == 0
    values = torch.arange(24, dtype=torch.float64) * 1.25
    if dtype.startswith("complex"):
        values = torch.complex(values, -values)
    elif dtype.startswith("int"):
        values = values - 12
    return values.to(getattr(torch, dtype))


MAKERS: dict[str, Callable[[torch.Tensor], Any]] = {
    "scalar": lambda t: t[7].clone(),
    "empty": lambda t: t[:0].clone(),
    "empty in two dimensions": lambda t: t.reshape(4, 6)[3:, 6:],
    "contiguous": lambda t: t.reshape(2, 3, 4),
    "transposed": lambda t: t.reshape(4, 6).t(),
    "sliced": lambda t: t.reshape(4, 6)[1:4:2, 2:5],
    "expanded": lambda t: t[:3].clone().expand(4, 3),
    "expanded number": lambda t: t[5].clone().expand(3, 2),
    "one of eight dimensions": lambda t: t.reshape(1, 2, 1, 3, 1, 2, 2, 1),
    "shared": lambda t: {"all": t, "part": t[4:8], "again": t, "turned": t.reshape(6, 4).t()},
    "nested": lambda t: OrderedDict(a=[t[:2].clone(), (t[3:5].clone(), 1.5, None)], b={7: t[:1].clone()}),
}


def case(dtype: str, maker: str) -> Any:
    return MAKERS[maker](numbers(dtype))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_torch_writes_is_read(dtype: str, maker: str, layout: str) -> None:
    value = case(dtype, maker)
    content = saved(value, layout)
    opened = open_pth(content)
    assert opened.layout == layout
    assert opened.remarks == ()
    assert assert_same(opened.tree, value) > 0
    if layout == "zip" or DTYPES[dtype].storage_class is not None:
        # torch writes its newer types in the older layout, too, but does not read them there.
        assert assert_same(opened.tree, loaded(content)) > 0


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_written_torch_reads(dtype: str, maker: str) -> None:
    value = case(dtype, maker)
    content = plan_pth(tree_of(value)).to_bytes()
    assert_equal(loaded(content), value)
    assert assert_same(read_pth(content), loaded(content)) > 0


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_read_can_be_written_again(dtype: str, maker: str, layout: str) -> None:
    value = case(dtype, maker)
    tree = read_pth(saved(value, layout))
    content = plan_pth(tree).to_bytes()
    assert_equal(loaded(content), value)
    assert plan_pth(read_pth(content)).to_bytes() == content


def assert_equal(found: Any, expected: Any) -> None:
    if isinstance(expected, torch.Tensor):
        assert found.dtype == expected.dtype
        assert found.stride() == expected.stride()
        assert found.requires_grad == expected.requires_grad
        assert type(found) is type(expected)
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert type(found) is type(expected)
        assert list(found) == list(expected)
        for key in expected:
            assert_equal(found[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert type(found) is type(expected)
        for a, b in zip(found, expected, strict=True):
            assert_equal(a, b)
    else:
        assert found == expected


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "complex64"])
def test_parameters_and_gradients_both_ways(dtype: str, requires_grad: bool, layout: str) -> None:
    plain = numbers(dtype)[:6].clone().requires_grad_(requires_grad)
    parameter = torch.nn.Parameter(numbers(dtype)[6:].clone(), requires_grad=requires_grad)
    content = saved({"plain": plain, "parameter": parameter}, layout)
    tree = read_pth(content)
    assert assert_same(tree, loaded(content)) == 2
    written = plan_pth(tree).to_bytes()
    assert_equal(loaded(written), loaded(content))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_shared_storages_stay_shared_both_ways(layout: str) -> None:
    tree = read_pth(saved(case("float32", "shared"), layout))
    assert len({id(tensor.storage) for tensor in tree.values()}) == 1
    assert tree["all"] is tree["again"]
    found = loaded(plan_pth(tree).to_bytes())
    found["all"][4] = 99.0
    assert found["part"][0] == 99.0
    assert found["turned"][0, 1] == 99.0


def test_an_untouched_storage_is_written_whole() -> None:
    content = plan_pth({"a": described(torch.arange(1000.0)[10:12])}).to_bytes()
    assert loaded(content)["a"].untyped_storage().nbytes() == 4000


def network() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 5), torch.nn.BatchNorm1d(5), torch.nn.Tanh(), torch.nn.LSTM(5, 4, batch_first=True)
    )


def stepped(make: Callable[[Any], torch.optim.Optimizer]) -> dict[str, Any]:
    module = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    optimizer = make(module.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        module(torch.ones(4, 3)).square().sum().backward()
        optimizer.step()
    return dict(optimizer.state_dict())


OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=1e-3, eps=1e-5),
    "Adam with amsgrad": lambda parameters: torch.optim.Adam(parameters, lr=1e-3, amsgrad=True),
    "Adam with a tensor as rate": lambda parameters: torch.optim.Adam(parameters, lr=torch.tensor(1e-3)),
    "AdamW": lambda parameters: torch.optim.AdamW(parameters),
    "RMSprop": lambda parameters: torch.optim.RMSprop(parameters, alpha=0.99, momentum=0.1),
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_states_both_ways(name: str, layout: str) -> None:
    state = stepped(OPTIMIZERS[name])
    content = saved(state, layout)
    assert assert_same(read_pth(content), loaded(content)) >= 4
    assert_equal(loaded(plan_pth(tree_of(state)).to_bytes()), state)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_module_takes_back_its_state_dict(layout: str) -> None:
    module, other = network(), network()
    for parameter in other.parameters():
        torch.nn.init.zeros_(parameter)
    tree = read_pth(saved(module.state_dict(), layout))
    found = loaded(plan_pth(tree).to_bytes())
    assert vars(found) == vars(module.state_dict())
    other.load_state_dict(found)
    assert_equal(other.state_dict(), module.state_dict())


def test_numbers_of_numpy_in_an_optimizer() -> None:
    """SB3 issue 1900: a schedule returned a numpy number, and the optimizer kept it."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))])
    rates = [numpy.float64(0.25), numpy.float32(0.5), numpy.int64(7), numpy.bool_(True)]
    optimizer.param_groups[0]["rates"] = rates
    tree = read_pth(saved(optimizer.state_dict()))
    found = tree["param_groups"][0]["rates"]
    assert [(type(a), a) for a in found] == [(type(b), b) for b in rates]
    assert loaded(plan_pth(tree).to_bytes())["param_groups"][0]["rates"] == [0.25, 0.5, 7, True]


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_in_ordinary_pickles(dtype: str) -> None:
    """A pickle of a tensor holds its storage as a file in the older layout."""
    cloudpickle = pytest.importorskip("cloudpickle")
    whole = numbers(dtype)
    value = {"view": whole.reshape(4, 6)[1:, ::2], "empty": whole[:0]}
    if dtype.startswith("float"):
        value["parameter"] = torch.nn.Parameter(whole[:3])
    root = decode(cloudpickle.dumps(value)).root
    for name, expected in value.items():
        assert_same_tensor(read_tensor(root[name]), expected, name)


def test_names_of_torch() -> None:
    value = {
        "type": torch.bfloat16,
        "device": torch.device("cuda:1"),
        "cpu": torch.device("cpu"),
        "n": torch.Size([2, 3]),
    }
    tree = read_pth(saved(value))
    assert tree["type"] == TorchName("dtype", "bfloat16")
    assert tree["device"] == TorchName("device", "cuda:1")
    assert tree["n"] == (2, 3)
    assert loaded(plan_pth(tree).to_bytes()) == {**value, "n": (2, 3)}


UNSUPPORTED: dict[str, Callable[[], Any]] = {
    "sparse": lambda: torch.eye(3).to_sparse(),
    "sparse rows": lambda: torch.eye(3).to_sparse_csr(),
    "conjugated": lambda: torch.ones(2, dtype=torch.complex64).conj(),
    "negated": lambda: torch.ones(2, dtype=torch.complex64).conj().imag,
    "float8": lambda: torch.ones(2).to(torch.float8_e4m3fn),
    "complex32": lambda: torch.ones(2).to(torch.complex32),
    "meta": lambda: torch.ones(2, device="meta"),
}


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_kept_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnsupportedError):
        read_pth(saved({"weight": UNSUPPORTED[name]()}))


def test_a_whole_module_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"torch\.nn\.modules\.container\.Sequential"):
        read_pth(saved(network()))
    with pytest.raises(StrongboxError):
        read_pth(saved(network(), "row"))


class Marked(torch.Tensor):
    """A subclass of Tensor."""


def test_a_subclass_and_a_tensor_with_attributes_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="subclass"):
        read_pth(saved(torch.ones(2).as_subclass(Marked)))
    attributed = torch.ones(2)
    attributed.mark = 1  # type: ignore[attr-defined]
    with pytest.raises(UnsupportedError, match="attributes"):
        read_pth(saved(attributed))


def test_torch_script_is_refused() -> None:
    file = io.BytesIO()
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), file)
    with pytest.raises(UnsupportedError, match="TorchScript"):
        read_pth(file.getvalue())


def test_torch_maps_what_is_written(tmp_path: Path) -> None:
    state = network().state_dict()
    path = tmp_path / "state.pth"
    path.write_bytes(plan_pth(tree_of(state)).to_bytes())
    assert_equal(torch.load(path, mmap=True, weights_only=True), state)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_torch_reads_the_same_from_whatever_is_read() -> None:
    """The older layout has no checksums: a changed byte that passes every rule must mean the same to torch."""
    generator = random.Random(0)
    state = {"net": network().state_dict(), "optimizer": stepped(OPTIMIZERS["Adam"])}
    content = saved(state, "row")
    agreed = 0
    for _ in range(1500):
        changed = bytearray(content)
        changed[generator.randrange(len(content) - 2000)] = generator.randrange(256)
        try:
            tree = read_pth(changed)
        except StrongboxError:
            continue
        assert_same(tree, loaded(bytes(changed)))
        agreed += 1
    assert agreed > 100


def state_dicts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".pth")}


@requires_zoo
@pytest.mark.zoo
def test_every_state_dict_of_the_real_archives() -> None:
    tensors = 0
    for path in sorted(ZOO.glob("*.zip")):
        for name, content in state_dicts(path).items():
            theirs = loaded(content)
            opened = open_pth(content)
            assert opened.remarks == ()
            tensors += assert_same(opened.tree, theirs, f"{path.name}/{name}")
            assert_equal(loaded(plan_pth(opened.tree).to_bytes()), theirs)
    assert tensors > 1500


@pytest.mark.parametrize("path", sorted(MADE.glob("*.zip")), ids=lambda path: path.stem)
def test_every_state_dict_of_the_made_archives(path: Path) -> None:
    for name, content in state_dicts(path).items():
        tree = read_pth(content)
        count = assert_same(tree, loaded(content), name)
        assert count == len(list(StateDict(tree, name).tensors()))
        assert_equal(loaded(plan_pth(tree).to_bytes()), loaded(content))
