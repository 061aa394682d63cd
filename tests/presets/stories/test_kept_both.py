"""Two presets that want different bytes under one path: the choice on every door, and who owns which file then."""

from __future__ import annotations

import hashlib
import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from downloads.file_records import ModelFile, RemoteFile
from downloads.inventory import scan
from downloads.models import DownloadHistory, Status
from presets.catalogue import catalogue
from presets.states import PresetState, installed_presets_needing, preset_states
from presets.uninstall import plan_uninstall, uninstall
from presets.verify import everything_expected, record, verify
from settings_app.administrator import administrator
from tests.downloads.makers import make_install
from tests.presets.makers import HUB, file, preset, put_model, safetensors, write_catalogue

pytestmark = pytest.mark.django_db

PATH = "loras/x.safetensors"
URLS = {"ONE": f"{HUB}/o/one/resolve/main/x.safetensors", "TWO": f"{HUB}/o/two/resolve/main/x.safetensors"}
DATA = {"ONE": safetensors(fill=1), "TWO": safetensors(fill=2)}
SHA256 = {name: hashlib.sha256(data).hexdigest() for name, data in DATA.items()}
KEPT = f"loras/x-{SHA256['TWO'][:8]}.safetensors"


@pytest.fixture
def path_conflicts(models: Path) -> None:
    """Both are in the catalogue, the first is installed."""
    write_catalogue({name: preset(file(PATH, url=url), name=name.title()) for name, url in URLS.items()})
    for name, url in URLS.items():
        RemoteFile.objects.create(url=url, size=len(DATA[name]), sha256=SHA256[name])
    put("ONE", PATH)


@pytest.fixture
def models(tmp_path: Path, settings: Any) -> Path:
    settings.MODELS_DIR = tmp_path / "models"
    settings.MODELS_DIR.mkdir(exist_ok=True)
    settings.PRESETS_FILE = tmp_path / "presets.yaml"
    scan.forget()
    return tmp_path / "models"


@pytest.fixture
def owner() -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(administrator())
    return client


def put(name: str, path: str) -> Path:
    place = put_model(path, DATA[name])
    stamp = place.stat()
    ModelFile.objects.create(
        path=path, size=stamp.st_size, mtime_ns=stamp.st_mtime_ns, sha256=SHA256[name], url=URLS[name]
    )
    return place


def state(name: str) -> PresetState:
    scan.forget()
    return preset_states([catalogue().presets[name]])[name]


def test_until_somebody_chooses_only_one_is_here(path_conflicts: None) -> None:
    assert (state("ONE").status, state("TWO").status) == ("installed", "available")
    assert state("TWO").taken == [PATH]


def test_each_owns_the_file_that_is_its_own(path_conflicts: None, models: Path) -> None:
    put("TWO", KEPT)
    assert (state("ONE").status, state("TWO").status) == ("installed", "installed")
    assert installed_presets_needing([PATH, KEPT]) == {PATH: ["One"], KEPT: ["Two"]}

    assert plan_uninstall([catalogue().presets["TWO"]]).delete == [KEPT]
    uninstall([catalogue().presets["TWO"]])
    assert [place.name for place in (models / "loras").iterdir()] == ["x.safetensors"]
    assert (state("ONE").status, state("TWO").status) == ("installed", "available")


def test_the_lock_and_verify_know_it_under_its_own_path(path_conflicts: None) -> None:
    put("TWO", KEPT)
    out = StringIO()
    call_command("export_lock", "TWO", stdout=out)
    [locked] = json.loads(out.getvalue())["files"]
    assert (locked["path"], locked["url"], locked["sha256"]) == (KEPT, URLS["TWO"], SHA256["TWO"])

    out = StringIO()
    call_command("verify_models", "--json", stdout=out)
    assert {row["path"]: row["status"] for row in json.loads(out.getvalue())} == {PATH: "ok", KEPT: "ok"}


def test_a_kept_file_without_a_record_is_known_by_its_name(path_conflicts: None) -> None:
    put_model(KEPT, DATA["TWO"])
    [found] = state("TWO").files
    assert (found.status, found.place, state("TWO").installed) == ("unverified", KEPT, True)


