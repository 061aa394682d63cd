"""The Hugging Face token's life: its own row, shown to nobody, with HF_TOKEN as the fallback."""

from __future__ import annotations

import re
from typing import Literal

from django.conf import settings
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

import extension_points
from activity.models import Activity
from settings_app import models, whoami
from settings_app.models import Setting

MOST_LETTERS = 1000  # more is a file that was pasted, and servers close the connection over such a header
LOOKS_RIGHT = re.compile(r"^hf_[A-Za-z0-9_.=-]{1,1000}$")


class BadToken(ValueError):
    pass


def hub_token() -> str:
    """The token to use: the stored one, else HF_TOKEN, else an empty string. One that cannot be sent is none."""
    return usable(_stored_token()) or environment_token()


def environment_token() -> str:
    return usable(settings.HF_TOKEN)


Source = Literal["stored", "env", ""]


def hub_token_source() -> Source:
    return in_use()[1]


def in_use() -> tuple[str, Source, list[str]]:
    """The token, where it comes from, and a sentence for each one that was given but cannot be one."""
    stored = _stored_token()
    found = []
    if problem := unsendable(_bare(stored)):
        found.append(f"The saved Hugging Face token is not used: {problem}. Paste it again, whole.")
    if problem := environment_problem():
        found.append(problem)
    if token := usable(stored):
        return token, "stored", found
    token = environment_token()
    return token, "env" if token else "", found


@sensitive_variables("value")
def usable(value: str) -> str:
    """The token in a value that somebody set, without what copying leaves around it; "" when it fits no header."""
    value = _bare(value)
    return "" if unsendable(value) else value


def _bare(value: str) -> str:
    return value.strip().strip("\"'").strip()


@sensitive_variables("value")
def unsendable(value: str) -> str:
    """Why a token cannot be sent, as a part of a sentence; "" when it can."""
    if re.search(r"\s", value):
        return "it has a blank or a line break inside"
    if not value.isprintable():
        return "it holds a control or an invisible character"
    if not value.isascii():
        return "it holds a letter that no token has"
    return f"it is longer than {MOST_LETTERS} letters" if len(value) > MOST_LETTERS else ""


def environment_problem() -> str:
    problem = unsendable(_bare(settings.HF_TOKEN))
    return f"HF_TOKEN is not used: {problem}. Public files install without it." if problem else ""


def masked(token: str | None = None) -> str:
    """The token (by default the one in use) for the eye: its kind and its last four characters at most."""
    token = hub_token() if token is None else token
    if not token:
        return ""
    return f"hf_…{token[-4:]}" if len(token) >= 16 else "hf_…"


@sensitive_variables("token")
def checked(token: str) -> str:
    """The token without the blanks around it. Raises BadToken for what cannot be one; does not ask the Hub."""
    token = _bare(token)
    if not token:
        raise BadToken("No token was given. Paste one from huggingface.co/settings/tokens.")
    if problem := unsendable(token):
        raise BadToken(f"This cannot be a Hugging Face token: {problem}. Copy it again, whole.")
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
        for wake in extension_points.token_saved:
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
    return whoami.ask(settings.HF_ENDPOINT, checked(token), allow_private_hosts=settings.ALLOW_PRIVATE_HOSTS)


@sensitive_variables("value")
def _stored_token() -> str:
    value = Setting.objects.filter(key=models.HF_TOKEN).values_list("value", flat=True).first()
    return value or ""
