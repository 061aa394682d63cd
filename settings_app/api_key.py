"""The key for scripts (``Authorization: Bearer …``): kept as a hash, shown once."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.conf import settings
from django.db import transaction
from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables

from activity.models import Activity
from settings_app import models
from settings_app.models import Setting
from settings_app.preferences import DecidedByEnvironment


@dataclass(frozen=True)
class Status:
    source: Literal["env", "stored", ""]
    created_at: datetime | None

    @property
    def is_set(self) -> bool:
        return bool(self.source)


def status() -> Status:
    if settings.API_KEY:
        return Status("env", None)
    row = Setting.objects.filter(key=models.API_KEY).first()
    return Status("stored", row.updated_at) if row else Status("", None)


@sensitive_variables("key")
def verify(key: str) -> bool:
    """Whether key opens the API. COMFYDASH_API_KEY, where set, is the only one that does."""
    if not key:
        return False
    if settings.API_KEY:
        return constant_time_compare(_hash(key), _hash(settings.API_KEY))
    stored = Setting.objects.filter(key=models.API_KEY).values_list("value", flat=True).first()
    return constant_time_compare(_hash(key), stored) if stored else False


@transaction.atomic
def create() -> str:
    """Make a new key in place of the old one and answer it: the only time that it can be seen.

    Raises DecidedByEnvironment while COMFYDASH_API_KEY is set.
    """
    _refuse_where_environment_decides()
    key = "cd_" + secrets.token_urlsafe(32)
    Setting.objects.update_or_create(key=models.API_KEY, defaults={"value": _hash(key)})
    Activity.log(Activity.Type.SETTINGS, Activity.Status.COMPLETED, "API key created")
    return key


@transaction.atomic
def delete() -> bool:
    """Whether there was one. Raises DecidedByEnvironment."""
    _refuse_where_environment_decides()
    deleted, _ = Setting.objects.filter(key=models.API_KEY).delete()
    if deleted:
        Activity.log(Activity.Type.SETTINGS, Activity.Status.COMPLETED, "API key deleted")
    return bool(deleted)


def _refuse_where_environment_decides() -> None:
    if settings.API_KEY:
        raise DecidedByEnvironment(
            "The API key comes from COMFYDASH_API_KEY. Change it there, or remove the variable, and start again."
        )


@sensitive_variables("key")
def _hash(key: str) -> str:
    # A fast hash is enough for 256 random bits; a slow one would cost every API request half a second.
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
