"""Workflows whose names are no text or hold a line break, and models that they select by such a name."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.test import Client

from downloads.models import DownloadFile
from tests.presets.makers import put_model
from tests.workflows.make import HUB
from tests.workflows.put import loader, put_workflow, remote, saved
from workflows.readiness import entries

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]

NAMES = {
    b"a\nb.json": "local:a\nb.json",
    b"a\rb.json": "local:a\rb.json",
    b"\xc4\xe3.json": "local:\\xc4\\xe3.json",
    b"f\xff/w.json": "local:f\\xff/w.json",
    b"a\\b.json": "local:a\\\\b.json",
    "e\u0301.json".encode(): "local:e\u0301.json",
}


@pytest.mark.parametrize("name", NAMES)
def test_every_page_and_call_takes_the_id_that_was_given_out(admin: Client, name: bytes) -> None:
    remote(f"{HUB}/checkpoints/gone.safetensors", size=77)
    put_workflow(os.fsdecode(name), loader("gone.safetensors"))

    for page in ("/", "/workflows/", "/generate/", "/workflows/plan/"):
        assert admin.get(page).status_code == 200
    [template] = admin.get("/api/workflows/templates").json()["templates"]
    assert template["id"] == NAMES[name]
    called = quote(template["id"], safe="")
    assert admin.get(f"/workflows/show/{called}/").status_code == 200
    assert admin.get(f"/generate/?workflow={called}").status_code == 200
    api = f"/api/workflows/templates/{called}"
    assert admin.get(f"{api}/missing-models").json()["template_id"] == NAMES[name]
    assert admin.post(f"{api}/fix", content_type="application/json").status_code == 200
    answer = admin.post(f"{api}/install", content_type="application/json")
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    assert admin.get("/downloads/").status_code == 200


@pytest.mark.parametrize("name", NAMES)
def test_a_ready_one_can_be_opened_and_queued(admin: Client, name: bytes) -> None:
    put_model("checkpoints/here.safetensors")
    put_workflow(os.fsdecode(name), loader("here.safetensors"))
    assert admin.get("/").status_code == 200
    assert admin.get("/workflows/").status_code == 200
    called = quote(NAMES[name], safe="")
    assert admin.get(f"/generate/?workflow={called}").status_code == 200
    assert admin.get(f"/generate/open/{called}/").status_code < 500


def test_a_line_break_in_a_name_makes_no_line_of_a_command(workspace: Path) -> None:
    put_workflow("a\nb.json", loader("go\nne.safetensors"))
    out = StringIO()
    call_command("scan_workflows", stdout=out)
    lines = [line for line in out.getvalue().splitlines() if "templates:" not in line and "ne.safe" in line]
    assert len(lines) == 1
    assert r"local:a\nb.json: 0 of 1" in out.getvalue()


def test_a_decomposed_file_is_the_model_that_a_workflow_selects_by_the_composed_name(workspace: Path) -> None:
    put_model("loras/e\u0301.safetensors")
    assert saved("a.json", loader("\u00e9.safetensors", "loras")).verdict == "ready"
    assert saved("b.json", loader("e\u0301.safetensors", "loras")).verdict == "ready"


def test_a_decomposed_file_elsewhere_is_linked_to_where_it_is_looked_for(admin: Client, workspace: Path) -> None:
    put_model("loras/sub/e\u0301.safetensors")
    entry = saved("a.json", loader("\u00e9.safetensors", "loras"))
    assert entry.verdict == "fixable"
    answer = admin.post(f"/api/workflows/templates/{entry.id}/fix", content_type="application/json")
    assert answer.json() == {"fixed": ["loras/\u00e9.safetensors"]}
    assert entries()["local:a.json"].ready


def test_a_name_of_bytes_is_found_as_comfyui_lists_it(admin: Client, workspace: Path) -> None:
    """ComfyUI saves such a name with a lone surrogate for each byte."""
    put_model(os.fsdecode(b"loras/\xc4\xe3.safetensors"))
    entry = saved("a.json", loader("\udcc4\udce3.safetensors", "loras"))
    assert (entry.verdict, entry.needed[0].path) == ("ready", "loras/\\xc4\\xe3.safetensors")
    assert admin.get("/workflows/show/local:a.json/").status_code == 200


def test_a_name_of_bytes_that_is_not_here_is_said_and_never_fetched(admin: Client, workspace: Path) -> None:
    saved("a.json", loader("\udcc4.safetensors", "loras"))
    answer = admin.post("/api/workflows/templates/local:a.json/install", content_type="application/json")
    assert answer.status_code == 409
    assert not DownloadFile.objects.exists()
    assert admin.get("/workflows/show/local:a.json/").status_code == 200
