"""The documentation of the portable form is what the code does."""

from __future__ import annotations

import json
import re

from strongbox.values import from_portable, same
from strongbox.values.forms import FORMS
from tests.core.values.portable_page import EXAMPLES, PAGE, page


def test_the_page_is_as_it_would_be_written_today() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python -m tests.core.values.portable_page"


def test_every_tag_has_an_example_of_its_own_and_it_reads_as_what_it_is() -> None:
    assert list(EXAMPLES) == [form.tag for form in FORMS]
    examples = re.findall(r"```json\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for form, text in zip(FORMS, examples, strict=True):
        written = json.loads(text)
        assert written["$"] == form.tag
        assert same(from_portable(written), EXAMPLES[form.tag][1])
