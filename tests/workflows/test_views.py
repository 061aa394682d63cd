"""The pages, without a browser: what they show and what their forms do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from downloads.models import DownloadFile, DownloadHistory, Status
from tests.downloads.makers import make_install
from tests.workflows import make
from tests.workflows.make import HUB, entry, node
from tests.workflows.put import loader, put_model, put_workflow, remote, saved
from workflows.readiness import Entry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]

PIECE = {"HX-Request": "true"}


def page(admin: Client, name: str, *args: Any, query: str = "", **headers: str) -> str:
    response = admin.get(reverse(f"workflows:{name}", args=args) + query, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def shown(html: str) -> list[str]:
    return re.findall(r'<article.*?<a class="wrap"[^>]*>([^<]*)', html, re.S)


def everything(admin: Client) -> list[Entry]:
    """The entries of the board in its own order, all its pages."""
    first = admin.get(reverse("workflows:index")).context["listing"].page
    return list(first.paginator.object_list)


def test_the_board_shows_every_verdict_nearest_to_ready_first(admin: Client) -> None:
    put_model("checkpoints/here.safetensors")
    put_model("loras/lies.safetensors")
    put_workflow("ready.json", loader("here.safetensors"))
    put_workflow("fixable.json", loader("lies.safetensors"))
    put_workflow("missing.json", loader("gone.safetensors"))
    put_workflow("nowhere.json", node("VAELoader", ("x.safetensors",)))
    put_workflow("unknown.json", node("Custom", ("x.pt",)))
    put_workflow("broken.json").write_bytes(b"{")
    put_workflow("list.json").write_bytes(b"[]")

    html = page(admin, "index")

    assert shown(html) == ["ready", "fixable", "missing", "nowhere", "unknown", "broken"]
    assert "Install what is missing" in html
    assert "Fix it" in html
    assert shown(page(admin, "index", query="?verdict=not_workflow")) == ["list"]
    assert shown(page(admin, "index", query="?verdict=fixable")) == ["fixable"]


@pytest.mark.usefixtures("templates")
def test_what_calls_a_paid_service_comes_after_what_runs_here(admin: Client) -> None:
    put_workflow("missing.json", loader("gone.safetensors"))
    order = [bool(entry.workflow.partner_api) for entry in everything(admin)]
    assert order == sorted(order) and {True, False} == set(order)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?q=gone", ["missing"]),
        ("?q=READY", ["ready"]),
        ("?q=ready+gone", []),
        ("?sort=name", ["missing", "ready"]),
        ("?type=nothing", []),
        ("?source=local", ["ready", "missing"]),
        ("?page=999", ["ready", "missing"]),
        ("?sort=nonsense", ["ready", "missing"]),
    ],
)
def test_search_filter_and_order(admin: Client, query: str, names: list[str]) -> None:
    put_model("checkpoints/here.safetensors")
    put_workflow("ready.json", loader("here.safetensors"))
    put_workflow("missing.json", loader("gone.safetensors"))
    assert shown(page(admin, "index", query=query)) == names


def test_the_same_address_gives_the_piece(admin: Client) -> None:
    put_workflow("a.json")
    piece = page(admin, "index", **PIECE, **{"HX-Target": "listing"})
    assert re.match(r'\s*<div class="stack"\s+id="listing"', piece)
    detail = page(admin, "detail", "local:a.json", **PIECE, **{"HX-Target": "workflow"})
    assert re.match(r'\s*<div class="split"\s+id="workflow"', detail)


@pytest.mark.usefixtures("settings_read_once")
@pytest.mark.usefixtures("templates")
def test_queries_do_not_grow_with_the_number_of_workflows(admin: Client, django_assert_max_num_queries: Any) -> None:
    page(admin, "index")
    with django_assert_max_num_queries(14):
        html = page(admin, "index")
    assert len(shown(html)) == 24


def test_the_detail_shows_state_source_and_what_was_found_instead(admin: Client) -> None:
    put_model("loras/lies.safetensors")
    put_workflow(
        "a.json", loader("lies.safetensors"), loader("gone.safetensors", id=2), node("MyOwnNode", ("x",), id=3)
    )
    html = page(admin, "detail", "local:a.json")
    for text in (
        "Found at loras/lies.safetensors",
        "Wrong folder",
        "checkpoints/gone.safetensors",
        "MyOwnNode",
        "huggingface.co/acme/models",
    ):
        assert text in html


def test_an_unknown_id_is_not_found(admin: Client) -> None:
    for name in ("local:../../etc/passwd", "nothing", "local:"):
        assert admin.get(reverse("workflows:detail", args=[name])).status_code == 404


def test_install_queues_and_comes_back(admin: Client) -> None:
    put_workflow("sub/a b.json")
    response = admin.post(reverse("workflows:install", args=["local:sub/a b.json"]), follow=True)
    assert "a b: 1 file queued." in response.content.decode()
    assert DownloadHistory.objects.get().title == "a b"
    assert "In queue" in page(admin, "index")


def test_a_stranger_is_confirmed_on_the_detail_page(admin: Client) -> None:
    put_workflow("a.json", node(models=[entry(url="https://stranger.example/a.safetensors")]))
    assert "Install what is missing" not in page(admin, "index")
    html = page(admin, "detail", "local:a.json")
    assert '<input type="checkbox" name="host" value="stranger.example" form="install">' in html

    path = reverse("workflows:install", args=["local:a.json"])
    refused = admin.post(path, follow=True)
    assert "which the catalogue does not know" in refused.content.decode()
    assert not DownloadFile.objects.exists()
    admin.post(path, {"host": "stranger.example"})
    assert DownloadFile.objects.get().url == "https://stranger.example/a.safetensors"


def test_fix_it_links(admin: Client, workspace: Path) -> None:
    put_model("loras/a.safetensors")
    put_workflow("a.json")
    response = admin.post(reverse("workflows:fix", args=["local:a.json"]), follow=True)
    assert "checkpoints/a.safetensors linked." in response.content.decode()
    assert (workspace / "models/checkpoints/a.safetensors").exists()


def upload(admin: Client, data: bytes, name: str = "a.json") -> Any:
    return admin.post(reverse("workflows:drop"), {"file": SimpleUploadedFile(name, data)})


def test_a_dropped_picture_is_shown_saved_and_installed(admin: Client, workspace: Path) -> None:
    picture = make.png((b"tEXt", b"workflow\0" + make.dump(make.ui(loader()))))
    html = upload(admin, picture, "cat.png").content.decode()
    assert "checkpoints/a.safetensors" in html
    assert not list((workspace / "workflows").iterdir())
    packed = re.findall(r'name="packed" value="([^"]+)"', html)
    assert len(set(packed)) == 1

    admin.post(reverse("workflows:drop_install"), {"packed": packed[0]})
    assert DownloadFile.objects.get().path == "checkpoints/a.safetensors"
    saved = admin.post(reverse("workflows:drop_save"), {"packed": packed[0]})
    assert saved.headers["Location"] == reverse("workflows:detail", args=["local:cat.json"])
    assert (workspace / "workflows" / "cat.json").exists()


def test_a_pasted_text_is_shown(admin: Client) -> None:
    response = admin.post(reverse("workflows:drop"), {"text": make.dump(make.ui(loader())).decode()})
    assert "checkpoints/a.safetensors" in response.content.decode()


def test_nothing_in_a_dropped_file_becomes_markup(admin: Client) -> None:
    bad = "<script>alert(1)</script>.safetensors"
    data = make.dump(make.ui(node("<b>Custom</b>", (bad,)), loader(bad, id=2)))
    html = upload(admin, data, "<img src=x>.json").content.decode()
    assert "<script>alert" not in html
    assert "<b>Custom" not in html
    assert "<img src=x" not in html


@pytest.mark.parametrize("form", [{}, {"text": ""}, {"text": "   "}])
def test_an_empty_form_is_said(admin: Client, form: dict[str, str]) -> None:
    response = admin.post(reverse("workflows:drop"), form)
    assert response.status_code == 400
    assert "There is no file in it" in response.content.decode()


def test_a_file_that_is_too_large_is_refused(admin: Client, settings: Any) -> None:
    settings.WORKFLOW_UPLOAD_MAX = 1000
    response = upload(admin, b"x" * 1001)
    assert response.status_code == 413


def test_an_outdated_page_says_so(admin: Client) -> None:
    for name in ("drop_install", "drop_save"):
        response = admin.post(reverse(f"workflows:{name}"), {"packed": "nonsense"}, follow=True)
        assert "Drop the file again" in response.content.decode()


def test_the_planner_shows_refuses_and_queues(admin: Client) -> None:
    from tests.workflows.make import HUB
    from tests.workflows.put import remote

    remote(f"{HUB}/checkpoints/a.safetensors", size=5_000)
    put_workflow("a.json")
    assert "5.0 kB" in page(admin, "plan", query="?budget=1GB")
    assert "is not a size" in page(admin, "plan", query="?budget=lots")
    response = admin.post(reverse("workflows:plan"), {"budget": "1GB"}, follow=True)
    assert "Unlock 1 workflow: 1 file queued." in response.content.decode()
    assert DownloadFile.objects.get().path == "checkpoints/a.safetensors"


def test_get_changes_nothing(admin: Client) -> None:
    put_workflow("a.json")
    for name in ("install", "fix"):
        assert admin.get(reverse(f"workflows:{name}", args=["local:a.json"])).status_code == 405
    assert admin.get(reverse("workflows:drop_save")).status_code == 405


def test_strangers_are_sent_to_the_login(client: Client) -> None:
    assert client.get(reverse("workflows:index")).status_code == 302
    assert client.post(reverse("workflows:drop")).status_code == 302


def test_an_install_that_found_its_path_taken_offers_both_ways_out(admin: Client) -> None:
    remote(f"{HUB}/checkpoints/gone.safetensors", size=77)
    workflow = saved("mine.json", loader("gone.safetensors"))
    row = make_install(Status.FAILED, preset_id=workflow.install_id, title="mine", reason="path_conflict")

    for address in ("/workflows/", f"/workflows/show/{workflow.id}/"):
        text = admin.get(address).content.decode()
        assert 'value="replace"' in text, address
        assert 'value="keep_both"' in text, address
    admin.post(f"/downloads/{row.pk}/retry/", {"conflict": "keep_both"})
    assert DownloadHistory.objects.latest("pk").conflict == "keep_both"

    DownloadHistory.objects.all().delete()
    admin.post(f"/workflows/install/{workflow.id}/", {"conflict": "replace"})
    assert DownloadHistory.objects.get().conflict == "replace"
