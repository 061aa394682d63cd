"""/api/downloads as somebody from outside would try it. Each answer is held against the OpenAPI document."""

from __future__ import annotations

import pytest

from downloads.models import DownloadHistory, Status
from downloads.worker import parked as waiting_rows
from downloads.worker.drain import drain_queue
from tests.contract.caller import DOWNLOAD_KEYS, Script
from tests.downloads.makers import make_install
from tests.fakehub import FakeHub
from tests.presets.makers import file, preset, write_catalogue

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("two_presets")]

TOKEN = "hf_" + "t" * 34


def test_history_is_filtered_and_counts_all_that_match(script: Script) -> None:
    for _ in range(3):
        make_install(Status.FAILED, preset_id="P")
    make_install(Status.COMPLETED, preset_id="P")
    answer = script.get("/api/downloads/history?preset_id=P&status=failed&limit=1&offset=1").body
    assert (answer["total"], len(answer["downloads"])) == (3, 1)
    one = answer["downloads"][0]
    assert set(one) >= DOWNLOAD_KEYS
    assert one["queued_at"].endswith("Z")
    newest_first = [row["id"] for row in script.get("/api/downloads/history").body["downloads"]]
    assert newest_first == sorted(newest_first, reverse=True)
    for query in ("limit=0", "limit=-1", "limit=x", "offset=-1", "status=odd"):
        assert script.get(f"/api/downloads/history?{query}").status == 400, query


def test_one_download_and_its_verbs(script: Script) -> None:
    row = make_install(Status.QUEUED, files=2)
    answer = script.get(f"/api/downloads/{row.pk}").body
    assert (set(answer) >= DOWNLOAD_KEYS, len(answer["files"])) == (True, 2)
    assert script.post(f"/api/downloads/{row.pk}/cancel?keep_partial=false").body["status"] == "cancelled"
    assert script.post(f"/api/downloads/{row.pk}/pause").status == 409
    assert script.post(f"/api/downloads/{row.pk}/explode").status == 400
    assert script.post("/api/downloads/999999/pause").status == 404
    assert script.get("/api/downloads/99999999999999999999").status == 404
    make_install(Status.FAILED)
    assert script.post("/api/downloads/retry-failed").body == {"queued": 1}


@pytest.mark.django_db(transaction=True)
def test_a_gated_install_starts_by_itself_when_a_token_is_saved(hub: FakeHub) -> None:
    script = Script()
    gated = hub.add_file("org/gated", "g.safetensors", size=50_000, gated=True)
    write_catalogue({"G": preset(file("loras/g.safetensors", url=gated.url))})
    assert script.post("/api/presets/G/install").body["status"] == "queued"
    drain_queue()
    waiting = script.get("/api/presets/G/status").body
    assert (waiting["status"], waiting["reason"]) == ("waiting", "token_required")

    hub.token(TOKEN, accepted={"org/gated"})
    assert script.post("/api/settings/hf-token", {"token": TOKEN}).body["status"] == "ok"
    waiting_rows.look_again(now=True)
    drain_queue()

    assert script.get("/api/presets/G").body["status"] == "installed"
    assert DownloadHistory.objects.count() == 1
