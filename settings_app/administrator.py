"""The one administrator: who it is, and whether a password is the right one."""

from __future__ import annotations

from typing import Any, Literal

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables

from activity.models import Activity
from settings_app.models import Administrator, LoginLink

USERNAME = "admin"
BACKEND = "settings_app.administrator.AdministratorBackend"


class AccessRefused(Exception):
    pass


def administrator() -> Administrator:
    """The Django user "admin", made when first needed, and made whole again when somebody took its rights away."""
    user, _ = Administrator.objects.get_or_create(
        username=USERNAME, defaults={"is_staff": True, "is_superuser": True, "password": make_password(None)}
    )
    if not (user.is_active and user.is_staff and user.is_superuser):
        user.is_active = user.is_staff = user.is_superuser = True
        user.save(update_fields=["is_active", "is_staff", "is_superuser"])
    return user


def password_source() -> Literal["env", "stored", ""]:
    """Where the valid password comes from; empty while there is none and only a login link lets in."""
    if settings.PASSWORD:
        return "env"
    return "stored" if administrator().has_usable_password() else ""


@sensitive_variables("password")
def is_password(password: str) -> bool:
    """Whether this is the password. COMFYDASH_PASSWORD, where set, is the only one."""
    if settings.PASSWORD:
        return constant_time_compare(password, settings.PASSWORD)
    return administrator().check_password(password)


@sensitive_variables("password")
def set_password(password: str) -> Administrator:
    """Store a new password; links that are still open stop working.

    Raises ValidationError (Django's, with sentences) for a weak one, AccessRefused where the environment decides.
    The sessions of before end with it: keep the own one by update_session_auth_hash().
    """
    if settings.PASSWORD:
        raise AccessRefused(
            "The password comes from COMFYDASH_PASSWORD. Change it there, or remove the variable, and start again."
        )
    user = administrator()
    validate_password(password, user)
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        LoginLink.objects.all().delete()
        Activity.log(Activity.Type.SETTINGS, Activity.Status.COMPLETED, "Password changed")
    return user


class AdministratorBackend(ModelBackend):
    """Django's permissions and sessions for the administrator, whose password may stand in the environment."""

    @sensitive_variables("password")
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Administrator | None:
        if username != USERNAME or password is None or not is_password(password):
            return None
        return administrator()

    def get_user(self, user_id: int) -> Administrator | None:
        return Administrator.objects.filter(pk=user_id, username=USERNAME, is_active=True).first()
