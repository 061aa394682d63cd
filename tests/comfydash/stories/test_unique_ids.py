"""An id names one thing: on each page of a full workspace, and on a page with a dialog over it."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
from django.test import Client

from downloads.models import Status
from settings_app.administrator import administrator
from tests.downloads.makers import make_install
from tests.presets.conftest import no_templates, workspace
from tests.presets.makers import file, preset, put_model, safetensors, write_catalogue

__all__ = ["no_templates", "workspace"]  # fixtures
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_templates")]

STATUSES = (Status.QUEUED, Status.PAUSED, Status.WAITING, Status.FAILED)
PAGES = [
    "/",
    "/models/",
    "/models/?q=paused",
    "/models/paused0/",
    "/models/HERE/",
    "/downloads/",
    "/workflows/",
    "/storage/",
    "/storage/?q=here",
    "/generate/",
    "/activity/",
    "/settings/",
]
DIALOGS = ["/downloads/queue/", "/downloads/token/", "/activity/clear/", "/models/refresh/", "/models/HERE/uninstall/"]


@pytest.fixture
def owner() -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(administrator())
    return client


@pytest.fixture(autouse=True)
def full(workspace: Path) -> None:
    """Three installs in each status, one that runs, and one that is done."""
    rows = [(status, f"{status}{number}") for status, number in product(STATUSES, range(3))]
    presets = {name: preset(file(f"vae/{name}.safetensors")) for name in ("HERE", *(name for _, name in rows))}
    write_catalogue(presets)
    put_model("vae/HERE.safetensors", safetensors())
    for status, name in rows:
        reason = "token_required" if status == Status.WAITING else ""
        make_install(status, files=2, preset_id=name, error_message="It needs a token.", reason=reason)
    make_install(Status.DOWNLOADING, files=2, preset_id="RUNS")


def ids(html: str) -> list[str]:
    """Of what becomes part of the page: what htmx swaps out of band goes where the id is already."""
    tags = re.findall(r'<[^>]*\sid="[^"]*"[^>]*>', html)
    return [re.findall(r'\sid="([^"]*)"', tag)[0] for tag in tags if "hx-swap-oob" not in tag]


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_an_id_twice_with_any_dialog_over_it(owner: Client, path: str) -> None:
    answer = owner.get(path)
    assert answer.status_code == 200
    page = ids(answer.content.decode())
    assert {name: count for name, count in Counter(page).items() if count > 1} == {}
    for dialog in DIALOGS:
        piece = ids(owner.get(dialog, headers={"HX-Request": "true", "HX-Target": "dialog"}).content.decode())
        assert {name: count for name, count in Counter(page + piece).items() if count > 1} == {}, dialog
