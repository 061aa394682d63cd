from __future__ import annotations

import json
from pathlib import Path

import pytest

from downloads.file_records import ModelFile
from tests.fakehub import FakeHub
from tests.modelfiles.heads import head, safetensors_start
from tests.presets.conftest import Run
from tests.presets.makers import file, preset, write_catalogue
from tests.presets.management.commands.conftest import SIZE

CHECKPOINT = "model.diffusion_model.input_blocks.0.0.weight first_stage_model.decoder.conv_in.weight"

pytestmark = pytest.mark.django_db(transaction=True)


def test_check_presets_asks_each_address_once_and_keeps_nothing(models: Path, hub: FakeHub, run: Run) -> None:
    gated = hub.add_file("org/gated", "g.safetensors", size=SIZE, gated=True)
    page = hub.add_document("page.safetensors", b"<!doctype html><html></html>", headers={"Content-Type": "text/html"})
    large = hub.add_file("org/large", "large.safetensors", size=2 * SIZE)
    ok = hub.add_file("org/ok", "ok.safetensors", size=SIZE)
    write_catalogue(
        {
            "A": preset(
                file("vae/ok.safetensors", ok.url, size="200kB"),
                file("vae/gated.safetensors", gated.url),
                file("vae/none.safetensors", f"{hub.url}/org/ok/resolve/main/none.safetensors"),
                file("vae/page.safetensors", page.url),
                file("vae/large.safetensors", large.url, size="200kB"),
            ),
            "B": preset(file("vae/ok.safetensors", ok.url)),
        }
    )
    ran = run("check_presets", "A", "B", "--json")
    rows = json.loads(ran.out)
    assert ran.status == 1
    assert [(row["path"], row["status"]) for row in rows] == [
        ("vae/ok.safetensors", "ok"),
        ("vae/gated.safetensors", "gated"),
        ("vae/none.safetensors", "missing"),
        ("vae/page.safetensors", "html"),
        ("vae/large.safetensors", "size"),
    ]
    assert (rows[0]["presets"], rows[0]["size_bytes"], rows[0]["message"]) == (["A", "B"], ok.size, "")
    assert all(row["message"] for row in rows[1:])
    assert len(hub.asked("ok.safetensors", "hub")) == len(hub.asked("ok.safetensors", "cdn")) == 1
    assert list(models.rglob("*")) == []


def test_check_presets_says_that_a_header_belongs_into_another_folder(models: Path, hub: FakeHub, run: Run) -> None:
    start, size = safetensors_start(head(CHECKPOINT))
    one = hub.add_file("org/one", "one.safetensors", start.ljust(size + 9_000_000, b"\0"))
    write_catalogue({"A": preset(file("loras/one.safetensors", one.url), file("checkpoints/one.safetensors", one.url))})
    ran = run("check_presets", "A", "--json")
    wrong, right = json.loads(ran.out)
    assert (ran.status, wrong["status"], right["status"]) == (1, "kind", "ok")
    assert wrong["message"].startswith("The preset says loras, the file is a checkpoint: the header has ")
    assert wrong["message"].endswith(" checkpoints is the folder for it.")
    assert hub.sent("one.safetensors") < 300_000


def test_check_presets_is_content_with_a_header_that_does_not_come(models: Path, hub: FakeHub, run: Run) -> None:
    one = hub.add_file("org/one", "one.safetensors", size=SIZE)
    hub.fault("one.safetensors", origin="cdn", stall_after=100)
    write_catalogue({"A": preset(file("vae/one.safetensors", one.url))})
    ran = run("check_presets", "A", "--timeout", "0.5")
    assert (ran.status, ran.out.split()[0]) == (0, "ok")


def test_check_presets_says_what_the_catalogue_warns_of(
    models: Path, hub: FakeHub, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presets.path_conflicts.ignores_case", lambda folder: True)
    one = hub.add_file("org/ok", "ok.safetensors", size=SIZE)
    write_catalogue(
        {"A": preset(file("vae/ok.safetensors", one.url)), "B": preset(file("vae/OK.safetensors", one.url))}
    )
    ran = run("check_presets", "A", "B")
    assert ran.status == 0
    assert "A: vae/ok.safetensors and vae/OK.safetensors of B are one file here" in ran.err
    assert "B: vae/OK.safetensors and vae/ok.safetensors of A are one file here" in ran.err


def test_check_presets_sees_that_a_file_changed_since_it_was_installed(models: Path, hub: FakeHub, run: Run) -> None:
    run("install_preset", "ONE", "--wait")
    assert run("check_presets", "ONE").status == 0
    ModelFile.objects.update(sha256="0" * 64)
    ran = run("check_presets", "ONE")
    assert ran.status == 1
    assert ran.out.startswith("hash        checkpoints/one.safetensors")
    assert ran.out.splitlines()[-1] == "1 file: 1 hash"
