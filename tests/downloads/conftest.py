from __future__ import annotations

import pytest
from django.test import Client

from downloads.inventory import scan
from settings_app.administrator import administrator
from tests.fakehub import FakeHub


@pytest.fixture
def hub():
    with FakeHub() as hub:
        yield hub


@pytest.fixture
def models(settings, tmp_path, hub):
    """An empty models folder on a workspace whose Hub is the fake one."""
    settings.MODELS_DIR = tmp_path / "models"
    settings.DATA_DIR = tmp_path
    settings.HF_ENDPOINT = hub.url
    settings.TRANSFER_RETRY_BASE = 0.01
    settings.MODELS_DIR.mkdir()
    scan.forget()
    yield settings.MODELS_DIR
    scan.forget()


@pytest.fixture
def admin() -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(administrator())
    return client
