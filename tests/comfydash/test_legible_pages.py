"""Folders of this machine whose own names are no text, and names that would write lines of their own into the log."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client

from activity.models import Activity
from comfydash.api import LegibleJson
from comfydash.logfile import Line
from downloads.inventory import scan
from settings_app.administrator import administrator

BYTES = os.fsdecode(b"\xc4\xe3")


@pytest.fixture
def owner(db: None) -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(administrator())
    return client


@pytest.mark.parametrize("there", [True, False])
def test_every_page_comes_although_the_folders_have_names_of_bytes(
    owner: Client, settings: Any, tmp_path: Path, there: bool
) -> None:
    folder = tmp_path / BYTES
    settings.MODELS_DIR, settings.DATA_DIR = folder / "models", folder / "data"
    settings.PRESETS_FILE, settings.WORKFLOW_DIRS = folder / "presets.yaml", [folder / "workflows"]
    if there:
        for name in ("models/loras", "data", "workflows"):
            (folder / name).mkdir(parents=True)
    scan.forget()
    for page in ("/", "/models/", "/downloads/", "/workflows/", "/storage/", "/activity/", "/settings/", "/generate/"):
        assert owner.get(page).status_code == 200, page
    if not there:
        assert rb"\xc4\xe3" in owner.get("/").content
    for call in ("/api/storage", "/api/presets/", "/api/workflows/templates", "/api/settings"):
        assert owner.get(call).status_code == 200, call


def test_an_answer_holds_no_half_letters() -> None:
    said = {"detail": f"{BYTES}\\ cannot be written", "list": [{BYTES: 1}], "letter": "\U0001f680\U0001f4a9"}
    text = LegibleJson().render(HttpRequest(), said, response_status=200)
    assert json.loads(text) == {
        "detail": "\\xc4\\xe3\\ cannot be written",
        "list": [{"\\xc4\\xe3": 1}],
        "letter": "\U0001f680\U0001f4a9",
    }


@pytest.mark.django_db
def test_the_log_of_activity_takes_such_a_name() -> None:
    assert Activity.log("error", "failed", f"{BYTES} is full").title == "\\xc4\\xe3 is full"


def line(message: str, *args: object, error: bool = False) -> str:
    record = logging.LogRecord("x", logging.WARNING, "", 0, message, args, sys.exc_info() if error else None)
    return Line().format(record).partition("WARNING x ")[2]


def test_a_name_writes_no_line_of_its_own_into_the_log() -> None:
    name = "a\n2026-01-01 INFO all is well\r\x1b[31m\u2028"
    for value in (name, Path(name), ValueError(name)):
        assert line("%s cannot be read", value).splitlines() == [
            r"a\n2026-01-01 INFO all is well\r\x1b[31m\u2028 cannot be read"
        ]
    assert line("%s, %d bytes", BYTES, 7) == r"\xc4\xe3, 7 bytes"
    assert line("One\ntwo") == "One\ntwo"


def test_a_traceback_keeps_its_lines() -> None:
    try:
        raise ValueError(BYTES)
    except ValueError:
        lines = line("It broke", error=True).splitlines()
    assert lines[0] == "It broke"
    assert lines[-1] == r"ValueError: \xc4\xe3"
