"""Real archives: nothing in any data stays opaque, and every value has a portable form."""

from __future__ import annotations

import base64
import json
import zipfile
from pathlib import Path

import pytest

from strongbox.pickles import decode
from strongbox.values import describe, find_opaque, from_portable, is_known_call, same, to_portable, to_value
from tests.zoo import ZOO, requires_zoo


@requires_zoo
@pytest.mark.parametrize("path", sorted(ZOO.glob("*.zip")), ids=lambda path: path.stem)
def test_everything_is_understood(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        data = json.loads(archive.read("data"))
    for name, entry in data.items():
        if isinstance(entry, dict) and ":serialized:" in entry:
            decoded = decode(base64.b64decode(entry[":serialized:"]))
            value = to_value(decoded)
            assert find_opaque(value, name) == []
            assert same(from_portable(json.loads(json.dumps(to_portable(value)))), value)
            assert describe(value).isprintable()
            assert all(is_known_call(call.path) for call in decoded.calls)
