from __future__ import annotations

import io
import json
import re
import threading
from pathlib import Path

import pytest
from django.core.management.base import OutputWrapper
from django.db import connections

from downloads.models import DownloadHistory, Status
from downloads.worker import heartbeat
from downloads.worker.drain import drain_queue
from presets.follow import Report, watch
from tests.downloads.makers import make_install
from tests.fakehub import FakeHub
from tests.presets.conftest import Run
from tests.presets.makers import file, preset, write_catalogue
from tests.presets.management.commands.conftest import SIZE

pytestmark = pytest.mark.django_db(transaction=True)


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
