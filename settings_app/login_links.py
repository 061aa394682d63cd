"""One-time links that let the owner in: printed by ``serve`` while no password is set, and by ``login_link``.

They live by the database's clock: the machine that makes one and the machine that is shown it may differ by minutes.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from settings_app.models import LoginLink

LIFETIME = timedelta(minutes=30)


def create() -> str:
    """Make a link; answers its path. It works once, within LIFETIME, for whoever has it."""
    prune()
    token = secrets.token_urlsafe(32)
    LoginLink.objects.create(token_hash=_hash(token), expires_at=Now() + LIFETIME)
    return reverse("login:link", args=[token])


@sensitive_variables("token")
def is_open(token: str) -> bool:
    """Whether use() would let in; changes nothing."""
    return _open(token).exists()


@sensitive_variables("token")
def use(token: str) -> bool:
    """Whether the link lets in. The first who asks uses it up."""
    deleted, _ = _open(token).delete()
    return deleted == 1


def prune() -> None:
    LoginLink.objects.exclude(expires_at__gt=Now(), expires_at__lte=Now() + LIFETIME).delete()


def base_url(host: str, port: int) -> str:
    """The address that a browser would use for a server listening on host and port, without a slash at the end."""
    if settings.CSRF_TRUSTED_ORIGINS:
        return str(settings.CSRF_TRUSTED_ORIGINS[0]).rstrip("/")
    if settings.RUNPOD_POD_ID:
        return f"https://{settings.RUNPOD_POD_ID}-{port}.proxy.runpod.net"
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{name}:{port}"


def _open(token: str) -> QuerySet[LoginLink]:
    # A link from the far future was made before the clock was set back, and would never expire.
    return LoginLink.objects.filter(token_hash=_hash(token), expires_at__gt=Now(), expires_at__lte=Now() + LIFETIME)


@sensitive_variables("token")
def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
