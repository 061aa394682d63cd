"""The JSON API against its own OpenAPI document: whatever is sent, it answers as it says, and never with a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, strategies
from hypothesis import settings as budget
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from comfydash.api import api
from downloads.inventory import scan
from presets import catalogue
from settings_app import preferences
from tests.downloads.makers import make_install
from tests.library.makers import CATALOGUE, put
from tests.workflows.put import put_workflow
from workflows import library

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

KEY = "k" * 40
SHUT = "http://127.0.0.1:9"  # the discard port of this machine: nobody answers

# A 5xx that is not documented fails as such; 503 is: the other side did not answer. Not asked is whether every text
# that has the right type is accepted: what a size or a workflow is, a type cannot say.
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    ignored_auth,
    unsupported_method,
]

schemathesis.openapi.media_type("audio/flac", strategies.binary())
schema = schemathesis.openapi.from_dict(api.get_openapi_schema())
schema.app = get_wsgi_application()


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, settings: Any) -> Iterator[None]:
    """A machine of its own, cut off from every host."""
    settings.MODELS_DIR = tmp_path / "models"
    settings.DATA_DIR = tmp_path / "data"
    settings.PRESETS_FILE = tmp_path / "presets.yaml"
    settings.WORKFLOW_DIRS = [tmp_path / "workflows"]
    settings.EXTRA_MODEL_PATHS = ""
    settings.PRESETS_URL = f"{SHUT}/presets.yaml"
    settings.HF_ENDPOINT = SHUT
    settings.API_KEY = KEY
    settings.PRESETS_FILE.write_text(CATALOGUE)
    for folder in (settings.MODELS_DIR, settings.DATA_DIR, *settings.WORKFLOW_DIRS):
        folder.mkdir()
    _forget()
    ends = (request_started, request_finished)  # closing the connection would end the test's transaction
    for moment in ends:
        moment.disconnect(close_old_connections)
    yield
    for moment in ends:
        moment.connect(close_old_connections)
    _forget()


def _forget() -> None:
    catalogue.forget()
    library.forget()
    scan.forget()
    preferences.forget()


@schema.parametrize()
@budget(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
def test_every_answer_is_as_documented(case: schemathesis.Case) -> None:
    ask(case)


@schema.include(path_regex=r"\{|/storage/").parametrize()
@budget(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
def test_and_so_it_is_for_what_is_there(case: schemathesis.Case) -> None:
    """Names that nobody made up are never found: here they are those of a preset, an install, a file."""
    put("loras/a.safetensors")
    row = make_install("failed", preset_id="ALPHA")
    put_workflow("mine.json")
    known = {
        "preset_id": "ALPHA",
        "download_id": row.pk,
        "template_id": "local:mine.json",
        "path": "loras/a.safetensors",
    }
    for names in (case.path_parameters, case.query):
        if isinstance(names, dict):
            names.update({name: value for name, value in known.items() if name in names})
    ask(case)


def ask(case: schemathesis.Case) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Host": "localhost", "Accept-Encoding": "identity"}
    case.call_and_validate(headers=headers, checks=CHECKS)
