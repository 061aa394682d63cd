"""Form fields of the preferences.

What is typed, sent to the API, set in the environment or found in the database goes through the same ``clean``: it
takes the value's own type or a string, and raises ValidationError with one sentence for anything else.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError

from values.sizes import human_size, parse_size
from values.words import on_or_off
from webclient.url_login import hidden_login

RawValue = str | int | float | bool | list[object] | dict[str, object] | None
MOST_BYTES = 2**63 - 1
EXAMPLE = "http://127.0.0.1:8188"
LEAST_RATE = 1000  # bytes/s; "50" is meant as 50 MB/s and would take a year


class PreferenceField(forms.Field):
    value_type: Any  # of what clean answers, for the API's document
    decided_by = ""  # the environment variable, in a form where one decides

    def __init__(self, default: Any, label: str, help: str) -> None:
        super().__init__(required=False, initial=default, label=label, help_text=help)

    def shown(self, value: Any) -> str:
        """As a person writes it; ``clean`` reads it again."""
        return str(value)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else self.shown(value)


class WordField(PreferenceField):
    def __init__(self, default: str, label: str, help: str, *, words: tuple[str, ...]) -> None:
        super().__init__(default, label, help)
        self.words = words
        self.value_type = Literal[words]
        self.widget = forms.Select(choices=[(word, word.capitalize()) for word in words])

    def to_python(self, value: RawValue) -> str:
        word = value.strip().lower() if isinstance(value, str) else ""
        if word not in self.words:
            raise ValidationError(f"{_quoted(value)} is none of {', '.join(self.words)}.")
        return word


class WholeNumberField(PreferenceField):
    widget = forms.NumberInput
    value_type = int

    def __init__(self, default: int, label: str, help: str, *, low: int, high: int) -> None:
        super().__init__(default, label, help)
        self.low, self.high = low, high

    def to_python(self, value: RawValue) -> int:
        number = value
        # The length keeps int() from refusing 5,000 digits in words of its own.
        if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value.strip()) < 20:
            number = int(value)
        if isinstance(number, bool) or not isinstance(number, int) or not self.low <= number <= self.high:
            raise ValidationError(f"{_quoted(value)} is not a whole number from {self.low} to {self.high}.")
        return number


class SwitchField(PreferenceField):
    """On or off; a box on the page."""

    widget = forms.CheckboxInput
    value_type = bool

    def to_python(self, value: RawValue) -> bool:
        if isinstance(value, bool):
            return value
        switch = on_or_off(value) if isinstance(value, str) else None
        if switch is None:
            raise ValidationError(f"{_quoted(value)} is neither on nor off.")
        return switch

    def shown(self, value: bool) -> str:
        return "on" if value else "off"

    def prepare_value(self, value: Any) -> Any:
        return value  # a box is ticked for every text, "off" too


class SizeField(PreferenceField):
    """Bytes, from a number of them or from text like ``20GB`` and ``1.5GiB``."""

    widget = forms.TextInput
    value_type: Any = int

    def to_python(self, value: RawValue) -> int | None:
        if isinstance(value, str):
            count = _parsed_size(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            count = value
        else:
            raise ValidationError(f"{_quoted(value)} is not a size. Write it like 20GB.")
        if not 0 <= count <= MOST_BYTES:
            raise ValidationError(f"{_quoted(value)} is not a size that a disk can have. Write it like 20GB.")
        return count

    def shown(self, value: int | None) -> str:
        """Short where that loses nothing (20 GB), all digits where not."""
        if value is None:
            return ""
        short = human_size(value).replace(".0 ", " ")
        return short if parse_size(short) == value else str(value)


class OptionalSizeField(SizeField):
    """Bytes, or None for nothing given; a quota of zero bytes would be none that anyone means."""

    value_type: Any = int | None

    def to_python(self, value: RawValue) -> int | None:
        if value is None or value == "":
            return None
        return super().to_python(value) or None


class RateField(SizeField):
    """Bytes per second, from a number of them or from text like ``50MB/s``; 0 for no limit."""

    def to_python(self, value: RawValue) -> int:
        if value is None or value == "":
            return 0
        count = super().to_python(value) or 0
        if 0 < count < LEAST_RATE:
            raise ValidationError(
                f"{count} bytes a second is next to nothing. Write it like 50MB/s, or 0 for no limit."
            )
        return count

    def shown(self, value: int | None) -> str:
        return f"{super().shown(value)}/s" if value else "0"


class WebAddressField(PreferenceField):
    """An http(s) address without its last slash; the default for an empty string."""

    widget = forms.URLInput
    value_type = str

    def to_python(self, value: RawValue) -> str:
        if value is None or value == "":
            return str(self.initial)
        text = value.strip().rstrip("/") if isinstance(value, str) else ""
        shown = _quoted(hidden_login(value) if isinstance(value, str) else value)
        if not text or len(text) > 500 or not text.isprintable() or any(blank in text for blank in " \"'<>\\"):
            raise ValidationError(f"{shown} is not an address. Write it like {EXAMPLE}.")
        try:
            parts = urlsplit(text)
            _ = parts.port  # says by an error that it is none
        except ValueError as error:
            raise ValidationError(f"{shown} is not an address. Write it like {EXAMPLE}.") from error
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValidationError(f"{shown} is not a web address. Write it like {EXAMPLE}.")
        if parts.username is not None or parts.password is not None:
            raise ValidationError("An address with a user name or password in it is not taken: it would be shown.")
        if parts.query or parts.fragment:
            raise ValidationError(f"Write the address without “?” and “#”, like {EXAMPLE}.")
        return text


def _parsed_size(text: str) -> int:
    try:
        return parse_size(text[:100])
    except ValueError as error:
        raise ValidationError(str(error)) from error


def _quoted(raw: RawValue) -> str:
    text = str(raw)
    return f"“{text}”" if len(text) <= 40 else f"“{text[:39]}…”"
