"""The stored settings in the Django admin: values checked as everywhere, secrets never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from settings_app import preferences
from settings_app.models import SECRET_KEYS, Setting

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Setting]
    ModelForm = forms.ModelForm[Setting]
else:
    ModelAdmin = admin.ModelAdmin
    ModelForm = forms.ModelForm

# There is one administrator, with a login of its own: a second user or another name could not log in.
admin.site.unregister([User, Group])


class SettingForm(ModelForm):
    class Meta:
        model = Setting
        fields = ["value"]
        widgets = {"value": forms.TextInput}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        preference = preferences.PREFERENCES.get(self.instance.key)
        if preference and "value" in self.fields:
            self.fields["value"].label, self.fields["value"].help_text = preference.label, preference.field.help_text

    def clean_value(self) -> str:
        value = str(self.cleaned_data["value"])
        try:
            preferences.check(self.instance.key, value)
        except preferences.PreferenceError as refusal:
            raise ValidationError(str(refusal)) from refusal
        return value


@admin.register(Setting)
class SettingAdmin(ModelAdmin):
    form = SettingForm
    list_display = ["key", "shown_value", "updated_at"]
    search_fields = ["key"]
    date_hierarchy = "updated_at"
    readonly_fields = ["key", "updated_at"]

    def get_fields(self, request: HttpRequest, obj: Setting | None = None) -> Any:
        secret = obj is not None and obj.key in SECRET_KEYS
        return ["key", "shown_value" if secret else "value", "updated_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Setting | None = None) -> bool:
        return obj is None or obj.key in preferences.PREFERENCES

    def has_delete_permission(self, request: HttpRequest, obj: Setting | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Setting, form: Any, change: bool) -> None:
        preferences.store(obj.key, obj.value)
