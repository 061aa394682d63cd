from __future__ import annotations

from typing import Any

import pytest

from activity.models import Activity
from downloads.file_records import RemoteFile
from downloads.models import DownloadHistory, Status
from downloads.queue import retry
from presets.install import NotInstallable, UnknownPreset, install
from tests.downloads.makers import make_install
from tests.presets.makers import file, preset, put_model, write_catalogue

pytestmark = pytest.mark.django_db

A, B = "checkpoints/a.safetensors", "vae/b.safetensors"


def test_an_install_is_queued_with_the_files_of_the_catalogue() -> None:
    write_catalogue({"P": preset(file(A, size="2GB"), file(B, optional=True), name="Pretty")})
    outcome = install("P")
    row = DownloadHistory.objects.get()
    assert (outcome.status, outcome.row, outcome.message) == ("queued", row, "Pretty is queued.")
    assert (row.preset_id, row.title, row.status, row.files_total) == ("P", "Pretty", Status.QUEUED, 2)
    assert list(row.files.values_list("path", "optional", "bytes_total")) == [(A, False, 2 * 10**9), (B, True, 0)]


def test_its_place_in_the_queue_is_said() -> None:
    write_catalogue({"P": preset()})
    make_install(Status.DOWNLOADING)
    make_install(Status.QUEUED)
    make_install(Status.PAUSED)
    assert install("P").message == "A is queued, after 2 others."


def test_a_second_click_finds_the_first_one() -> None:
    write_catalogue({"P": preset()})
    first, second = install("P"), install("P", force=True)
    assert (second.status, second.row, second.message) == ("already_queued", first.row, "A is queued already.")
    assert DownloadHistory.objects.count() == 1


def test_what_is_here_is_not_queued_unless_forced() -> None:
    write_catalogue({"P": preset(file(A))})
    put_model(A)
    outcome = install("P")
    assert (outcome.status, outcome.row, outcome.message) == ("already_installed", None, "A is installed already.")
    forced = install("P", force=True)
    assert forced.status == "queued"
    assert forced.row is not None
    assert forced.row.force


def test_an_unknown_preset_is_a_sentence() -> None:
    write_catalogue({"P": preset()})
    with pytest.raises(UnknownPreset, match="The catalogue has no preset “NOPE”"):
        install("NOPE")


def test_a_fault_of_the_catalogue_is_said_before_anything_is_queued() -> None:
    write_catalogue({"P": preset(file(A), file("../b.safetensors"), name="Pretty")})
    with pytest.raises(NotInstallable, match=r"“Pretty” cannot be installed: Line \d+: The path .* Correct"):
        install("P")
    assert DownloadHistory.objects.count() == 0


def test_what_waits_says_why() -> None:
    write_catalogue({"P": preset()})
    make_install(Status.WAITING, preset_id="P", reason="disk_full", error_message="The disk is full.")
    assert install("P").message == "A is waiting already: The disk is full."


def test_a_retry_takes_the_addresses_of_today() -> None:
    write_catalogue({"P": preset(file(A, "https://new.example/a.safetensors"))})
    row = make_install(Status.FAILED, preset_id="P")
    assert [one.url for one in retry(row).files.all()] == ["https://new.example/a.safetensors"]


def test_a_retry_of_what_left_the_catalogue_takes_its_own_files_again() -> None:
    write_catalogue({"P": preset()})
    row = make_install(Status.FAILED, preset_id="GONE")
    assert retry(row).files.get().url == row.files.get().url


# --- gated -------------------------------------------------------------------------------------------------------


@pytest.fixture
def gated(settings: Any) -> None:
    settings.HF_TOKEN = ""
    write_catalogue({"P": preset(file(A), file(B))})
    RemoteFile.objects.create(url=file(A)["url"], gated=True)


def test_what_is_known_to_be_gated_is_parked_without_a_token(gated: None) -> None:
    outcome = install("P")
    row = DownloadHistory.objects.get()
    assert (outcome.status, outcome.row) == ("token_required", row)
    assert (row.status, row.reason) == (Status.WAITING, "token_required")
    assert "Hugging Face token" in row.error_message
    assert list(Activity.objects.values_list("type", "status")) == [("download", "waiting")]
    assert install("P").status == "token_required"


def test_with_a_token_it_is_queued(gated: None, settings: Any) -> None:
    settings.HF_TOKEN = "hf_given"
    assert install("P").status == "queued"


def test_a_gated_file_that_is_here_asks_for_nothing(gated: None) -> None:
    put_model(A)
    assert install("P").status == "queued"


def test_a_gated_file_that_is_optional_holds_nothing_up(gated: None) -> None:
    write_catalogue({"P": preset(file(A, optional=True), file(B))})
    assert install("P").status == "queued"
