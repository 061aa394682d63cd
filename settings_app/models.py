"""What the user likes (key and value), and what lets the one administrator in."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac

HF_TOKEN = "hf_token"  # noqa: S105 - the names of rows, not secrets
API_KEY = "api_key"
SECRET_KEYS = frozenset({HF_TOKEN, API_KEY})


class Setting(models.Model):
    """Read and written through preferences, hub_token and api_key, which know types, defaults and environment."""

    key = models.CharField(max_length=64, primary_key=True)
    value = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "settings"
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key

    @property
    def shown_value(self) -> str:
        return "set, not shown" if self.key in SECRET_KEYS else self.value


class Administrator(User):
    """The one user, whose sessions also end when COMFYDASH_PASSWORD changes."""

    class Meta:
        proxy = True

    def get_session_auth_hash(self) -> str:
        if not settings.PASSWORD:
            return super().get_session_auth_hash()
        return salted_hmac(
            "settings_app.Administrator", self.password + settings.PASSWORD, algorithm="sha256"
        ).hexdigest()


class LoginLink(models.Model):
    """A link that lets its first user in. Only the hash of its token is kept."""

    token_hash = models.CharField(max_length=64, primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "login_link"

    def __str__(self) -> str:
        return f"login link until {self.expires_at:%Y-%m-%d %H:%M} UTC"


class LoginAttempt(models.Model):
    """A password that was tried and not (yet) right: in the database, so that all web processes count together."""

    client = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        db_table = "login_attempt"
        indexes = [models.Index(fields=["client", "at"], name="login_attempt_client")]

    def __str__(self) -> str:
        return f"{self.client} at {self.at:%Y-%m-%d %H:%M:%S}"
