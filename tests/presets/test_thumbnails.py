"""Pictures of the official templates: from a package, from ComfyUI, or none; asked for only by the image itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from comfyui.models import ComfyState, Report
from derived import cache
from derived.models import DerivedValue
from presets import templates_source, thumbnails
from settings_app import preferences
from tests.fakecomfy import FakeComfy
from tests.presets.makers import chunk, riff

pytestmark = pytest.mark.django_db


TEMPLATES = ("flux", "wan video", "..")


FRAME = chunk(b"VP8 ", b"first frame")


PICTURE = riff(FRAME)


@pytest.fixture(autouse=True)
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of templates with three names, and room for a package of pictures beside it."""
    packages = tmp_path / "packages"
    folder = packages / "some_templates" / "templates"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    index = [{"title": "Image", "type": "image", "templates": [{"name": name} for name in TEMPLATES]}]
    (folder / "index.json").write_text(json.dumps(index))
    monkeypatch.syspath_prepend(packages)
    monkeypatch.setattr(templates_source, "MODULE", "some_templates")
    monkeypatch.setattr(thumbnails, "_quiet_until", 0.0)
    templates_source.templates.cache_clear()
    thumbnails.packaged.cache_clear()
    yield packages
    templates_source.templates.cache_clear()
    thumbnails.packaged.cache_clear()


@pytest.fixture
def comfy(tmp_path: Path) -> Iterator[FakeComfy]:
    """ComfyUI is up, and says that it has the templates and one more."""
    with FakeComfy(tmp_path / "comfy") as fake:
        preferences.store("comfyui_url", fake.url)
        now = timezone.now()
        ComfyState.objects.create(state="up", checked_at=now, seen_at=now)
        Report.objects.create(key=Report.TEMPLATES, value=[*TEMPLATES, "elsewhere"], taken_at=now)
        yield fake


def packed(packages: Path, name: str, data: bytes) -> None:
    folder = packages / "comfyui_workflow_templates_media_image" / "templates"
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "__init__.py").touch()
    (folder / name).write_bytes(data)
    thumbnails.packaged.cache_clear()


def show(owner: Client, name: str = "flux") -> tuple[int, str, bytes]:
    answer = owner.get(f"/models/template/{name}/picture/")
    return answer.status_code, answer.get("Content-Type", ""), answer.content


def asked(comfy: FakeComfy) -> list[str]:
    return [request.path for request in comfy.log]


def kept() -> dict[str, int]:
    return thumbnails.KEPT.sizes()


def test_a_package_has_it(owner: Client, templates: Path, comfy: FakeComfy) -> None:
    packed(templates, "flux-1.webp", PICTURE)
    packed(templates, "flux-2.webp", b"not the first")
    packed(templates, "removed-1.webp", PICTURE)
    assert show(owner) == (200, "image/webp", PICTURE)
    assert asked(comfy) == []
    ComfyState.objects.update(state="down")
    assert thumbnails.offered() == {"flux"}


def test_comfyui_has_it_and_is_asked_once(owner: Client, comfy: FakeComfy) -> None:
    comfy.fixed["/templates/flux-1.webp"] = (200, PICTURE)
    assert thumbnails.offered() == set(TEMPLATES)
    assert asked(comfy) == []  # a page asks nobody
    assert show(owner) == show(owner) == (200, "image/webp", PICTURE)
    assert asked(comfy) == ["/templates/flux-1.webp"]
    comfy.stop()
    ComfyState.objects.update(state="down")
    assert thumbnails.offered() == {"flux"}
    assert show(owner)[0] == 200


def test_what_comfyui_does_not_have_is_asked_for_again_only_after_a_while(owner: Client, comfy: FakeComfy) -> None:
    assert show(owner)[::2] == show(owner)[::2] == (204, b"")
    assert asked(comfy) == ["/templates/flux-1.webp"]
    assert "flux" not in thumbnails.offered()
    assert kept() == {"flux": 0}
    DerivedValue.objects.update(made_at=timezone.now() - timedelta(seconds=thumbnails.MISSING_FOR + 1))
    assert "flux" in thumbnails.offered()
    comfy.fixed["/templates/flux-1.webp"] = (200, PICTURE)
    assert show(owner)[0] == 200
    assert kept() == {"flux": len(PICTURE)}


