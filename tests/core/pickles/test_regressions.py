"""Published ways to attack readers of pickles, each with what becomes of it here.

Those that concern the archive's zip layer, its members' names and its tensors stand beside these rooms.
"""

from __future__ import annotations

import pickle as p
import pickletools

import pytest

from strongbox.errors import FormatError, RefusedError
from strongbox.pickles import Call, Decoded, Global, decode, walk
from tests.core.pickles.hostile import ONE, row


def named(*names: str) -> bytes:
    """Calls of these names, in a tuple."""
    calls = [p.GLOBAL + name.replace(":", "\n").encode() + b"\n" + p.EMPTY_TUPLE + p.REDUCE for name in names]
    return row(p.MARK, *calls, p.TUPLE)


def test_cve_2025_32434_no_other_loader() -> None:
    """torch.load(weights_only=True) handed some files to a loader that had no such rule. Here there is no other."""
    for content in (b"PK\x03\x04", b"ustar", p.dumps({"a": 1}, 0), p.dumps({"a": 1}, 1), b"\x93NUMPY", b""):
        with pytest.raises((RefusedError, FormatError)) as raised:
            decode(content)
        assert raised.value.offset == 0


SETITEM_TARGETS = {
    "list": p.EMPTY_LIST + ONE + p.APPEND,
    "tuple": ONE + p.TUPLE1,
    "text": p.SHORT_BINUNICODE + b"\x01a",
    "bytearray": p.BYTEARRAY8 + b"\x01" + bytes(8),
    "name": p.GLOBAL + b"torch\nTensor\n",
    "persistent id": ONE + p.BINPERSID,
    "number": ONE,
}


@pytest.mark.parametrize("opcode", ["SETITEM", "SETITEMS"])
@pytest.mark.parametrize("target", SETITEM_TARGETS)
def test_cve_2026_24747_items_set_on_what_is_no_dictionary(target: str, opcode: str) -> None:
    """torch set items on whatever was on the stack, tensors too, and wrote out of bounds."""
    code = {"SETITEM": ONE + ONE + p.SETITEM, "SETITEMS": p.MARK + ONE + ONE + p.SETITEMS}[opcode]
    with pytest.raises(RefusedError, match="expected a dictionary to set items in"):
        decode(row(SETITEM_TARGETS[target], code), persistent=True)


def test_cve_2026_24747_items_set_on_a_call_are_written_down() -> None:
    """What they mean is for the recipe of that call to say; none for a tensor takes any."""
    tensor = p.GLOBAL + b"torch._utils\n_rebuild_tensor_v2\n" + p.EMPTY_TUPLE + p.REDUCE
    root = decode(row(tensor, ONE, ONE, p.SETITEM)).root
    assert type(root) is Call
    assert root.items == [(1, 1)]


@pytest.mark.parametrize(
    "name",
    [
        "pip:main",
        "pip._internal:main",
        "asyncio.unix_events:_UnixSubprocessTransport",
        "idlelib.pyshell:ModifiedInterpreter",
        "torch.utils.bottleneck.__main__:run_cprofile",
        "numpy.testing._private.utils:runstring",
        "builtins:exec",
        "__builtin__:eval",
        "os:system",
        "_io:FileIO",
        "a_module_that_nobody_has_heard_of:function",
    ],
)
def test_cve_2025_1716_and_10157_no_list_of_bad_names(name: str) -> None:
    """Scanners knew dangerous names and missed others, modules below modules among them. Every name is inert here."""
    decoded = decode(named(name, "collections:OrderedDict"))
    assert [item.path for item in decoded.calls] == [name.replace(":", "."), "collections.OrderedDict"]
    assert all(type(item) is Global for item in decoded.globals)


def test_cve_2025_1889_and_10155_content_alone_counts() -> None:
    """Scanners went by the file's extension. The machine is given bytes; nothing names a file."""
    content = named("os:system")
    assert decode(memoryview(b"x" + content + b"x")[1:-1]).calls[0].path == "os.system"


def test_cve_2025_10156_an_early_error_hides_nothing() -> None:
    """Scanners gave up at a broken part and called the rest clean; here a broken pickle gives nothing at all."""
    for broken in (named("os:system")[:-1], named("os:system")[:-1] + b"\xff.", named("os:system") + b"\x00"):
        with pytest.raises((RefusedError, FormatError)):
            decode(broken)


