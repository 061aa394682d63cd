"""What a person types: checked as a whole, and kept on the page where it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from settings_app import preferences
from settings_app.forms import PasswordForm, SectionForm, TokenForm
from settings_app.models import Setting

pytestmark = pytest.mark.django_db


def test_a_form_without_values_shows_those_that_count(monkeypatch: pytest.MonkeyPatch) -> None:
    preferences.store("rate_limit", "50MB/s")
    monkeypatch.setenv("COMFYDASH_CONNECTIONS", "2")
    form = SectionForm("downloads")
    assert [field.value() for field in form] == ["2", "50 MB/s", "2 GB", ""]
    assert form.fields["connections"].disabled and not form.is_all_decided


def test_what_is_left_out_keeps_its_value_and_a_box_that_is_left_out_is_off() -> None:
    preferences.store("comfyui_public_url", "https://comfy.example")
    assert SectionForm("comfyui", {}).save()
    assert preferences.get("comfyui_public_url") == "https://comfy.example"
    assert preferences.get("log_generations") is False


def test_nothing_is_stored_where_one_value_is_refused_and_the_focus_goes_there() -> None:
    form = SectionForm("downloads", {"connections": "4", "rate_limit": "fast"})
    assert not form.save() and not Setting.objects.exists()
    assert list(form.errors) == ["rate_limit"]
    assert "autofocus" in str(form["rate_limit"]) and "autofocus" not in str(form["connections"])


def test_the_fields_of_one_form_are_not_those_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYDASH_CONNECTIONS", "2")
    SectionForm("downloads", {"rate_limit": "fast"}).save()
    monkeypatch.delenv("COMFYDASH_CONNECTIONS")
    assert "disabled" not in str(SectionForm("downloads")["connections"])
    assert "autofocus" not in str(SectionForm("downloads")["rate_limit"])


@pytest.mark.parametrize("name", ["nope", ""])
def test_an_unknown_section_is_a_key_error(name: str) -> None:
    with pytest.raises(KeyError):
        SectionForm(name)


def test_a_token_is_taken_without_what_copying_leaves_around_it() -> None:
    form = TokenForm({"token": ' "hf_abc" '})
    assert form.is_valid() and form.cleaned_data["token"] == "hf_abc"
    form = TokenForm({})
    assert not form.is_valid() and form.refusal.startswith("No token was given.")


def test_a_password_is_never_written_into_the_page(settings: Any) -> None:
    settings.AUTH_ON = True
    form = PasswordForm(needs_current=False, typed={"new": "a good long one", "again": "another"})
    assert form.save() is None
    assert "not typed the same twice" in str(form.non_field_errors())
    assert "good long" not in "".join(str(field) for field in form)
