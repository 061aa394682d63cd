"""Documents nobody thought of: whatever comes in, presets or one sentence come out."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from presets.document import BadDocument, parse_document
from presets.lock_file import BadLock, parse
from presets.preset import written_size

words = st.sampled_from(
    [
        *("presets", "categories", "metadata", "version", "files", "path", "url", "size", "optional", "name", "tags"),
        *("type", "category", "../x.pt", "vae/a.pt", "https://h.co/o/r/blob/main/a.bin", "~1GB", "true", "<<", "&a"),
        *("*a", "!!map", "template:x", "queue"),
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | words | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=8), inner, max_size=5),
    max_leaves=25,
)
files = st.fixed_dictionaries({}, optional=dict.fromkeys(("path", "url", "size", "optional"), values))
presets = st.fixed_dictionaries({"files": st.lists(files | values, max_size=3) | values}, optional={"tags": values})
catalogues = st.fixed_dictionaries(
    {"presets": st.dictionaries(words | st.text(max_size=8), presets | values, max_size=4)},
    optional={"categories": values, "metadata": values},
)


def is_sentence(text: str) -> bool:
    return text.endswith(".") and "Traceback" not in text


@settings(max_examples=100, deadline=None)
@given(catalogues | values)
def test_any_structure(value: Any) -> None:
    try:
        found = parse_document(yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "replace"))
    except BadDocument as refusal:
        assert is_sentence(str(refusal))
        return
    for preset in found.presets.values():
        assert preset.files or preset.problem
        for file in preset.files:
            assert ".." not in file.path.split("/")
            assert file.url.startswith(("http://", "https://"))
            assert file.size_guess is None or 0 <= file.size_guess < 2**63


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="[]{}:,-?&*!|>'\"%@`#\n\t ab0~.", max_size=200).map(str.encode))
def test_any_bytes(data: bytes) -> None:
    try:
        parse_document(data)
    except BadDocument as refusal:
        assert is_sentence(str(refusal))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_lock(data: bytes) -> None:
    try:
        parse(data)
    except BadLock as refusal:
        assert is_sentence(str(refusal))


@given(st.text(max_size=40))
def test_any_size(text: str) -> None:
    size = written_size(text)
    assert size is None or 0 <= size < 2**63
