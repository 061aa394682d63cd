"""The Downloads page, the queue panel and the buttons on them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from downloads.models import DownloadHistory, Status
from downloads.queue_status import queue_head
from settings_app.administrator import administrator
from tests.downloads.makers import make_install

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def page(admin: Client, path: str = "/downloads/", **headers: str) -> str:
    answer = admin.get(path, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_nobody_sees_the_page_without_a_login() -> None:
    assert Client(SERVER_NAME="localhost").get("/downloads/").status_code == 302


def test_each_state_stands_under_its_heading_with_its_verbs(admin: Client) -> None:
    make_install(Status.DOWNLOADING, title="Runs now", bytes_done=420, bytes_total=1000)
    make_install(Status.QUEUED, title="Comes next")
    make_install(Status.PAUSED, title="Has been paused")
    make_install(Status.WAITING, title="Needs a token", reason="token_required", error_message="Add a token.")
    make_install(Status.FAILED, title="Broke", reason="network", error_message="The line was cut. Retry continues.")
    text = page(admin)
    for words in ("Runs now", "42 %", "Comes next", "Has been paused", "Add a token.", "The line was cut."):
        assert words in text
    for label in (
        "Pause Runs now",
        "Move Comes next up",
        "Resume Has been paused",
        "Retry Broke",
        "Cancel Needs a token",
    ):
        assert f'aria-label="{label}"' in text
    assert "Add token" in text


def test_a_piece_is_the_same_address_and_says_what_it_varies_on(admin: Client) -> None:
    make_install(Status.QUEUED, title="Comes next")
    answer = admin.get("/downloads/", headers={**HTMX, "HX-Target": "active"})
    assert re.match(r'\s*<div class="stack"\s+id="active"', answer.content.decode())
    assert "HX-Target" in answer["Vary"]
    assert re.match(r'\s*<section class="panel"\s+id="history"', page(admin, **{**HTMX, "HX-Target": "history"}))


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        ("pause", Status.DOWNLOADING, Status.PAUSED),
        ("resume", Status.PAUSED, Status.QUEUED),
        ("resume", Status.WAITING, Status.QUEUED),
        ("cancel", Status.QUEUED, Status.CANCELLED),
        ("skip", Status.DOWNLOADING, Status.QUEUED),
    ],
)
def test_a_button_moves_the_row_and_leads_back(admin: Client, verb: str, before: Status, after: Status) -> None:
    row = make_install(before)
    answer = admin.post(
        reverse(f"downloads:{verb}", args=[row.pk]), headers={"Referer": "http://localhost/models/?q=x"}
    )
    row.refresh_from_db()
    assert (row.status, answer.status_code, answer["Location"]) == (after, 302, "http://localhost/models/?q=x")


def test_it_leads_back_to_no_other_site(admin: Client) -> None:
    row = make_install()
    answer = admin.post(reverse("downloads:pause", args=[row.pk]), headers={"Referer": "https://elsewhere.example/"})
    assert answer["Location"] == "/downloads/"


def test_under_htmx_the_answer_is_a_toast_with_undo(admin: Client) -> None:
    row = make_install(title="FLUX")
    answer = admin.post(reverse("downloads:cancel", args=[row.pk]), headers=HTMX)
    assert (answer.status_code, answer["X-Acted"]) == (200, "yes")
    text = answer.content.decode()
    assert "FLUX is cancelled." in text
    assert f'action="{reverse("downloads:retry", args=[row.pk])}"' in text


def test_undo_of_a_cancel_queues_it_again(admin: Client) -> None:
    row = make_install(Status.CANCELLED)
    admin.post(reverse("downloads:retry", args=[row.pk]))
    assert DownloadHistory.objects.filter(preset_id=row.preset_id, status=Status.QUEUED).count() == 1


def test_a_verb_the_state_does_not_allow_is_said_and_changes_nothing(admin: Client) -> None:
    row = make_install(Status.COMPLETED, title="FLUX")
    text = admin.post(reverse("downloads:pause", args=[row.pk]), headers=HTMX).content.decode()
    row.refresh_from_db()
    assert row.status == Status.COMPLETED
    assert "“FLUX” is completed and cannot be paused now." in text
    assert 'role="alert"' in text


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "retry", "skip", "move", "place", "retry_all_failed"])
def test_looking_at_the_address_of_a_verb_does_nothing(admin: Client, verb: str) -> None:
    row = make_install()
    args = [] if verb == "retry_all_failed" else [row.pk]
    assert admin.get(reverse(f"downloads:{verb}", args=args)).status_code == 405
    row.refresh_from_db()
    assert row.status == Status.QUEUED


def test_forms_need_the_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    client.force_login(administrator())
    assert client.post(reverse("downloads:pause", args=[make_install().pk])).status_code == 403


@pytest.mark.parametrize(
    ("reason", "labels"),
    [
        ("token_required", ["Add token"]),
        ("token_invalid", ["Change token", "Check again"]),
        ("token_scope", ["Change token", "Check again"]),
        ("licence_required", ["Accept licence", "Check again"]),
        ("access_pending", ["Open its page", "Check again"]),
        ("disk_full", ["Free space", "Check again"]),
    ],
)
def test_each_reason_to_wait_has_its_button(admin: Client, reason: str, labels: list[str]) -> None:
    make_install(Status.WAITING, reason=reason, error_message="Why.")
    text = page(admin, "/downloads/queue/")
    assert [label for label in labels if label not in text] == []


def test_the_licence_button_leads_to_the_repository_of_the_file(admin: Client) -> None:
    row = make_install(Status.WAITING, reason="licence_required")
    row.files.update(url="https://huggingface.co/ORG/REPO/resolve/main/sub/a.safetensors", error="Accept it.")
    assert 'href="https://huggingface.co/ORG/REPO"' in page(admin)


def test_dragging_puts_a_row_at_a_position(admin: Client) -> None:
    rows = [make_install() for _ in range(4)]
    admin.post(reverse("downloads:place", args=[rows[3].pk]), {"position": "1"})
    order = list(DownloadHistory.objects.active().in_queue_order().values_list("pk", flat=True))
    assert order == [rows[0].pk, rows[3].pk, rows[1].pk, rows[2].pk]


@pytest.mark.parametrize("position", ["", "first", "-3", "99"])
def test_an_odd_position_breaks_nothing(admin: Client, position: str) -> None:
    rows = [make_install() for _ in range(2)]
    assert admin.post(reverse("downloads:place", args=[rows[0].pk]), {"position": position}).status_code == 302
    assert DownloadHistory.objects.active().count() == 2


def test_throwing_bytes_away_asks_first_and_tells_what_becomes_free(admin: Client, settings: Any) -> None:
    """What is complete stays, so its bytes are none of them."""
    row = make_install(Status.PAUSED, title="FLUX", files=2, bytes_done=3 * 10**9)
    complete, unfinished = row.files.order_by("id")
    type(complete).objects.filter(pk=complete.pk).update(status="completed", bytes_done=2 * 10**9)
    part = settings.MODELS_DIR / f"{unfinished.path}.part"
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_bytes(b"x" * 40_960)
    text = page(admin, reverse("downloads:discard", args=[row.pk]))
    assert "41.0 kB of its unfinished files are deleted" in text
    row.refresh_from_db()
    assert row.status == Status.PAUSED
    admin.post(reverse("downloads:cancel", args=[row.pk]), {"keep_partial": "false"})
    assert row.files.filter(discard=True).exists()


def test_history_is_filtered_searched_and_paged(admin: Client) -> None:
    for number in range(60):
        make_install(Status.COMPLETED, title=f"Model {number:02}")
    make_install(Status.FAILED, title="Model broken")
    assert "1–50 of 61" in page(admin)
    assert "51–61 of 61" in page(admin, "/downloads/?page=2")
    assert "Model broken" in page(admin, "/downloads/?status=failed")
    assert re.findall(r"Model \d\d", page(admin, "/downloads/?q=model 07")) == ["Model 07"]


def test_only_the_newest_of_a_preset_can_be_retried(admin: Client) -> None:
    old = make_install(Status.FAILED, preset_id="FLUX")
    new = make_install(Status.FAILED, preset_id="FLUX")
    text = page(admin)
    assert reverse("downloads:retry", args=[new.pk]) in text
    assert reverse("downloads:retry", args=[old.pk]) not in text
    assert "Retry all failed (1)" in text


def test_retry_all_failed_queues_each_preset_once(admin: Client) -> None:
    make_install(Status.FAILED, preset_id="A")
    make_install(Status.FAILED, preset_id="A")
    make_install(Status.FAILED, preset_id="B")
    admin.post(reverse("downloads:retry_all_failed"))
    queued = DownloadHistory.objects.filter(status=Status.QUEUED).order_by("preset_id")
    assert [row.preset_id for row in queued] == ["A", "B"]


@pytest.mark.usefixtures("settings_read_once")
def test_the_number_of_queries_does_not_grow_with_the_rows(admin: Client, django_assert_max_num_queries) -> None:
    """Nor does a page write: what is derived from files is kept by the first look, and no row changes that."""
    pages = ("/downloads/", "/downloads/queue/", "/")
    for path in pages:
        admin.get(path)
    for _ in range(30):
        make_install(Status.QUEUED, files=3)
        make_install(Status.FAILED, files=3)
        make_install(Status.WAITING, files=2, reason="licence_required")
    for path in pages:
        with django_assert_max_num_queries(20) as queries:
            admin.get(path)
        assert [query["sql"] for query in queries if not query["sql"].startswith("SELECT")] == []


def test_the_button_in_the_header_counts_and_carries_what_the_page_has_seen(admin: Client) -> None:
    make_install(Status.DOWNLOADING, preset_id="RUNS")
    make_install(Status.QUEUED, preset_id="NEXT")
    make_install(Status.WAITING, preset_id="STUCK")
    text = page(admin)
    assert "Queue (3)" in text
    assert f'data-queue="{queue_head()["revision"]}"' in text


def test_titles_from_a_catalogue_are_text_and_never_markup(admin: Client) -> None:
    make_install(Status.FAILED, title="<img src=x onerror=alert(1)>", error_message="<script>alert(2)</script>")
    for path in ("/downloads/", "/downloads/queue/", "/"):
        assert not re.search(r"<img src=x|<script>alert", page(admin, path))


def test_a_token_is_tested_before_it_is_kept_and_never_shown_again(admin: Client, settings) -> None:
    settings.HF_ENDPOINT = "http://127.0.0.1:9"  # the discard port: nobody answers
    text = admin.post(reverse("downloads:token"), {"token": "hf_canary12345678", "test": "1"}).content.decode()
    assert "cannot be reached" in text
    assert "hf_canary" not in text
    text = admin.post(reverse("downloads:token"), {"token": "password"}).content.decode()
    assert "This is not a Hugging Face token" in text


def test_a_token_is_kept_where_the_hub_cannot_be_asked(admin: Client, settings) -> None:
    settings.HF_ENDPOINT = "http://127.0.0.1:9"
    answer = admin.post(reverse("downloads:token"), {"token": "hf_canary12345678"}, follow=True)
    text = answer.content.decode()
    assert "The token is saved." in text
    assert "hf_canary" not in text
    assert "hf_…5678" in page(admin, "/downloads/token/")
