"""The commands with a Hub on loopback: what they fetch, what they print, how they end."""

from __future__ import annotations

import io
import json
import re
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import OutputWrapper
from django.db import connections
from django.test import Client
from django.utils import timezone

from activity.models import Activity
from downloads.models import DownloadHistory, ModelFile, RemoteFile, Status
from downloads.worker import heartbeat
from downloads.worker.drain import drain_queue
from presets.follow import Report, watch
from settings_app.administrator import administrator
from tests.downloads.makers import make_install
from tests.fakehub import FakeHub
from tests.presets.conftest import Run
from tests.presets.makers import file, preset, put_model, write_catalogue

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = 200_000


@pytest.fixture
def models(hub: FakeHub, settings: Any) -> Path:
    """Two presets on the Hub, with a file in common."""
    one = hub.add_file("org/one", "one.safetensors", size=SIZE, seed=1)
    two = hub.add_file("org/two", "two.safetensors", size=SIZE, seed=2)
    write_catalogue(
        {
            "ONE": preset(file("checkpoints/one.safetensors", one.url, size="200kB"), name="One"),
            "BOTH": preset(
                file("checkpoints/one.safetensors", one.url), file("vae/two.safetensors", two.url), name="Both"
            ),
        }
    )
    folder: Path = settings.MODELS_DIR
    return folder


# --- list ----------------------------------------------------------------------------------------------------------


def test_list_presets_prints_a_line_each(models: Path, run: Run) -> None:
    put_model("checkpoints/one.safetensors")
    ran = run("list_presets", "one", "--status", "installed")
    assert (ran.status, ran.err) == (0, "")
    assert [line.split() for line in ran.out.splitlines()] == [["ONE", "installed", "134", "B", "One"]]


def test_list_presets_as_json_is_what_the_api_shows(models: Path, run: Run) -> None:
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(administrator())
    rows = json.loads(run("list_presets", "--json").out)
    assert rows == client.get("/api/presets/").json()["presets"]
    available = json.loads(run("list_presets", "one", "--status", "available", "--json").out)
    assert ("ONE", "available", SIZE) in [(row["id"], row["status"], row["missing_bytes"]) for row in available]


# --- install -------------------------------------------------------------------------------------------------------


def test_install_preset_queues_and_returns(models: Path, run: Run) -> None:
    ran = run("install_preset", "ONE", "BOTH", "ONE")
    assert (ran.status, ran.out) == (0, "One is queued.\nBoth is queued, after 1 other.\n")
    assert list(DownloadHistory.objects.order_by("id").values_list("preset_id", flat=True)) == ["ONE", "BOTH"]


def test_install_preset_waits_and_says_each_tenth(models: Path, run: Run) -> None:
    ran = run("install_preset", "BOTH", "--wait")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines()[:2] == ["Both is queued.", "No worker is running, so this command downloads by itself."]
    assert ran.out.splitlines()[-1] == "BOTH: installed"
    assert sorted(place.name for place in models.rglob("*.*")) == ["one.safetensors", "two.safetensors"]


def test_install_preset_as_json(models: Path, run: Run) -> None:
    first = json.loads(run("install_preset", "ONE", "--wait", "--json").out)
    row = DownloadHistory.objects.get()
    assert first == [{"preset_id": "ONE", "status": "completed", "download_id": row.pk, "reason": "", "message": ""}]
    again = json.loads(run("install_preset", "ONE", "--json").out)
    assert [(one["status"], one["download_id"]) for one in again] == [("already_installed", None)]


def test_an_unknown_preset_fails_but_the_others_are_queued(models: Path, run: Run) -> None:
    ran = run("install_preset", "NOPE", "ONE")
    assert (ran.status, ran.out) == (1, "One is queued.\n")
    assert "no preset “NOPE”" in ran.err


def test_a_failed_install_ends_with_1_and_the_sentence(models: Path, hub: FakeHub, run: Run) -> None:
    write_catalogue({"ONE": preset(file("vae/x.safetensors", f"{hub.url}/org/one/resolve/main/none.safetensors"))})
    ran = run("install_preset", "ONE", "--wait")
    assert ran.status == 1
    assert ran.out.splitlines()[-1].startswith("ONE: failed, not_found. ")


def test_a_parked_install_is_not_waited_for(models: Path, hub: FakeHub, run: Run) -> None:
    gated = hub.add_file("org/gated", "g.safetensors", size=SIZE, gated=True)
    write_catalogue({"G": preset(file("vae/g.safetensors", gated.url))})
    ran = run("install_preset", "G", "--wait")
    assert ran.status == 1
    assert ran.out.splitlines()[-1].startswith("G: waiting, token_required. ")


def test_a_paused_install_is_not_waited_for(models: Path, run: Run) -> None:
    make_install(Status.PAUSED, preset_id="ONE")
    ran = run("install_preset", "ONE", "--wait")
    assert (ran.status, ran.out) == (1, "One is paused already.\nONE: paused\n")