def test_a_second_pickle_behind_the_first() -> None:
    with pytest.raises(FormatError, match="expected nothing after the pickle"):
        decode(p.dumps([1], 4) + named("os:system"))


def test_a_call_whose_result_is_thrown_away_is_reported() -> None:
    """pickle.loads gives 1 here, after the call."""
    hidden = p.GLOBAL + b"os\nsystem\n" + p.EMPTY_TUPLE + p.REDUCE
    for content in (row(hidden, p.POP, ONE), row(ONE, p.MARK, hidden, p.POP_MARK), row(hidden, p.MEMOIZE, p.POP, ONE)):
        decoded = decode(content)
        assert decoded.root == 1
        assert [item.path for item in decoded.calls] == ["os.system"]
        assert [item.path for item in decoded.popped] == ["os.system"]


def test_a_call_that_is_overwritten_or_hidden_in_a_key_is_reported() -> None:
    hidden = p.GLOBAL + b"os\nsystem\n" + p.EMPTY_TUPLE + p.REDUCE
    overwritten = row(p.EMPTY_DICT, p.MARK, ONE, hidden, ONE, p.NONE, p.SETITEMS)
    assert decode(overwritten).root == {1: None}
    for content in (
        overwritten,
        row(p.EMPTY_DICT, hidden, ONE, p.SETITEM),
        row(hidden, p.TUPLE1, p.POP, ONE),
        row(hidden, p.BINPUT, b"\x00", p.TUPLE1, p.POP, ONE),
    ):
        assert [item.path for item in decode(content).calls] == ["os.system"]


def test_a_name_found_by_getattr_is_only_a_call() -> None:
    """A way around lists of names: getattr of a module that looks harmless."""
    content = row(
        *(p.GLOBAL + b"builtins\ngetattr\n", p.GLOBAL + b"os\npath\n", p.SHORT_BINUNICODE + b"\x06system"),
        *(p.TUPLE2, p.REDUCE, p.SHORT_BINUNICODE + b"\x02ls", p.TUPLE1, p.REDUCE),
    )
    decoded = decode(content)
    assert decoded.root.path == ""
    assert decoded.root.function.path == "builtins.getattr"
    assert [item.path for item in decoded.globals] == ["builtins.getattr", "os.path"]


def test_names_put_together_from_other_parts() -> None:
    """STACK_GLOBAL takes any two texts, from the memo too; scanners that read opcodes in a row miss it."""
    content = row(
        *(p.SHORT_BINUNICODE + b"\x06system", p.MEMOIZE, p.SHORT_BINUNICODE + b"\x02os", p.MEMOIZE, p.POP, p.POP),
        *(p.BINGET + b"\x01", p.BINGET + b"\x00", p.STACK_GLOBAL, p.EMPTY_TUPLE, p.REDUCE),
    )
    assert [item.path for item in decode(content).calls] == ["os.system"]


@pytest.mark.parametrize(
    "code",
    [
        p.EXT1 + b"\x01",
        p.EXT2 + b"\x01\x00",
        p.EXT4 + b"\x01\x00\x00\x00",
        p.MARK + p.INST + b"os\nsystem\n",
        p.MARK + p.GLOBAL + b"os\nsystem\n" + p.OBJ,
        p.PERSID + b"os.system\n",
        p.NEXT_BUFFER,
        p.NEXT_BUFFER + p.READONLY_BUFFER,
    ],
)
def test_other_ways_to_call_or_to_reach_out(code: bytes) -> None:
    with pytest.raises(RefusedError, match="is not allowed"):
        decode(row(code), persistent=True)


def test_what_is_audited_is_what_is_built_from() -> None:
    """Every name that pickletools sees in a pickle is a node of its tree."""
    content = named("os:system", "pip:main", "collections:OrderedDict")
    seen = [argument for operation, argument, _ in pickletools.genops(content) if operation.name == "GLOBAL"]
    decoded: Decoded = decode(content)
    nodes = [node for node in walk(decoded) if isinstance(node, Global)]
    assert [f"{item.module} {item.name}" for item in nodes] == seen
    assert list(decoded.globals) == nodes
