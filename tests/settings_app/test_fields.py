"""Form fields of the preferences: what is shown is read again as the same value."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from settings_app.fields import (
    OptionalSizeField,
    PreferenceField,
    RateField,
    SizeField,
    SwitchField,
    WebAddressField,
    WholeNumberField,
    WordField,
)

WORD = WordField("dark", "Theme", "", words=("dark", "light"))
NUMBER = WholeNumberField(8, "Connections", "", low=1, high=16)
SWITCH = SwitchField(True, "Log", "")
SIZE = SizeField(2 * 10**9, "Reserve", "")
QUOTA = OptionalSizeField(None, "Quota", "")
RATE = RateField(0, "Rate", "")
ADDRESS = WebAddressField("http://127.0.0.1:8188", "ComfyUI", "")


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        (WORD, "light", "light"),
        (NUMBER, 16, "16"),
        (SWITCH, False, "off"),
        (SIZE, 2 * 10**9, "2 GB"),
        (SIZE, 1_610_612_736, "1610612736"),
        (QUOTA, None, ""),
        (RATE, 50_000_000, "50 MB/s"),
        (RATE, 0, "0"),
        (ADDRESS, "https://comfy.example", "https://comfy.example"),
    ],
)
def test_what_is_shown_is_read_again_as_the_same_value(field: PreferenceField, value: Any, shown: str) -> None:
    assert field.shown(value) == shown
    assert field.clean(shown) == value == field.clean(value)


@pytest.mark.parametrize("field", [NUMBER, SIZE, RATE, ADDRESS])
def test_what_was_typed_and_refused_stays_as_it_was_typed(field: PreferenceField) -> None:
    with pytest.raises(ValidationError):
        field.clean("fast")
    assert field.prepare_value("fast") == "fast"


def test_an_address_that_is_left_empty_is_the_default() -> None:
    assert ADDRESS.clean("") == "http://127.0.0.1:8188"


def test_the_document_of_the_api_is_told_what_comes_out() -> None:
    types = [field.value_type for field in (NUMBER, SWITCH, SIZE, QUOTA, RATE, ADDRESS)]
    assert types == [int, bool, int, int | None, int, str]
