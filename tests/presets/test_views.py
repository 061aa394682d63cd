"""The Models page and a model's own page: search, filters, the one right action, and what a press of it does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext

from activity.models import Activity
from downloads.file_records import RemoteFile
from downloads.models import DownloadHistory, Status
from presets.catalogue import catalogue
from presets.states import PresetState
from tests.downloads.makers import make_install
from tests.presets.makers import file, preset, put_model, write_catalogue

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_templates")]

HTMX = {"HX-Request": "true", "Referer": "http://localhost/models/"}


def shelve(**presets: Any) -> None:
    write_catalogue(presets)


def names(client: Client, query: str = "") -> list[str]:
    """The models on the listing, in order."""
    text = client.get(f"/models/{query}").content.decode()
    return [name.strip() for name in re.findall(r'<h2 id="name-[^"]*">\s*<a[^>]*>([^<]*)</a>', text)]


def card(client: Client, preset_id: str) -> str:
    answer = client.get(f"/models/{preset_id}/", headers={**HTMX, "HX-Target": f"card-{preset_id}"})
    return answer.content.decode()


def test_search_looks_at_names_files_and_tags_and_wants_every_word(owner: Client) -> None:
    shelve(
        FLUX=preset(file("checkpoints/flux1-dev.safetensors"), name="FLUX one", tags=["fast"]),
        WAN=preset(file("vae/wan.safetensors"), name="Wan video", type="video"),
    )
    assert names(owner) == ["FLUX one", "Wan video"]
    assert names(owner, "?q=FLUX1-DEV.SAFE") == ["FLUX one"]
    assert names(owner, "?q=fast+one") == ["FLUX one"]
    assert names(owner, "?q=fast+wan") == []
    assert "No model answers this." in owner.get("/models/?q=fast+wan").content.decode()


def test_tabs_count_what_answers_the_search(owner: Client) -> None:
    shelve(
        A=preset(name="Alpha"),
        B=preset(name="Beta"),
        V=preset(name="Alpha moves", type="video"),
    )
    text = owner.get("/models/?q=alpha").content.decode()
    tabs = re.findall(r"(\w+)\s+<span class=\"count\">(\d+)</span>\s*</a>", text)
    assert tabs == [("All", "2"), ("Image", "1"), ("Video", "1")]
    assert names(owner, "?q=alpha&type=video") == ["Alpha moves"]


def test_filters_and_order_stand_in_the_address(owner: Client) -> None:
    shelve(
        BIG=preset(file("checkpoints/big.safetensors", size="9GB"), name="Big", category="Large"),
        SMALL=preset(file("checkpoints/small.safetensors", size="1GB"), name="Small"),
        HERE=preset(file("checkpoints/here.safetensors", size="2GB"), name="Here"),
    )
    put_model("checkpoints/here.safetensors")
    RemoteFile.objects.create(url=file("checkpoints/big.safetensors")["url"], size=9 * 10**9, gated=True)
    assert names(owner, "?sort=size")[-1] == "Big"
    assert names(owner, "?sort=-size")[0] == "Big"
    assert names(owner, "?status=installed") == ["Here"]
    assert names(owner, "?category=Large") == ["Big"]
    assert names(owner, "?gated=1") == ["Big"]
    assert names(owner, "?source=templates") == []
    page = owner.get("/models/?status=installed&sort=name").content.decode()
    assert '<option value="installed" selected>' in page
    assert '<option value="name" selected>' in page


@pytest.mark.parametrize(
    "query", ["?sort=nonsense", "?status=nonsense", "?page=99", "?page=x", "?view=?", "?q=" + "x" * 5000]
)
def test_odd_addresses_show_a_page(owner: Client, query: str) -> None:
    shelve(A=preset())
    assert owner.get(f"/models/{query}").status_code == 200


@pytest.mark.parametrize(
    ("status", "fields", "action"),
    [
        (None, {}, "Install"),
        (Status.QUEUED, {}, "In queue"),
        (Status.DOWNLOADING, {}, "Pause"),
        (Status.PAUSED, {}, "Resume"),
        (Status.FAILED, {"reason": "network"}, "Retry"),
        (Status.WAITING, {"reason": "token_required"}, "Add token"),
        (Status.WAITING, {"reason": "licence_required"}, "Accept licence"),
        (Status.WAITING, {"reason": "disk_full"}, "Free space"),
    ],
)
def test_a_card_has_the_one_right_action(
    owner: Client, status: str | None, fields: dict[str, Any], action: str
) -> None:
    shelve(A=preset())
    if status:
        make_install(status, preset_id="A", **fields)
    buttons = re.findall(r'class="button[^"]*"[^>]*>\s*(?:<svg.*?</svg>)?\s*(?:<span>)?([^<]+)', card(owner, "A"))
    assert [text.strip() for text in buttons][:1] == [action]


def test_what_is_installed_leads_to_generate(owner: Client) -> None:
    shelve(A=preset(file("checkpoints/a.safetensors")))
    put_model("checkpoints/a.safetensors")
    assert 'href="/generate/?model=A"' in card(owner, "A")


def test_what_is_partly_here_says_how_much_is_to_fetch(owner: Client) -> None:
    shelve(A=preset(file("checkpoints/a.safetensors"), file("vae/b.safetensors", size="3GB")))
    put_model("checkpoints/a.safetensors")
    text = card(owner, "A")
    assert "Install the rest" in text
    assert "<strong>3.0 GB</strong> to fetch" in text


def test_install_queues_and_offers_to_undo(owner: Client) -> None:
    shelve(A=preset(name="Alpha"))
    text = owner.post("/models/A/install/", headers=HTMX).content.decode()
    row = DownloadHistory.objects.get()
    assert (row.preset_id, row.status) == ("A", Status.QUEUED)
    assert "Alpha is queued." in text
    assert f'action="/downloads/{row.pk}/cancel/"' in text


def test_a_second_press_is_harmless(owner: Client) -> None:
    shelve(A=preset())
    owner.post("/models/A/install/")
    owner.post("/models/A/install/")
    assert DownloadHistory.objects.count() == 1


def test_a_known_gate_without_a_token_opens_the_token_dialog(owner: Client) -> None:
    shelve(A=preset(file()))
    RemoteFile.objects.create(url=file()["url"], gated=True)
    assert owner.post("/models/A/install/")["Location"] == "/downloads/token/"
    assert owner.post("/models/A/install/", headers=HTMX)["X-Dialog"] == "/downloads/token/"
    assert DownloadHistory.objects.get().status == Status.WAITING


def test_a_model_with_a_fault_cannot_be_installed_and_says_why(owner: Client) -> None:
    shelve(A=preset(file("checkpoints/../../etc/a.safetensors"), name="Alpha"))
    text = owner.post("/models/A/install/", headers=HTMX).content.decode()
    assert 'role="alert"' in text
    assert not DownloadHistory.objects.exists()


def test_uninstall_names_the_files_first_and_deletes_on_the_post_only(owner: Client) -> None:
    shelve(
        A=preset(file("checkpoints/a.safetensors"), file("vae/shared.safetensors")),
        B=preset(file("vae/shared.safetensors"), name="Beta"),
    )
    put_model("checkpoints/a.safetensors")
    put_model("vae/shared.safetensors")
    text = owner.get("/models/A/uninstall/").content.decode()
    assert "checkpoints/a.safetensors" in text
    assert "vae/shared.safetensors (Beta)" in text
    models = Path(settings.MODELS_DIR)
    assert (models / "checkpoints/a.safetensors").exists()
    owner.post("/models/A/uninstall/")
    assert not (models / "checkpoints/a.safetensors").exists()
    assert (models / "vae/shared.safetensors").exists()


def test_several_are_queued_cancelled_and_asked_about_at_once(owner: Client) -> None:
    shelve(A=preset(file("checkpoints/a.safetensors")), B=preset(file("checkpoints/b.safetensors"), name="Beta"))
    owner.post("/models/", {"action": "install", "id": ["A", "B", "GONE"]})
    assert DownloadHistory.objects.filter(status=Status.QUEUED).count() == 2
    owner.post("/models/", {"action": "cancel", "id": ["A", "B"]})
    assert DownloadHistory.objects.filter(status=Status.CANCELLED).count() == 2
    put_model("checkpoints/a.safetensors")
    assert "Uninstall?" in owner.post("/models/", {"action": "uninstall", "id": ["A"]}).content.decode()
    assert (Path(settings.MODELS_DIR) / "checkpoints/a.safetensors").exists()


@pytest.mark.usefixtures("settings_read_once")
def test_any_number_is_queued_cancelled_and_tried_again_in_the_same_statements(owner: Client) -> None:
    shelve(**{f"P{number}": preset(file(f"checkpoints/p{number}.safetensors")) for number in range(330)})
    counts: dict[str, list[int]] = {"install": [], "cancel": []}
    for ids in ([f"P{number}" for number in range(30)], [f"P{number}" for number in range(30, 330)]):
        for action in ("install", "cancel"):
            owner.get("/models/")  # what is kept for seconds is kept now
            with CaptureQueriesContext(connection) as captured:
                owner.post("/models/", {"action": action, "id": ids})
            counts[action].append(len(captured))
            wanted = Status.QUEUED if action == "install" else Status.CANCELLED
            assert set(DownloadHistory.objects.filter(status=wanted).values_list("preset_id", flat=True)) >= set(ids)
    assert counts["install"][0] == counts["install"][1]
    assert counts["cancel"][0] == counts["cancel"][1]


def test_of_several_each_gets_its_place_its_files_and_its_reason_to_wait(owner: Client) -> None:
    shelve(
        A=preset(file("checkpoints/a.safetensors"), file("vae/a.safetensors")),
        B=preset(file("checkpoints/b.safetensors"), name="Beta"),
        C=preset(file("checkpoints/c.safetensors"), name="Gated"),
        D=preset(file("../../d.safetensors"), name="Faulty"),
        E=preset(file("checkpoints/e.safetensors"), name="Here"),
        F=preset(file("checkpoints/f.safetensors"), name="Active"),
    )
    put_model("checkpoints/e.safetensors")
    make_install(Status.PAUSED, preset_id="F")
    gated = catalogue().presets["C"].files[0]
    RemoteFile.objects.create(url=gated.url, size=5, gated=True)

    text = owner.post("/models/", {"action": "install", "id": [*"BCADEF", "B"]}, headers=HTMX).content.decode()

    rows = {row.preset_id: row for row in DownloadHistory.objects.exclude(preset_id="F").order_by("position")}
    assert list(rows) == ["B", "C", "A"]
    assert [row.status for row in rows.values()] == [Status.QUEUED, Status.WAITING, Status.QUEUED]
    assert (rows["C"].reason, "Hugging Face token" in rows["C"].error_message) == ("token_required", True)
    assert sorted(rows["A"].files.values_list("path", flat=True)) == ["checkpoints/a.safetensors", "vae/a.safetensors"]
    assert rows["A"].files_total == 2
    assert Activity.objects.filter(status="waiting", title="Gated").count() == 1
    assert "“Faulty” cannot be installed" in text
    assert "2 of 6 are queued; 1 is waiting for a Hugging Face token; 2 are here" in text and "1 is refused." in text


def test_an_unknown_model_is_not_found(owner: Client) -> None:
    shelve(A=preset())
    for path in ("/models/NOPE/", "/models/NOPE/uninstall/", "/models/..%2f..%2fetc/"):
        assert owner.get(path).status_code == 404
    assert owner.post("/models/NOPE/install/").status_code == 404


def test_the_catalogue_is_text_and_never_markup(owner: Client) -> None:
    evil = '"><img src=x onerror=alert(1)>'
    shelve(A=preset(name=evil, description=evil, use_case=evil, category=evil, tags=[evil]))
    for path in ("/models/", "/models/A/", "/models/A/uninstall/"):
        assert "<img src=x" not in owner.get(path).content.decode()


@pytest.mark.usefixtures("settings_read_once")
def test_the_number_of_queries_does_not_grow_with_the_models(owner: Client, django_assert_max_num_queries) -> None:
    shelve(
        **{f"P{number}": preset(file(f"loras/{number}.safetensors"), name=f"Model {number}") for number in range(40)}
    )
    for number in range(12):
        make_install(Status.FAILED, preset_id=f"P{number}")
        make_install(Status.PAUSED, preset_id=f"P{number + 12}", files=3)
    owner.get("/models/")
    with django_assert_max_num_queries(12):
        owner.get("/models/")


def test_the_page_of_a_model_says_what_it_warns_of_above_its_files(owner: Client) -> None:
    path = "vae/same.safetensors"
    shelve(
        A=preset(file(path, url="https://huggingface.co/org/a/resolve/main/same.safetensors"), name="One"),
        B=preset(file(path, url="https://huggingface.co/org/b/resolve/main/same.safetensors"), name="Other"),
    )
    text = owner.get("/models/A/").content.decode()
    warning = re.search(r'id="warnings">.*?<li class="wrap">([^<]*)', text, re.S)
    assert warning is not None and path in warning[1]
    assert warning.start() < text.index("<h2>Files")


def test_only_what_is_queued_gets_a_tick(owner: Client) -> None:
    gated, free = preset(file("vae/g.safetensors"), name="Gated"), preset(file("vae/f.safetensors"), name="Free")
    shelve(G=gated, F=free)
    RemoteFile.objects.create(url=catalogue().presets["G"].files[0].url, size=5, gated=True)
    for preset_id, level in (("G", "warning"), ("G", "warning"), ("F", "success"), ("F", "info")):
        text = owner.post(f"/models/{preset_id}/install/", headers=HTMX).content.decode()
        assert f'class="toast {level}"' in text


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (17_290_000_000, "<strong>17.3 GB</strong> to fetch"),  # rounded they are the same
        (17_300_000_000, "<strong>17.3 GB</strong>"),
        (2_000_000_000, "<strong>2.0 GB</strong> to fetch of 17.3 GB"),
        (0, "<strong>17.3 GB</strong>"),
    ],
)
def test_what_is_to_fetch_is_told_once(missing: int, said: str) -> None:
    state = PresetState("partial", False, 17_300_000_000, missing, False, (), None, ())
    html = render_to_string("presets/_sizes.html", {"state": state})
    assert f"<span>{said}</span>" in html


def test_an_install_that_ended_while_its_card_was_made_still_has_a_button() -> None:
    """Its line in the queue is read after its state: by then there may be none."""
    row = make_install(Status.DOWNLOADING, preset_id="SOON", title="Soon over")
    state = PresetState("downloading", False, 1, 1, False, (), row, ())
    entry = {"state": state, "preset": {"id": "SOON", "name": "Soon over"}, "line": None}
    assert f'action="/downloads/{row.pk}/pause/"' in render_to_string(
        "presets/_action.html", {"entry": entry, "style": "small"}
    )
