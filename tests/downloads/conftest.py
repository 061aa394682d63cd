from __future__ import annotations

import pytest

from downloads.inventory import scan
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
