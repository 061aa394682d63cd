"""The picture of a generation: proxied when somebody looks, pictures only, kept nowhere."""

import pytest
from django.template import Context, Template
from django.test import Client as Browser

from activity.models import Activity
from comfyui.poller import Poller
from comfyui.thumbnails import type_of
from tests.fakecomfy import FakeComfy, image


@pytest.fixture
def entry(comfy: FakeComfy, watched: Poller) -> Activity:
    watched.step()
    comfy.jobs.run("a", {"3": {"images": [image(7)]}})
    watched.step()
    return Activity.objects.get(type="generation", status="completed")


def test_the_picture_is_fetched_by_us(entry: Activity, comfy: FakeComfy, admin_browser: Browser) -> None:
    response = admin_browser.get(f"/generate/picture/{entry.pk}/")
    assert (response.status_code, response["Content-Type"]) == (200, "image/png")
    assert response["Cache-Control"] == "private, no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert comfy.asked("/view")[-1].path == "/view?filename=drive_00007_.png&subfolder=&type=output"


def test_it_goes_with_its_entry(entry: Activity, admin_browser: Browser) -> None:
    Activity.objects.all().delete()
    assert admin_browser.get(f"/generate/picture/{entry.pk}/").status_code == 404


@pytest.mark.parametrize("answer", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", b"", b"GIF", b"x" * 100])
def test_only_pictures_pass(entry: Activity, comfy: FakeComfy, admin_browser: Browser, answer: bytes) -> None:
    comfy.fixed["/view"] = (200, answer)
    assert admin_browser.get(f"/generate/picture/{entry.pk}/").status_code == 404


def test_what_is_away_is_not_asked(entry: Activity, comfy: FakeComfy, watched: Poller, admin_browser: Browser) -> None:
    comfy.stop()
    watched._looked_at = 0
    watched.step()
    comfy.start()
    asked = len(comfy.log)
    assert admin_browser.get(f"/generate/picture/{entry.pk}/").status_code == 404
    assert len(comfy.log) == asked


def test_other_entries_have_none(entry: Activity, admin_browser: Browser) -> None:
    other = Activity.log("download", "completed", "A", picture="../../secret.png")
    assert admin_browser.get(f"/generate/picture/{other.pk}/").status_code == 404
    assert admin_browser.get("/generate/picture/999999/").status_code == 404
    tag = Template("{% load comfyui %}{% generation_picture entry %}")
    assert f"/generate/picture/{entry.pk}/" in tag.render(Context({"entry": entry}))
    assert tag.render(Context({"entry": other})).strip() == ""


def test_nobody_sees_it_without_a_login(entry: Activity) -> None:
    assert Browser(headers={"host": "localhost"}).get(f"/generate/picture/{entry.pk}/").status_code == 302


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x00\x00\x00\x1cftypavif", "image/avif"),
        (b"GIF89a", "image/gif"),
        (b"\x00\x00\x00\x18ftypmp42", ""),
    ],
)
def test_kinds_are_known_by_their_bytes(data: bytes, kind: str) -> None:
    assert type_of(data) == kind