def test_nothing_is_asked_of_a_comfyui_that_is_away(owner: Client, comfy: FakeComfy) -> None:
    ComfyState.objects.update(state="down")
    assert thumbnails.offered() == frozenset()
    assert show(owner)[0] == 204
    assert asked(comfy) == []


def test_one_failure_keeps_all_others_from_waiting_too(owner: Client, comfy: FakeComfy) -> None:
    comfy.fixed["/templates/flux-1.webp"] = (500, b"")
    assert show(owner)[0] == 204
    assert show(owner, "wan video")[0] == 204
    assert asked(comfy) == ["/templates/flux-1.webp"]
    assert thumbnails.offered() == frozenset()


@pytest.mark.parametrize("data", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", b"", b"BM" + b"\0" * 60])
def test_only_pictures_pass(owner: Client, templates: Path, comfy: FakeComfy, data: bytes) -> None:
    comfy.fixed["/templates/flux-1.webp"] = (200, data)
    packed(templates, "wan video-1.png", data)
    assert show(owner)[0] == show(owner, "wan video")[0] == 204


@pytest.mark.parametrize("name", ["elsewhere", "..%2F..%2Fetc", "flux-1", "x" * 500])
def test_a_name_that_the_index_does_not_have_is_no_address(owner: Client, comfy: FakeComfy, name: str) -> None:
    assert show(owner, name)[0] == 404
    assert asked(comfy) == []


def test_a_strange_name_of_the_index_is_only_a_name(owner: Client, comfy: FakeComfy) -> None:
    comfy.fixed["/templates/..-1.webp"] = (200, PICTURE)
    assert show(owner, "..%2F..")[0] == 404
    assert thumbnails.picture("..") is not None
    assert kept() == {"..": len(PICTURE)}


def test_those_not_seen_for_longest_go_when_too_many_are_kept(
    comfy: FakeComfy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MOST_BYTES", 2 * len(PICTURE))
    for age, name in enumerate(reversed(TEMPLATES)):
        comfy.fixed[f"/templates/{name.replace(' ', '%20')}-1.webp"] = (200, PICTURE)
        assert thumbnails.picture(name)
        DerivedValue.objects.filter(path=name).update(used_at=timezone.now() - timedelta(days=10 - age))
    assert kept().keys() == {"flux", "wan video"}


def test_a_damaged_picture_is_fetched_again(owner: Client, comfy: FakeComfy) -> None:
    comfy.fixed["/templates/flux-1.webp"] = (200, PICTURE)
    assert show(owner)[0] == 200
    DerivedValue.objects.update(value=b"<svg>")
    assert show(owner) == (200, "image/webp", PICTURE)
    assert len(asked(comfy)) == 2
    assert bytes(DerivedValue.objects.get().value) == PICTURE


def test_it_is_for_those_who_are_logged_in_and_stays_in_their_browser(owner: Client, templates: Path) -> None:
    packed(templates, "flux-1.webp", PICTURE)
    address = "/models/template/flux/picture/"
    assert Client(SERVER_NAME="localhost").get(address).status_code == 302
    answer = owner.get(address)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "private, max-age=86400"


def test_pages_show_it_and_keep_the_drawing_below(owner: Client, templates: Path, settings: Any) -> None:
    settings.WORKFLOW_DIRS = []
    packed(templates, "flux-1.webp", PICTURE)
    folder = templates / "some_templates" / "templates"
    model = {
        "name": "a.safetensors",
        "directory": "vae",
        "url": "https://huggingface.co/o/r/resolve/main/a.safetensors",
    }
    node = {"id": 1, "type": "VAELoader", "widgets_values": ["a.safetensors"], "properties": {"models": [model]}}
    for name in ("flux", "wan video"):
        (folder / f"{name}.json").write_text(json.dumps({"nodes": [node], "links": []}))
    text = " ".join(owner.get("/models/").content.decode().split())
    image = '<img src="/models/template/flux/picture/" alt="" width="64" height="64" loading="lazy" decoding="async">'
    assert text.count(image) == text.count("<img") == 1
    assert text.count("icons.svg#image") >= 2
    assert image in " ".join(owner.get("/models/template:flux/").content.decode().split())
