from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.test import Client as Browser

from activity.models import Activity
from comfyui import folders
from comfyui.address import parse
from comfyui.client import Client
from comfyui.poller import Poller
from settings_app import preferences
from settings_app.administrator import administrator
from tests.downloads.conftest import hub, models  # noqa: F401 - fixtures
from tests.fakecomfy import FakeComfy
from tests.presets.makers import preset, put_model, write_catalogue
from tests.workflows.conftest import workspace  # noqa: F401 - a fixture
from tests.workflows.put import put_workflow


@pytest.fixture
def comfy(tmp_path: Path) -> Iterator[FakeComfy]:
    with FakeComfy(tmp_path / "comfy") as fake:
        yield fake


@pytest.fixture
def older(tmp_path: Path) -> Iterator[FakeComfy]:
    with FakeComfy(tmp_path / "older", "0.3.64") as fake:
        yield fake


@pytest.fixture
def client(comfy: FakeComfy) -> Iterator[Client]:
    with Client(parse(comfy.url)) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_remembered():
    preferences.forget()
    folders.forget()


@pytest.fixture
def watched(comfy: FakeComfy, db: None) -> Iterator[Poller]:
    """A poller of the fake, before its first step."""
    yield from polling(comfy)


@pytest.fixture
def watched_older(older: FakeComfy, db: None) -> Iterator[Poller]:
    yield from polling(older)


def polling(fake: FakeComfy) -> Iterator[Poller]:
    preferences.store("comfyui_url", fake.url)
    Activity.objects.all().delete()
    poller = Poller(read=1.0)
    yield poller
    poller.close()


def told() -> list[tuple[str, str, str]]:
    """What the log says of generations, oldest first."""
    rows = Activity.objects.filter(type="generation").order_by("pk")
    return list(rows.values_list("status", "title", "subtitle"))


def endings() -> list[str]:
    return [status for status, _, _ in told() if status != "started"]


@pytest.fixture
def admin_browser(db: None) -> Browser:
    browser = Browser(headers={"host": "localhost"})
    browser.force_login(administrator())
    return browser


@pytest.fixture
def mine(workspace: Path, comfy: FakeComfy, watched: Poller) -> str:  # noqa: F811
    """A workflow of the user whose model is here, and a ComfyUI that was seen."""
    write_catalogue({"A": preset()})
    put_model("checkpoints/a.safetensors")
    put_workflow("My café.json")
    watched.step()
    return "local:My café.json"


def post(browser: Browser, verb: str, workflow: str, **data: str) -> str:
    response = browser.post(f"/generate/{verb}/{quote(workflow)}/", data, follow=True)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())
