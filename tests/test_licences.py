"""docs/licences.md names what the image installs; after a change of the lock: ``python -m bench.licences``."""

from __future__ import annotations

import re
from importlib.metadata import distribution

import pytest

from bench.licences import LIST, by_text, licence, locked


def test_the_list_names_every_locked_package_with_its_version_and_licence():
    listed = re.findall(r"^\| ([\w.-]+) \| (\S+) \| (.+) \|$", LIST.read_text(), re.MULTILINE)
    rows = [(name, version) for name, version, _ in listed if name != "package"]
    assert rows == list(locked().items())
    assert len(rows) > 30
    assert [name for name, _, words in listed if words == "not said"] == []


def test_a_licence_is_read_from_the_metadata():
    assert licence(distribution("Django")) == "BSD-3-Clause"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Copyright (c) A\n\nPermission is hereby granted, free of charge, to any", "MIT (by its text)"),
        ("\n  The Some Licence\nmore", "The Some Licence (by its text)"),
        ("", "not said (by its text)"),
    ],
)
def test_a_licence_is_named_by_its_text_where_the_metadata_says_nothing(text, words):
    assert by_text(text) == words
