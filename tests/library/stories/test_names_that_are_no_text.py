"""Files whose names are no text, or are written another way: listed, named, exported and deleted like any other."""

from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.test import Client

from activity.models import Activity
from downloads.file_records import ModelFile
from downloads.inventory import scan
from downloads.inventory.scan import models_index
from library.duplicates import search
from library.models import DuplicateSearch, FileHash
from tests.library.makers import begun, installed, model, put

pytestmark = pytest.mark.django_db

NAMES = {
    b"loras/\xc4\xe3.safetensors": "loras/\\xc4\\xe3.safetensors",
    b"l\xffras/a.safetensors": "l\\xffras/a.safetensors",
    b"loras/a\\b.safetensors": "loras/a\\\\b.safetensors",
    b"loras/a\nb.safetensors": "loras/a\nb.safetensors",
    b"loras/a\r\x01b.safetensors": "loras/a\r\x01b.safetensors",
    "loras/e\u0301.safetensors".encode(): "loras/e\u0301.safetensors",
}


def put_bytes(models: Path, name: bytes, size: int = 1000) -> Path:
    place = Path(os.fsdecode(os.fsencode(models) + b"/" + name))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(model(size, "x"))
    scan.forget()
    return place


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_listed_and_deleted_by_what_was_given_out(owner: Client, models: Path, name: bytes) -> None:
    place = put_bytes(models, name)
    assert owner.get("/storage/").status_code == 200
    assert owner.get("/").status_code == 200

    [listed] = owner.get("/api/storage").json()["unknown_files"]
    assert listed["path"] == NAMES[name]
    assert owner.get(f"/storage/delete/?path={quote(listed['path'], safe='')}").status_code == 200

    answer = owner.delete(f"/api/storage/file?path={quote(listed['path'], safe='')}")

    assert (answer.status_code, answer.json()["path"]) == (200, NAMES[name])
    assert not place.exists()
    assert NAMES[name] in Activity.objects.get().details["paths"]
    assert owner.get("/activity/").status_code == 200
    for form in ("json", "csv"):
        assert owner.get(f"/api/activity/export?format={form}").status_code == 200


@pytest.mark.parametrize("name", NAMES)
def test_the_page_deletes_it_although_a_form_sends_line_breaks_in_its_own_way(
    owner: Client, models: Path, name: bytes
) -> None:
    place = put_bytes(models, name)
    sent = NAMES[name].replace("\r", "\n").replace("\n", "\r\n")
    owner.post("/storage/delete/", {"confirmed": "1", "path": sent})
    assert not place.exists()


def test_what_is_begun_under_such_a_name_is_shown_and_thrown_away(owner: Client, models: Path) -> None:
    place = begun(os.fsdecode(b"loras/\xc4.safetensors"))
    [partial] = owner.get("/api/storage").json()["partials"]
    assert partial["path"] == "loras/\\xc4.safetensors"
    assert owner.delete(f"/api/storage/partial?path={quote(partial['path'])}").status_code == 200
    assert not place.exists()


def test_duplicates_are_found_and_stored_whatever_their_names_are(owner: Client, models: Path) -> None:
    put_bytes(models, b"loras/\xc4.safetensors", 2**20)
    put_bytes(models, b"loras/b.safetensors", 2**20)
    DuplicateSearch.begin()
    assert search(lambda: False) == 2
    assert "loras/\\xc4.safetensors" in FileHash.objects.values_list("path", flat=True)
    assert owner.get("/storage/?show=duplicates").status_code == 200


def test_a_decomposed_name_is_the_composed_one_on_record(owner: Client, models: Path) -> None:
    installed("loras/\u00e9.safetensors")
    (models / "loras/\u00e9.safetensors").rename(models / "loras/e\u0301.safetensors")
    scan.forget()
    assert owner.get("/api/storage").json()["unknown_files"] == []

    answer = owner.delete(f"/api/storage/file?path={quote('loras/' + chr(0xE9) + '.safetensors')}")

    assert answer.status_code == 200
    assert not ModelFile.objects.exists()
    assert not list((models / "loras").iterdir())


def test_of_both_ways_to_write_a_name_the_composed_one_counts_and_both_can_go(owner: Client, models: Path) -> None:
    for name in ("e\u0301", "\u00e9"):
        put(f"loras/{name}.safetensors")
    assert models_index().find("loras/e\u0301.safetensors").path == "loras/\u00e9.safetensors"  # type: ignore[union-attr]
    assert owner.get("/storage/").status_code == 200
    assert len(owner.get("/api/storage").json()["unknown_files"]) == 2
    for name in ("e\u0301", "\u00e9"):
        assert owner.delete(f"/api/storage/file?path={quote(f'loras/{name}.safetensors')}").status_code == 200


def test_commands_name_such_files(models: Path) -> None:
    put_bytes(models, b"loras/\xc4.safetensors")
    installed("loras/b.safetensors")
    out, err = StringIO(), StringIO()
    call_command("export_lock", stdout=out, stderr=err)
    assert [file["path"] for file in json.loads(out.getvalue())["files"]] == ["loras/b.safetensors"]
    assert "loras/\\xc4.safetensors" in err.getvalue()


def test_a_line_break_in_a_name_makes_no_line_of_a_command(models: Path) -> None:
    put_bytes(models, b"loras/a\nb\x1b[31m.safetensors")
    installed("loras/b.safetensors")
    err = StringIO()
    call_command("export_lock", stdout=StringIO(), stderr=err)
    [line] = err.getvalue().splitlines()
    assert r"loras/a\nb\x1b[31m.safetensors" in line
