"""What a person types on the Settings page, in the token dialog and at the login."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from settings_app import administrator, hub_token, preferences
from settings_app.models import Administrator

MOST_OF_PASSWORD = 4096  # letters; hashing more would only cost time
WRONG = "This is not the password. Try again, or use a login link: “manage.py login_link” on the server makes one."


class SectionForm(forms.Form):
    """The preferences of one section, as they are now or as they were typed; disabled where the environment decides."""

    use_required_attribute = False

    def __init__(self, section: str, typed: Mapping[str, str] | None = None) -> None:
        """Raises KeyError for an unknown section."""
        self.section = section
        chosen = preferences.of_section(section)
        if not chosen:
            raise KeyError(section)
        now = {key: preferences.get(key) for key in chosen}
        data = None if typed is None else {**_left_out(chosen, now, typed), **typed}
        super().__init__(data, initial=now, auto_id="%s")
        for key, preference in chosen.items():
            field = self.fields[key] = deepcopy(preference.field)
            if preferences.source(key) == "env":
                field.disabled, field.decided_by = True, preference.env

    @property
    def is_all_decided(self) -> bool:
        return all(field.disabled for field in self.fields.values())

    def save(self) -> bool:
        """Store what was typed, all of it, or nothing where a value is refused; answers whether it was stored."""
        if not self.is_valid():
            for key in self.errors:
                self.fields[key].widget.attrs["autofocus"] = True
            return False
        with transaction.atomic():
            for key, value in self.cleaned_data.items():
                # What nobody changed stays the default, also when the default changes.
                if not self.fields[key].disabled and value != preferences.get(key):
                    preferences.store(key, value)
        return True


def _left_out(
    section: Mapping[str, preferences.Preference], now: Mapping[str, Any], typed: Mapping[str, str]
) -> dict[str, Any]:
    """The present values of what was not sent. A box is never left out: it is not sent when it is not ticked."""
    return {
        key: preference.field.prepare_value(now[key])
        for key, preference in section.items()
        if preference.field.widget.value_omitted_from_data(typed, {}, key)
    }


class TokenField(forms.Field):
    """A Hugging Face token, without what copying leaves around it; does not ask the Hub."""

    widget = forms.PasswordInput

    @sensitive_variables("value")
    def to_python(self, value: str | None) -> str:
        try:
            return hub_token.checked(value or "")
        except hub_token.BadToken as refusal:
            raise ValidationError(str(refusal)) from refusal


class TokenForm(forms.Form):
    token = TokenField(required=False)

    @property
    def refusal(self) -> str:
        """Why what was typed is no token; "" when it may be one."""
        return " ".join(map(str, self.errors.get("token", [])))


def _password_field(label: str, autocomplete: str, **attributes: Any) -> forms.CharField:
    # The browser asks for one; here an empty one is answered like any other that is not right.
    attributes |= {"autocomplete": autocomplete, "maxlength": MOST_OF_PASSWORD, "required": True}
    return forms.CharField(label=label, strip=False, required=False, widget=forms.PasswordInput(attributes))


class LoginForm(forms.Form):
    password = _password_field("Password", "current-password", autofocus=True)

    @sensitive_variables("password")
    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        if not administrator.is_password(password):
            raise ValidationError(WRONG)
        return password


class PasswordForm(forms.Form):
    """A new password. Who came by a link may have forgotten the old one and need not know it."""

    current = _password_field("Current password", "current-password")
    new = _password_field("New password", "new-password", minlength=8)
    again = _password_field("New password, again", "new-password", minlength=8)

    def __init__(self, *, needs_current: bool, typed: Mapping[str, str] | None = None) -> None:
        super().__init__(typed, auto_id="%s")
        self.fields["new"].help_text = "8 characters or more, and none of the usual ones. Other sessions end."
        if not needs_current:
            del self.fields["current"]

    @sensitive_variables("typed")
    def clean(self) -> dict[str, Any]:
        typed = self.cleaned_data
        if not settings.AUTH_ON:
            raise ValidationError("The login is off (COMFYDASH_AUTH). Turn it on, log in, then set a password.")
        if "current" in self.fields and not administrator.is_password(typed.get("current", "")):
            raise ValidationError("The current password is not right.")
        if typed.get("new") != typed.get("again"):
            raise ValidationError("The new password was not typed the same twice.")
        return typed

    @sensitive_variables()
    def save(self) -> Administrator | None:
        """Set it. None where it is refused: `non_field_errors` then says why."""
        if not self.is_valid():
            return None
        try:
            return administrator.set_password(self.cleaned_data["new"])
        except ValidationError as error:
            self.add_error(None, error)
        except administrator.AccessRefused as refusal:
            self.add_error(None, str(refusal))
        return None
