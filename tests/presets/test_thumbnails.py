"""Pictures of the official templates: from a package, from ComfyUI, or none; asked for only by the image itself."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from comfyui.models import ComfyState, Report
from presets import templates_source, thumbnails
from presets.webp_frame import first_frame
from settings_app import preferences
from tests.fakecomfy import FakeComfy

pytestmark = pytest.mark.django_db

TEMPLATES = ("flux", "wan video", "..")


def chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


FRAME = chunk(b"VP8 ", b"first frame")
PICTURE = riff(FRAME)
HEAD = b"\0" * 6 + b"\x2a\x01\0" + b"\x2b\x01\0" + b"\0" * 4  # 299 by 300 at the corner


def animation(*first: bytes) -> bytes:
    second = chunk(b"ANMF", HEAD + chunk(b"VP8 ", b"second"))
    return riff(
        chunk(b"VP8X", b"\2" + b"\0" * 9), chunk(b"ANIM", b"\0" * 6), chunk(b"ANMF", HEAD + b"".join(first)), second
    )


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
    return {entry.name: entry.stat().st_size for entry in os.scandir(thumbnails._folder())}


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
    [marker] = thumbnails._folder().iterdir()
    long_ago = time.time() - thumbnails.MISSING_FOR - 1
    os.utime(marker, (long_ago, long_ago))
    assert "flux" in thumbnails.offered()
    comfy.fixed["/templates/flux-1.webp"] = (200, PICTURE)
    assert show(owner)[0] == 200
    assert list(kept().values()) == [len(PICTURE)]


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


def test_a_strange_name_of_the_index_makes_no_strange_path(owner: Client, comfy: FakeComfy) -> None:
    comfy.fixed["/templates/..-1.webp"] = (200, PICTURE)
    assert show(owner, "..%2F..")[0] == 404
    assert thumbnails.picture("..") is not None
    assert [len(name) for name in kept()] == [32]


def test_the_oldest_go_when_too_many_are_kept(comfy: FakeComfy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "MOST_KEPT", 2 * len(PICTURE))
    for age, name in enumerate(reversed(TEMPLATES)):
        comfy.fixed[f"/templates/{name.replace(' ', '%20')}-1.webp"] = (200, PICTURE)
        assert thumbnails.picture(name)
        file = thumbnails._folder() / thumbnails._key(name)
        if age < 2:
            os.utime(file, (1000 + age, 1000 + age))
    assert sorted(kept()) == sorted(map(thumbnails._key, ("flux", "wan video")))


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
    text = owner.get("/models/").content.decode()
    image = '<img src="/models/template/flux/picture/" alt="" width="64" height="64" loading="lazy" decoding="async">'
    assert text.count(image) == text.count("<img") == 1
    assert text.count("icons.svg#image") >= 2
    assert image in owner.get("/models/template:flux/").content.decode()


# --- one frame of an animation ----------------------------------------------------------------------------------------


def test_of_an_animation_the_first_frame_stays() -> None:
    assert first_frame(animation(FRAME)) == PICTURE


def test_a_frame_with_transparency_keeps_it() -> None:
    alpha = chunk(b"ALPH", b"alpha")
    extended = chunk(b"VP8X", b"\x10\0\0\0" + b"\x2a\x01\0" + b"\x2b\x01\0")
    assert first_frame(animation(alpha, FRAME)) == riff(extended, alpha, FRAME)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        PICTURE,
        b"RIFF\0\0\0\0WEBP",
        animation(FRAME)[:60],
        animation(b""),
        b"RIFF\xff\xff\xff\xffWEBPANMF\xff\xff",
    ],
)
def test_what_is_no_animation_is_left_as_it_is(data: bytes) -> None:
    assert first_frame(data) == data
