"""What the user may choose: environment before Settings before default, each value checked and typed."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Any, Literal

from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction

from activity.models import Activity
from settings_app.fields import (
    OptionalSizeField,
    PreferenceField,
    RateField,
    RawValue,
    SizeField,
    SwitchField,
    WebAddressField,
    WholeNumberField,
    WordField,
)
from settings_app.models import SECRET_KEYS, Setting
from values.kept import Kept
from webclient.url_login import without_login

Source = Literal["env", "stored", "default"]
CACHE_SECONDS = 1.0  # the worker sees a change of Settings this late; the pages ask too often for a query each time
log = logging.getLogger(__name__)


class PreferenceError(ValueError):
    """A sentence that says why a value is not taken, and what to do."""


class UnknownKey(PreferenceError):
    pass


class BadValue(PreferenceError):
    pass


class DecidedByEnvironment(PreferenceError):
    pass


# The forms of the Settings page; "" for what has buttons of its own there.
Section = Literal["", "comfyui", "downloads", "activity"]
SECTIONS: tuple[Section, ...] = ("comfyui", "downloads", "activity")


@dataclass(frozen=True)
class Preference:
    key: str
    section: Section
    field: PreferenceField  # its default, label, help, and which values it takes
    env: str = ""  # the variable that wins over what is stored

    @property
    def label(self) -> str:
        return str(self.field.label)

    @property
    def default(self) -> Any:
        return self.field.initial

    def clean(self, raw: RawValue) -> Any:
        """The value, typed. Raises ValueError with a sentence."""
        try:
            return self.field.clean(raw)
        except ValidationError as refusal:
            raise ValueError(" ".join(refusal.messages)) from refusal

    def shown(self, value: Any) -> str:
        """As a person writes it; `clean` reads it again."""
        return self.field.shown(value)


GB = 10**9
# A line here is all that a preference needs: page, API, admin and environment are made from it.
PREFERENCES: dict[str, Preference] = {
    preference.key: preference
    for preference in (
        Preference(
            "theme",
            "",
            WordField(
                "dark",
                "Theme",
                "For the dashboard and the Django admin, in every browser. Auto follows the system.",
                words=("dark", "light", "auto"),
            ),
        ),
        Preference(
            "activity_retention_days",
            "activity",
            WholeNumberField(
                30,
                "Keep entries for",
                "Days, 1 to 3650. Older entries are deleted at each start and once a day.",
                low=1,
                high=3650,
            ),
        ),
        Preference(
            "connections",
            "downloads",
            WholeNumberField(
                8,
                "Connections per file",
                "The most, 1 to 16. A download starts with up to 4 and adapts.",
                low=1,
                high=16,
            ),
            "COMFYDASH_CONNECTIONS",
        ),
        Preference(
            "rate_limit",
            "downloads",
            RateField(
                0,
                "Bandwidth limit",
                "For all downloads together, like 50MB/s. 0 is no limit. A running download takes it over at once.",
            ),
            "COMFYDASH_RATE_LIMIT",
        ),
        Preference(
            "disk_reserve",
            "downloads",
            SizeField(2 * GB, "Leave free", "Space that downloads never use, like 2GB."),
            "COMFYDASH_DISK_RESERVE",
        ),
        Preference(
            "disk_quota",
            "downloads",
            OptionalSizeField(
                None,
                "Disk quota",
                "What the volume really holds, like 200GB, where the system reports the host's disk. "
                "Empty: as reported.",
            ),
            "COMFYDASH_DISK_QUOTA",
        ),
        Preference(
            "comfyui_url",
            "comfyui",
            WebAddressField(
                "http://127.0.0.1:8188",
                "ComfyUI address",
                "How this server reaches the ComfyUI beside it. Empty: http://127.0.0.1:8188.",
            ),
            "COMFYUI_URL",
        ),
        Preference(
            "comfyui_public_url",
            "comfyui",
            WebAddressField(
                "",
                "ComfyUI address for browsers",
                "How your browser reaches it, where that differs. Links to ComfyUI use it.",
            ),
            "COMFYUI_PUBLIC_URL",
        ),
        Preference(
            "log_generations",
            "comfyui",
            SwitchField(True, "Log generations", "Note in Activity when ComfyUI finishes a generation."),
        ),
    )
}


def get(key: str) -> Any:
    """The value that counts, typed; sizes in bytes, rates in bytes per second. Raises UnknownKey.

    Never fails for a value: nonsense in the environment or the database is warned of once and passed over.
    """
    return _resolve(_known(key))[0]


def source(key: str) -> Source:
    """Where get(key) has its value from. Raises UnknownKey."""
    return _resolve(_known(key))[1]


def check(key: str, raw: RawValue) -> Any:
    """What store() would store: the value, typed. Raises UnknownKey, BadValue or DecidedByEnvironment (sentences)."""
    preference = _known(key)
    if preference.env and _environment(preference) is not None:
        raise DecidedByEnvironment(
            f"{preference.env} decides this. Change it there, or remove the variable, and start again."
        )
    try:
        return preference.clean(raw)
    except ValueError as error:
        raise BadValue(f"{preference.label}: {error}") from error


def store(key: str, raw: RawValue) -> Any:
    """Check, store and log a value given as its own type or as a string; answers it typed.

    Raises UnknownKey, BadValue or DecidedByEnvironment, each with a sentence.
    """
    preference, value = _known(key), check(key, raw)
    before = get(key)
    with transaction.atomic():
        Setting.objects.update_or_create(key=key, defaults={"value": _as_text(value)})
        if value != before:
            Activity.log(
                Activity.Type.SETTINGS,
                Activity.Status.COMPLETED,
                f"{preference.label} changed",
                f"{preference.shown(before) or 'not set'} → {preference.shown(value) or 'not set'}",
                key=key,
                before=before,
                after=value,
            )
    forget()
    transaction.on_commit(forget)  # until then another thread reads the old value, and would keep it for a second
    return value


def forget() -> None:
    """Read the stored values anew at the next get()."""
    _rows.forget()


def of_section(section: str) -> dict[str, Preference]:
    """Those that stand in one form of the Settings page, by key; none for a name that is no section."""
    return {key: preference for key, preference in PREFERENCES.items() if section and preference.section == section}


def variables() -> frozenset[str]:
    """The environment variables that decide a preference."""
    return frozenset(preference.env for preference in PREFERENCES.values() if preference.env)


def problems() -> list[str]:
    """A sentence for each environment variable here whose value is none."""
    found = []
    for preference in PREFERENCES.values():
        raw = os.environ.get(preference.env, "").strip() if preference.env else ""
        try:
            if raw:
                _parse_environment(preference, raw)
        except ValueError as error:
            found.append(f"{preference.env}: {error}")
    return found


def _known(key: str) -> Preference:
    if key in SECRET_KEYS:
        raise UnknownKey(f"“{key}” is a secret and has calls of its own: see /api/docs.")
    if key not in PREFERENCES:
        raise UnknownKey(f"There is no setting “{key[:64]}”. The settings are {', '.join(PREFERENCES)}.")
    return PREFERENCES[key]


def _resolve(preference: Preference) -> tuple[Any, Source]:
    decided = _environment(preference)
    if decided is not None:
        return decided.value, "env"
    raw = _stored().get(preference.key)
    if raw is not None:
        try:
            return preference.clean(raw), "stored"
        except ValueError as error:
            _warn_once(preference.key, raw, f"The stored setting {preference.key} is not used: {error}")
    return preference.default, "default"


@dataclass(frozen=True)
class _Decided:
    value: Any  # may be None: an unlimited quota is a decision too


def _environment(preference: Preference) -> _Decided | None:
    raw = os.environ.get(preference.env, "").strip() if preference.env else ""
    if not raw:
        return None
    try:
        return _Decided(_parse_environment(preference, raw))
    except ValueError as error:
        _warn_once(preference.env, raw, f"{preference.env} is not used: {error}")
        return None


def _parse_environment(preference: Preference, raw: str) -> Any:
    """The login in COMFYUI_URL is read by the comfyui app alone, which sends it as a header: here it is left out."""
    return preference.clean(without_login(raw) if preference.key == "comfyui_url" else raw)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


_rows: Kept[dict[str, str]] = Kept(CACHE_SECONDS, together=True)  # nobody waits for another's database


def _stored() -> dict[str, str]:
    return _rows.get(None, _read_rows)


def _read_rows() -> dict[str, str]:
    try:
        return dict(Setting.objects.filter(key__in=PREFERENCES).values_list("key", "value"))
    except DatabaseError as error:
        # No table yet, or locked: what was known last (or the defaults) is better than no page and no download.
        log.debug("Settings were not read: %s", error)
        return _rows.last or {}


_warned: set[tuple[str, str]] = set()


def _warn_once(name: str, raw: str, sentence: str) -> None:
    if (name, raw) not in _warned:
        _warned.add((name, raw))
        log.warning("%s", sentence)
