"""The forms of the Settings page: which preferences stand together, and what was typed into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from settings_app import preferences
from settings_app.preferences import PREFERENCES, Preference, PreferenceError

# Section → preference → kind of control.
SECTIONS: dict[str, dict[str, str]] = {
    "comfyui": {"comfyui_url": "url", "comfyui_public_url": "url", "log_generations": "check"},
    "downloads": {"connections": "number", "rate_limit": "text", "disk_reserve": "text", "disk_quota": "text"},
    "activity": {"activity_retention_days": "number"},
}


@dataclass(frozen=True)
class Field:
    preference: Preference
    control: str
    value: str
    decided: bool  # by the environment
    error: str = ""

    @property
    def key(self) -> str:
        return self.preference.key


@dataclass(frozen=True)
class Section:
    name: str
    fields: list[Field]

    @property
    def has_errors(self) -> bool:
        return any(field.error for field in self.fields)

    @property
    def is_all_decided(self) -> bool:
        return all(field.decided for field in self.fields)


def section(name: str) -> Section:
    """As it is now. Raises KeyError for an unknown name."""
    return Section(name, [_field(key, control) for key, control in SECTIONS[name].items()])


def save(name: str, typed: Mapping[str, str]) -> Section:
    """Store what was typed, all of it or, where a value is refused, nothing; the answer then carries the sentences.

    Raises KeyError for an unknown name.
    """
    fields, wanted = [], {}
    for key, control in SECTIONS[name].items():
        field = _field(key, control)
        if not field.decided:
            text = "on" if typed.get(key) else "off"
            text = text if control == "check" else typed.get(key, field.value)
            try:
                wanted[key] = preferences.check(key, text)
                field = Field(field.preference, control, text, False)
            except PreferenceError as refusal:
                field = Field(field.preference, control, text, False, str(refusal))
        fields.append(field)
    if any(field.error for field in fields):
        return Section(name, fields)
    _store(wanted)
    return section(name)


@transaction.atomic
def _store(wanted: dict[str, Any]) -> None:
    for key, value in wanted.items():
        if value != preferences.get(key):  # what nobody changed stays the default, also when the default changes
            preferences.store(key, value)


def _field(key: str, control: str) -> Field:
    preference = PREFERENCES[key]
    return Field(preference, control, preference.shown(preferences.get(key)), preferences.source(key) == "env")
