"""On and off, as people write them."""

from __future__ import annotations

import pytest

from values.words import on_or_off


@pytest.mark.parametrize("word", ["on", "ON", " yes ", "True", "1"])
def test_words_that_mean_on(word: str) -> None:
    assert on_or_off(word) is True


@pytest.mark.parametrize("word", ["off", "No", "false\n", "0"])
def test_words_that_mean_off(word: str) -> None:
    assert on_or_off(word) is False


@pytest.mark.parametrize("word", ["", "maybe", "2", "onn", "yep"])
def test_other_words_mean_neither(word: str) -> None:
    assert on_or_off(word) is None
