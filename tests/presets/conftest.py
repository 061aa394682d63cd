from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from downloads.inventory import scan
from presets import catalogue, templates_source
from settings_app.administrator import administrator
from tests.fakehub import FakeHub
from tests.presets.document_server import DocumentServer, document_server


class Ran(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """A workspace of its own for each test, and no memory of the one before."""
    settings.MODELS_DIR = tmp_path / "models"
    settings.DATA_DIR = tmp_path / "data"
    settings.PRESETS_FILE = tmp_path / "config" / "presets.yaml"
    settings.EXTRA_MODEL_PATHS = ""
    settings.MODELS_DIR.mkdir()
    settings.DATA_DIR.mkdir()
    catalogue.forget()
    scan.forget()
    yield tmp_path
    catalogue.forget()
    scan.forget()


@pytest.fixture
def no_templates(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a machine where the package is not installed."""
    monkeypatch.setattr(templates_source, "MODULE", "no_such_package")
    templates_source.templates.cache_clear()
    yield
    templates_source.templates.cache_clear()


@pytest.fixture
def documents() -> Iterator[DocumentServer]:
    with document_server() as server:
        yield server


@pytest.fixture
def owner(db: None) -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(administrator())
    return client


@pytest.fixture
def hub(settings: Any) -> Iterator[FakeHub]:
    """A Hub on loopback that production code takes for the real one."""
    with FakeHub() as hub:
        settings.HF_ENDPOINT = hub.url
        settings.HF_TOKEN = ""
        settings.TRANSFER_RETRY_BASE = 0.01
        yield hub


@pytest.fixture
def run() -> Run:
    """Run a command as a shell would: its exit status and what it printed."""

    def run(*arguments: str) -> Ran:
        out, err, status = io.StringIO(), io.StringIO(), 0
        try:
            call_command(*arguments, stdout=out, stderr=err)
        except CommandError as error:
            status = error.returncode
            err.write(str(error))
        except SystemExit as end:
            status = int(end.code or 0)
        return Ran(status, out.getvalue(), err.getvalue())

    return run