def test_ctrl_c_gives_the_running_install_back(models: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    row = DownloadHistory.objects.create(preset_id="ONE", title="One", position=1, files_total=1)
    row.files.create(path="checkpoints/one.safetensors", url=f"{hub.url}/org/one/resolve/main/one.safetensors")
    gate = hub.gate("one.safetensors", at_byte=SIZE // 2)

    class CtrlC(Report):
        def progress(self, row: DownloadHistory) -> None:
            if gate.reached.is_set():
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch([row], CtrlC(OutputWrapper(io.StringIO()), quiet=True))
    gate.open()
    row.refresh_from_db()
    assert row.status == Status.QUEUED


def test_what_others_queued_behind_goes_back_when_watching_ends(models: Path, hub: FakeHub, run: Run) -> None:
    slow = hub.add_file("org/slow", "slow.safetensors", size=SIZE)
    write_catalogue({"SLOW": preset(file("vae/slow.safetensors", slow.url))})
    parked = make_install(Status.PAUSED, preset_id="ONE")
    run("install_preset", "SLOW")
    gate = hub.gate(slow)

    class Patient(Report):
        """Ends the watched install only when the other one is under way."""

        def line(self, text: str) -> None:
            assert "No worker" in text or gate.reached.wait(10)

    watch([parked], Patient(OutputWrapper(io.StringIO()), quiet=True))
    gate.open()
    assert DownloadHistory.objects.get(preset_id="SLOW").status == Status.QUEUED


def test_a_worker_that_lives_does_the_work_and_each_tenth_is_said_once(models: Path, hub: FakeHub, run: Run) -> None:
    big = hub.add_file("org/big", "big.safetensors", size=4_000_000)
    write_catalogue({"BIG": preset(file("vae/big.safetensors", big.url))})
    run("install_preset", "BIG")
    row = DownloadHistory.objects.get()
    heartbeat.beat()
    gate = hub.gate(big, at_byte=big.size // 2)
    out = io.StringIO()

    class Gatekeeper(Report):
        """Lets the second half go once the first half was reported, twice."""

        def progress(self, row: DownloadHistory) -> None:
            super().progress(row)
            super().progress(row)
            if row.progress > 10:
                gate.open()

    worker = threading.Thread(target=drain_here)
    worker.start()
    try:
        watch([row], Gatekeeper(OutputWrapper(out)))
    finally:
        gate.open()
        worker.join()
    *tenths, last = out.getvalue().splitlines()
    assert last == "BIG: installed"
    assert tenths
    assert len(tenths) == len(set(tenths))
    assert all(re.fullmatch(r"BIG: [1-9]0 % of 4.0 MB", line) for line in tenths)


def drain_here() -> None:
    try:
        drain_queue()
    finally:
        connections.close_all()


def quiet() -> Report:
    return Report(OutputWrapper(io.StringIO()), quiet=True)


def test_a_terminal_gets_a_bar_that_moves_in_its_line(models: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    row = make_install(Status.DOWNLOADING, title="One", bytes_done=50, bytes_total=100)
    report = Report(OutputWrapper(terminal))
    report.progress(row)
    report.line("done")
    bar = f"[{'#' * 12}{'.' * 12}]  50.0 % of 100 B  0 B/s  One"
    assert terminal.getvalue() == f"{bar}\r{' ' * len(bar)}\rdone\n"


# --- check -----------------------------------------------------------------------------------------------------


def test_check_presets_asks_each_address_once_and_fetches_nothing(models: Path, hub: FakeHub, run: Run) -> None:
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
    assert len(hub.asked("ok.safetensors")) == 1
    assert list(models.rglob("*")) == []


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


# --- lock files ------------------------------------------------------------------------------------------------


def test_a_lock_moves_a_set_of_models_to_another_machine(
    models: Path, hub: FakeHub, run: Run, workspace: Path, settings: Any
) -> None:
    run("install_preset", "BOTH", "--wait")
    lock = workspace / "my models.json"
    assert run("export_lock", "-o", str(lock)).out == f"2 files written to {lock}\n"
    written = json.loads(lock.read_text())
    commit = RemoteFile.objects.values_list("commit", flat=True).distinct().get()
    assert [entry["path"] for entry in written["files"]] == ["checkpoints/one.safetensors", "vae/two.safetensors"]
    assert all(f"/resolve/{commit}/" in entry["url"] for entry in written["files"])
    assert run("verify_lock", str(lock)).status == 0

    settings.MODELS_DIR = workspace / "other machine"
    settings.MODELS_DIR.mkdir()
    ModelFile.objects.all().delete()
    assert run("verify_lock", str(lock)).status == 1
    ran = run("apply_lock", str(lock), "--wait")
    assert ran.status == 0
    assert ran.out.startswith("lock:my-models-")
    verified = run("verify_lock", str(lock))
    assert (verified.status, verified.out.splitlines()[-1]) == (0, "2 of 2 files are exactly as the lock says")


def test_a_lock_of_one_preset_on_standard_output(models: Path, run: Run) -> None:
    run("install_preset", "BOTH", "--wait")
    ran = run("export_lock", "ONE")
    assert [entry["path"] for entry in json.loads(ran.out)["files"]] == ["checkpoints/one.safetensors"]


def test_what_has_no_record_is_left_out_and_named(models: Path, run: Run) -> None:
    put_model("loras/mine.safetensors")
    ran = run("export_lock")
    assert ran.status == 1
    assert "Left out: loras/mine.safetensors" in ran.err


def test_a_lock_holds_content_to_its_hash(models: Path, hub: FakeHub, run: Run, workspace: Path) -> None:
    run("install_preset", "ONE", "--wait")
    lock = workspace / "lock.json"
    run("export_lock", "-o", str(lock))
    place = models / "checkpoints" / "one.safetensors"
    data = bytearray(place.read_bytes())
    data[-1] ^= 1
    place.write_bytes(data)
    ran = run("verify_lock", str(lock), "--json")
    assert (ran.status, [row["status"] for row in json.loads(ran.out)]) == (1, ["differs"])


def test_a_damaged_lock_is_a_sentence(run: Run, workspace: Path) -> None:
    lock = workspace / "lock.json"
    lock.write_text("[]")
    for command in ("apply_lock", "verify_lock"):
        ran = run(command, str(lock))
        assert (ran.status, ran.err) == (1, f"{lock}: It is no lock file of ComfyDash. Write one with export_lock.")
    assert run("apply_lock", str(workspace / "none.json")).status == 1
    assert DownloadHistory.objects.count() == 0


# --- verify ----------------------------------------------------------------------------------------------------


def test_verify_models_finds_what_broke_and_repairs_only_that(models: Path, hub: FakeHub, run: Run) -> None:
    run("install_preset", "BOTH", "--wait")
    assert run("verify_models").out.splitlines()[-1] == "2 files: 2 ok"
    broken = models / "vae" / "two.safetensors"
    right = broken.read_bytes()
    broken.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    ran = run("verify_models")
    assert (ran.status, ran.out.splitlines()[-1]) == (1, "2 files: 1 differs, 1 ok")

    sent = hub.sent("one.safetensors")
    ran = run("verify_models", "--repair")
    assert ran.status == 0
    row = DownloadHistory.objects.active().get()
    assert (row.title, row.force, [one.path for one in row.files.all()]) == (
        "Repair of 1 file",
        True,
        ["vae/two.safetensors"],
    )
    watch([row], quiet())
    assert broken.read_bytes() == right
    assert hub.sent("one.safetensors") == sent
    assert run("verify_models").status == 0


def test_a_repair_asked_for_twice_is_one_install_and_another_repair_is_another(
    models: Path, hub: FakeHub, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("install_preset", "BOTH", "--wait")
    for path in ("vae/two.safetensors", "checkpoints/one.safetensors"):
        broken = models / path
        right = broken.read_bytes()
        for seconds in (0, 5):
            broken.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
            moment = timezone.now() + timedelta(seconds=seconds)
            with monkeypatch.context() as clock:
                clock.setattr(timezone, "now", lambda moment=moment: moment)
                assert run("verify_models", "--repair").status == 0
        broken.write_bytes(right)
    repaired = [sorted(file.path for file in row.files.all()) for row in DownloadHistory.objects.active()]
    assert sorted(repaired) == [["checkpoints/one.safetensors"], ["vae/two.safetensors"]]


def test_verify_models_vouches_for_what_others_put_there(models: Path, hub: FakeHub, run: Run) -> None:
    run("install_preset", "ONE", "--wait")
    ModelFile.objects.all().delete()
    ran = run("verify_models", "--json")
    assert [row["status"] for row in json.loads(ran.out)] == ["ok"]
    assert ModelFile.objects.get().path == "checkpoints/one.safetensors"


def test_verify_models_says_what_nobody_can_know(models: Path, run: Run) -> None:
    put_model("checkpoints/one.safetensors")
    ran = run("verify_models")
    assert (ran.status, ran.out.splitlines()[-1]) == (0, "1 file: 1 unknown")
    assert ModelFile.objects.count() == 0


def test_a_broken_file_of_unknown_origin_cannot_be_repaired(models: Path, run: Run) -> None:
    place = put_model("checkpoints/mine.safetensors", b"\x00" * 100)
    ModelFile.objects.create(path="checkpoints/mine.safetensors", size=place.stat().st_size, mtime_ns=0)
    ran = run("verify_models", "--repair")
    assert ran.status == 1
    assert "cannot be repaired" in ran.err
    assert Activity.objects.count() == 0
