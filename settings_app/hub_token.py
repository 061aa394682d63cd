"""The Hugging Face token's life: its own row, shown to nobody, with HF_TOKEN as the fallback."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from django.conf import settings
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from activity.models import Activity
from settings_app import models, whoami
from settings_app.models import Setting

# What wants to know that a token was saved (downloads wakes its queue): it lives above this app and registers itself.
on_saved: list[Callable[[], None]] = []

LOOKS_RIGHT = re.compile(r"^hf_[A-Za-z0-9_.=-]{1,1000}$")


class BadToken(ValueError):
    """A sentence: this cannot be a token."""


@sensitive_variables("stored")
def hub_token() -> str:
    """The token to use: the stored one, else HF_TOKEN, else an empty string."""
    return _stored_token() or settings.HF_TOKEN


def hub_token_source() -> Literal["stored", "env", ""]:
    if _stored_token():
        return "stored"
    return "env" if settings.HF_TOKEN else ""


def masked() -> str:
    """The token for the eye: its kind and its last four characters at most."""
    token = hub_token()
    if not token:
        return ""
    return f"hf_…{token[-4:]}" if len(token) >= 16 else "hf_…"


@sensitive_variables("token")
def checked(token: str) -> str:
    """The token without the blanks around it. Raises BadToken for what cannot be one; does not ask the Hub."""
    token = token.strip()
    if not token:
        raise BadToken("No token was given. Paste one from huggingface.co/settings/tokens.")
    if not LOOKS_RIGHT.fullmatch(token):
        raise BadToken("This is not a Hugging Face token: those begin with hf_. Copy it again, whole.")
    return token


@sensitive_variables("token")
def save_token(token: str) -> None:
    """Store the token and wake what waited for one. Raises BadToken."""
    token = checked(token)
    with transaction.atomic():
        Setting.objects.update_or_create(key=models.HF_TOKEN, defaults={"value": token})
        Activity.log(Activity.Type.SETTINGS, Activity.Status.COMPLETED, "Hugging Face token saved")
        for wake in on_saved:
            transaction.on_commit(wake, robust=True)


def delete_token() -> bool:
    """Forget the stored token; answers whether there was one. HF_TOKEN, where set, is used again."""
    with transaction.atomic():
        deleted, _ = Setting.objects.filter(key=models.HF_TOKEN).delete()
        if deleted:
            Activity.log(Activity.Type.SETTINGS, Activity.Status.COMPLETED, "Hugging Face token deleted")
    return bool(deleted)


@sensitive_variables("token")
def validate_token(token: str) -> whoami.Identity:
    """Ask the Hub whose token this is; stores nothing.

    Raises BadToken, whoami.InvalidToken, or whoami.HubUnreachable, each with a sentence.
    """
    return whoami.ask(settings.HF_ENDPOINT, checked(token))


@sensitive_variables("value")
def _stored_token() -> str:
    value = Setting.objects.filter(key=models.HF_TOKEN).values_list("value", flat=True).first()
    return value or ""
