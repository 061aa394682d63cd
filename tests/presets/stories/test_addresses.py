"""Addresses of a catalogue: whole where they are fetched, without secrets and signatures wherever they are shown."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from downloads import queue_page
from downloads.file_records import ModelFile, RemoteFile
from downloads.inventory import scan
from downloads.models import DownloadFile
from downloads.worker.drain import drain_queue
from presets.catalogue import catalogue
from presets.install import install
from tests.fakehub import FakeHub, safetensors_bytes
from tests.presets.makers import file, preset, write_catalogue
from workflowfiles.names import clean_url

GITHUB = "https://github.com/o/r/blob/main/x.pth?raw=true"


SIGNED = "https://x.blob.example/c/blob/x.safetensors?sig=S"


@pytest.mark.parametrize(
    "url", [GITHUB, SIGNED, "https://h.example/raw/x.bin?v=1", "https://h.example/a/resolve/b/c?e=1"]
)
def test_blob_raw_and_resolve_are_the_hubs_only_on_the_hub(url: str) -> None:
    assert clean_url(url) == url


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("hf://o/r/x.safetensors", "https://huggingface.co/ORG/REPO/resolve/main/FILE"),
        ("//host/x.safetensors", "Write https: in front"),
        ("huggingface.co/o/r/resolve/main/x.safetensors", "Write https:// in front"),
        ("ftp://host/x", "not ftp:"),
        ("http://host:99999/x", "65535"),
    ],
)
def test_the_catalogue_says_what_is_wrong_with_an_address(url: str, says: str) -> None:
    write_catalogue({"A": preset(file("vae/x.safetensors", url))})
    assert any(says in text for text in catalogue().presets["A"].warnings)


@pytest.mark.django_db
def test_account_secrets_of_a_catalogue_are_left_out_with_a_warning() -> None:
    write_catalogue({"A": preset(file("vae/x.safetensors", "https://u:hunter2@h.example/x.safetensors?token=hunter3"))})
    found = catalogue().presets["A"]
    assert (found.files[0].url, found.problem) == ("https://h.example/x.safetensors", "")
    assert "user name and password, token" in found.warnings[0]
    assert "hunter" not in str(found)


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://huggingface.co/o/r/resolve/main/x", "https://huggingface.co/o/r"),
        ("https://huggingface.co/datasets/o/r/resolve/main/x", "https://huggingface.co/datasets/o/r"),
        ("https://h.example/o/r/resolve/x?sig=S", "https://h.example/o/r/resolve/x?sig=***"),
        (GITHUB, GITHUB),
    ],
)
def test_only_the_hub_has_a_page_of_a_repository(url: str, page: str) -> None:
    assert queue_page.repository_page(url) == page


@pytest.mark.django_db(transaction=True)
def test_a_signature_is_used_and_shown_nowhere(hub: FakeHub, owner: Client, tmp_path: Path, settings: Any) -> None:
    settings.MODELS_DIR = tmp_path / "models"
    settings.MODELS_DIR.mkdir(exist_ok=True)
    scan.forget()
    served = hub.add_document("c/blob/x.safetensors", safetensors_bytes())
    url = f"{served.url}?sv=1&sig=SECRET1&X-Amz-Signature=SECRET2"
    write_catalogue({"A": preset(file("vae/x.safetensors", url))})
    install("A")
    shown = [owner.get("/api/presets/A").content, owner.get("/api/presets/queue/status").content]
    drain_queue()
    assert (ModelFile.objects.get().url, DownloadFile.objects.get().url, RemoteFile.objects.get().url) == (url,) * 3
    for page in (
        "/api/presets/",
        "/api/presets/A",
        "/api/presets/A/status",
        "/api/downloads/history",
        "/models/A/",
        "/downloads/",
        f"/downloads/{DownloadFile.objects.get().download_id}/",
        "/storage/",
        "/api/storage",
        "/activity/",
        "/api/activity/recent",
        "/api/activity/export?format=json",
        f"/admin/downloads/modelfile/{ModelFile.objects.get().pk}/change/",
        f"/admin/downloads/downloadhistory/{DownloadFile.objects.get().download_id}/change/",
    ):
        answer = owner.get(page)
        assert answer.status_code == 200, page
        shown.append(answer.getvalue())
    for command in (["check_presets"], ["check_presets", "--json"], ["list_presets", "--json"], ["verify_models"]):
        out = io.StringIO()
        try:
            call_command(*command, stdout=out, stderr=out)
        except (Exception, SystemExit) as ended:  # some end with a status of their own
            out.write(str(ended))
        shown.append(out.getvalue().encode())
    assert not [text for text in shown if b"SECRET" in text]
    assert b"sig=***" in shown[0]
    told = io.StringIO()
    with pytest.raises(Exception, match="nothing to write down"):
        call_command("export_lock", stdout=told, stderr=told)
    assert "signature" in told.getvalue()


@pytest.mark.django_db(transaction=True)
def test_what_a_lock_says_of_an_address_that_cannot_be(tmp_path: Path) -> None:
    from presets.lock_file import BadLock, parse

    entry = {"path": "vae/x.safetensors", "url": "hf://o/r/x", "size": 1, "sha256": "a" * 64}
    with pytest.raises(BadLock, match="ORG/REPO"):
        parse(json.dumps({"comfydash_lock": 1, "files": [entry]}).encode())
