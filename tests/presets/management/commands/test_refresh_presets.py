from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.presets.document_server import DocumentServer
from tests.presets.makers import document, file, preset, write_catalogue

pytestmark = pytest.mark.django_db


OLD = {"STAYS": preset(), "CHANGES": preset(name="Before"), "GOES": preset()}


NEW = {"CHANGES": preset(name="After"), "STAYS": preset(), "COMES": preset(file("vae/new.pt"))}


def serve(documents: DocumentServer, body: bytes | None = None, version: str = "2.0") -> str:
    return documents.put("/presets.yaml", document(NEW, version) if body is None else body)


def command(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("refresh_presets", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_says_what_changed(documents: DocumentServer) -> None:
    write_catalogue(OLD)
    assert command("--url", serve(documents)) == ("3 presets, version 2.0: 1 added, 1 changed, 1 removed\n", "")


def test_the_command_uses_the_configured_address(documents: DocumentServer, settings: Any) -> None:
    settings.PRESETS_URL = serve(documents)
    assert command()[0].startswith("3 presets, version 2.0")


def test_the_dry_run_names_the_ids_and_the_faults(documents: DocumentServer) -> None:
    write_catalogue(OLD)
    faulty = document({**NEW, "not an id": preset()}, "2.0")
    out, err = command("--dry-run", "--url", serve(documents, faulty))
    assert out.splitlines()[1:] == ["+ COMES", "~ CHANGES", "- GOES"]
    assert "“not an id” cannot be an id" in err


def test_the_command_fails_with_the_sentence(documents: DocumentServer) -> None:
    with pytest.raises(CommandError, match="so the old one stays"):
        command("--url", serve(documents, b"<html>"))