@pytest.mark.parametrize("conflict", ["replace", "keep_both"])
def test_every_call_takes_the_wish(path_conflicts: None, owner: Client, conflict: str) -> None:
    answer = owner.post(f"/api/presets/TWO/install?conflict={conflict}", content_type="application/json")
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    row = DownloadHistory.objects.get()
    assert row.conflict == conflict

    for address in ("/api/presets/TWO/retry", f"/api/downloads/{row.pk}/retry"):
        DownloadHistory.objects.update(status=Status.FAILED, conflict="")
        answer = owner.post(f"{address}?conflict={conflict}", content_type="application/json")
        assert answer.status_code == 200
        assert DownloadHistory.objects.get(pk=answer.json()["download_id"]).conflict == conflict
    assert owner.post("/api/presets/TWO/install?conflict=both", content_type="application/json").status_code == 400


def test_the_command_takes_the_wish(path_conflicts: None) -> None:
    call_command("install_preset", "TWO", "--conflict", "keep_both", stdout=StringIO())
    assert DownloadHistory.objects.get().conflict == "keep_both"


@pytest.mark.parametrize("address", ["/models/", "/models/TWO/"])
def test_the_card_and_the_detail_offer_both_before_anything_was_tried(
    path_conflicts: None, owner: Client, address: str
) -> None:
    text = owner.get(address).content.decode()
    assert text.count('value="replace"') == text.count('value="keep_both"') == 1
    owner.post("/models/TWO/install/", {"conflict": "keep_both"})
    assert DownloadHistory.objects.get().conflict == "keep_both"


def test_a_failed_download_offers_both_wherever_it_is_shown(path_conflicts: None, owner: Client) -> None:
    row = make_install(Status.FAILED, preset_id="TWO", title="Two", reason="path_conflict")
    for page in ("/", "/downloads/", f"/downloads/{row.pk}/", "/models/", "/models/TWO/"):
        text = owner.get(page).content.decode()
        assert "Replace the file" in text, page
        assert "Keep both" in text, page
    owner.post(f"/downloads/{row.pk}/retry/", {"conflict": "replace"})
    assert DownloadHistory.objects.latest("pk").conflict == "replace"


def test_the_lock_leaves_out_what_has_to_be_verified_first(path_conflicts: None) -> None:
    place = Path(settings.MODELS_DIR) / PATH
    os.utime(place, (1, 1))
    scan.forget()
    put("TWO", KEPT)
    out, err = StringIO(), StringIO()
    call_command("export_lock", stdout=out, stderr=err)
    assert [locked["path"] for locked in json.loads(out.getvalue())["files"]] == [KEPT]
    assert f"Left out: {PATH}" in err.getvalue()
    assert "verify first" in err.getvalue()

    call_command("verify_models", stdout=StringIO())
    out = StringIO()
    call_command("export_lock", stdout=out)
    assert len(json.loads(out.getvalue())["files"]) == 2


def test_anothers_file_is_not_called_ones_own_before_the_host_was_asked(path_conflicts: None, owner: Client) -> None:
    RemoteFile.objects.filter(url=URLS["TWO"]).delete()
    [found] = state("TWO").files
    assert (found.status, state("TWO").status, state("ONE").status) == ("unverified", "available", "installed")
    answer = owner.post("/api/presets/TWO/install?conflict=replace", content_type="application/json")
    assert answer.json()["status"] == "queued"


def test_the_same_bytes_of_another_address_are_here_once_the_host_was_asked(path_conflicts: None) -> None:
    RemoteFile.objects.filter(url=URLS["TWO"]).update(sha256=SHA256["ONE"])
    assert state("TWO").status == "installed"


def test_the_lock_knows_a_folder_under_both_of_its_names(models: Path) -> None:
    write_catalogue({})
    put("ONE", "unet/x.safetensors")
    ModelFile.objects.update(path="diffusion_models/x.safetensors")
    out = StringIO()
    call_command("export_lock", stdout=out)
    assert [locked["path"] for locked in json.loads(out.getvalue())["files"]] == ["unet/x.safetensors"]


def test_what_was_replaced_while_it_was_hashed_is_not_put_on_record_again(path_conflicts: None, models: Path) -> None:
    place = models / PATH
    os.utime(place, (1, 1))
    scan.forget()
    [checked] = verify(everything_expected())
    assert checked.verdict == "ok"
    place.write_bytes(DATA["TWO"])
    stamp = place.stat()
    ModelFile.renew(PATH, stamp.st_size, stamp.st_mtime_ns, SHA256["TWO"], URLS["TWO"])

    record(checked)

    assert ModelFile.objects.get().sha256 == SHA256["TWO"]
