"""Whatever the bytes are, the answer is a value or a StrongboxError, and never anything else."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongbox.container import read_directory
from strongbox.errors import StrongboxError
from strongbox.limits import Limits
from strongbox.pickles import Call, Global, PersistentId, encode
from strongbox.tensors import StateDict, open_pth, plan_pth, read_tensor
from tests.core.tensors.pth_files import call, ordered, row_file, storage, tensor, zip_file
from tests.draws import drawn
from tests.zoo import ZOO, requires_zoo

LIMITS = Limits(pickle_opcodes=20_000, nodes=20_000, inflated_bytes=1 << 24)
MADE = Path(__file__).resolve().parents[2] / "data" / "archives"


def look(content: bytes) -> bool:
    """Read all that there is to read; whether it was possible."""
    try:
        opened = open_pth(content, limits=LIMITS)
        state = StateDict({"tree": opened.tree}, "mutated")
        for _, leaf in state.tensors():
            leaf.verify()
            leaf.numpy()
            leaf.copy()
        assert repr(state)
        plan_pth(opened.tree)
    except StrongboxError:
        return False
    return True


def example(layout: str) -> bytes:
    """A file with a bit of everything."""
    view: Any = "zip" if layout == "zip" else None
    floats, longs = storage(4, view=view), storage(2, key="1", kind="torch.LongStorage", view=view)
    untyped = storage(8, key="2", kind="torch.storage.UntypedStorage", view=view)
    flags = storage(4, key="3", kind="torch.BoolStorage", view=view)
    typed = call("torch._utils._rebuild_tensor_v3", untyped, 1, (3,), (1,), False, ordered(), Global("torch", "uint16"))
    root = {
        "net": ordered(("weight", tensor(floats, (2, 2), (2, 1))), ("bias", tensor(floats, (2,), (1,), 2))),
        "state": {0: {"step": tensor(longs, (), ()), "mask": tensor(flags, (4,), (1,)), "late": typed}},
        "groups": [{"lr": 0.5, "betas": (0.9, 0.999), "foreach": None, "params": [0, 1], "name": "adam"}],
        "parameter": call("torch._utils._rebuild_parameter", tensor(floats, (4,), (1,)), True, ordered()),
    }
    records = {
        "0": numpy.arange(4, dtype="<f4").tobytes(),
        "1": numpy.array([7, 8], "<i8").tobytes(),
        "2": numpy.arange(4, dtype="<u2").tobytes(),
        "3": b"\x00\x01\x01\x00",
    }
    if layout == "zip":
        return zip_file(root, records)
    counts = {"0": 4, "1": 2, "2": 8, "3": 4}
    return row_file(root, [(key, counts[key], content) for key, content in records.items()])


EXAMPLES = {layout: example(layout) for layout in ("zip", "row")}


@pytest.mark.parametrize("layout", EXAMPLES)
def test_the_example_is_in_order(layout: str) -> None:
    assert look(EXAMPLES[layout])


@pytest.mark.parametrize("layout", EXAMPLES)
def test_a_file_cut_short_anywhere(layout: str) -> None:
    content = EXAMPLES[layout]
    assert not any(look(content[:length]) for length in range(0, len(content), 7))


@pytest.mark.parametrize("layout", EXAMPLES)
def test_one_changed_byte_anywhere(layout: str) -> None:
    content = EXAMPLES[layout]
    generator = random.Random(0)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << generator.randrange(8)
        look(bytes(changed))


@settings(max_examples=drawn(300), deadline=None, derandomize=True)
@given(st.data(), st.sampled_from(sorted(EXAMPLES)))
def test_several_changes_at_once(data: Any, layout: str) -> None:
    changed = bytearray(EXAMPLES[layout])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        match data.draw(st.sampled_from(["set", "cut", "insert", "double"])):
            case "set":
                changed[place] = data.draw(st.integers(0, 255))
            case "cut":
                del changed[place : place + data.draw(st.integers(1, 16))]
            case "insert":
                changed[place:place] = data.draw(st.binary(max_size=8))
            case "double":
                changed[place:place] = changed[place : place + data.draw(st.integers(1, 64))]
    look(bytes(changed))


# -- trees of nodes that no tool would write -----------------------------------------------------------

INTEGERS = st.integers(-3, 6) | st.sampled_from([2**31, 2**62, 2**63, 2**64, -(2**63)])
ATOMS = st.none() | st.booleans() | INTEGERS | st.floats() | st.text(max_size=3) | st.binary(max_size=8)
NAMES = st.sampled_from(
    [
        *("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3"),
        *("torch._utils._rebuild_parameter", "torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_qtensor"),
        *("collections.OrderedDict", "collections.defaultdict", "torch.Size", "torch.device", "_codecs.encode"),
        *("numpy.core.multiarray.scalar", "numpy.dtype", "torch.float32", "torch.uint16", "torch.FloatStorage"),
        *("torch.storage.UntypedStorage", "torch.storage._load_from_bytes", "os.system", "builtins.dict"),
    ]
)
GLOBALS = NAMES.map(lambda path: Global(*path.rsplit(".", 1)))
SHAPES = st.lists(INTEGERS, max_size=3).map(tuple)
STORAGES = st.builds(
    lambda kind, key, numel: PersistentId(("storage", kind, key, "cpu", numel)),
    st.sampled_from(["FloatStorage", "HalfStorage", "BoolStorage", "ByteStorage"]).map(
        lambda name: Global("torch", name)
    )
    | GLOBALS,
    st.sampled_from(["0", "1", "2", "3"]),
    INTEGERS,
)


def calls(parts: Any) -> Any:
    return st.builds(assemble, GLOBALS | parts, st.lists(parts, max_size=8), parts, parts, st.sampled_from(range(8)))


def assemble(function: Any, arguments: list[Any], state: Any, item: Any, touched: int) -> Any:
    if not isinstance(function, Global | Call):
        return function
    made = Call(function, tuple(arguments), kind="new" if touched == 7 else "reduce")
    if touched == 1:
        made.has_state, made.state = True, state
    if touched == 2:
        made.items = [("key", item)]
    if touched == 3:
        made.appended = [item]
    return made


TENSORS = st.builds(
    lambda below, shape, strides, offset: tensor(below, shape, strides, offset), STORAGES, SHAPES, SHAPES, INTEGERS
)
NODES = st.recursive(
    ATOMS | GLOBALS | STORAGES | TENSORS,
    lambda parts: (
        st.lists(parts, max_size=4)
        | st.lists(parts, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=2) | INTEGERS, parts, max_size=3)
        | calls(parts)
    ),
    max_leaves=12,
)


@settings(max_examples=drawn(500), deadline=None, derandomize=True)
@given(NODES)
def test_any_tree_of_nodes_in_both_layouts(node: Any) -> None:
    try:
        pickle = encode(node)
    except StrongboxError:
        return
    records = {str(key): bytes([key]) * 8 for key in range(4)}
    look(zip_file(0, records, pickle=pickle))
    look(row_file(0, [("0", 2, bytes(8))]).replace(encode(0, protocol=2), pickle, 1))
    try:
        read_tensor(node, limits=LIMITS)
    except StrongboxError:
        return


# -- real files -------------------------------------------------------------------------------------------


def mutate(content: bytes, generator: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(generator.randrange(1, 4)):
        place = generator.randrange(len(changed))
        changed[place] = generator.choice([0, 0xFF, generator.randrange(256), changed[place] ^ 1])
    return bytes(changed)


def state_dicts(path: Path) -> list[bytes]:
    outer = read_directory(path.read_bytes())
    contents = [bytes(outer.span(name)) for name in outer if name.endswith(".pth")]
    return [content for content in contents if len(content) < 100_000]


@pytest.mark.parametrize("path", sorted(MADE.glob("*.zip")), ids=lambda path: path.stem)
def test_mutated_state_dicts(path: Path) -> None:
    generator = random.Random(path.name)
    for content in state_dicts(path):
        for _ in range(8):
            look(mutate(content, generator))


@requires_zoo
@pytest.mark.zoo
def test_mutated_state_dicts_of_real_archives() -> None:
    generator = random.Random(0)
    for path in sorted(ZOO.glob("*.zip")):
        for content in state_dicts(path):
            assert look(content)
            for _ in range(4):
                look(mutate(content, generator))
