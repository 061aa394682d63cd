"""What dashboards are told of files that run side by side."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from downloads.models import DownloadFile, Status
from downloads.transfer import UNFENCED, Progress
from downloads.worker import progress
from downloads.worker.install_state import InstallState
from downloads.worker.progress import InstallProgress
from tests.downloads.makers import make_install

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, object]]]:
    """Every event, at whatever rate."""
    events: list[dict[str, object]] = []
    monkeypatch.setattr(progress, "broadcast", events.append)
    monkeypatch.setattr(progress, "EVENT_INTERVAL", 0.0)
    yield events


def running(files: int) -> InstallProgress:
    row = make_install(Status.DOWNLOADING, files=files)
    return InstallProgress(InstallState(row, UNFENCED))


def seen(install: InstallProgress, *statuses: str) -> dict[DownloadFile, Progress]:
    files = install.state.files
    return {file: Progress(status, 100, 1000, 50.0, 1) for file, status in zip(files, statuses, strict=False)}


def test_each_file_is_told_in_its_turn_with_the_figures_of_all(told: list[dict[str, object]]) -> None:
    install = running(5)
    moving = seen(install, *["downloading"] * 3)
    for _ in range(3):
        assert install.see(moving)

    news = [event for event in told if event["type"] == "download_progress"]
    assert {event["file"] for event in news} == {file.path for file in moving}
    assert {(event["downloaded"], event["total"], event["connections"]) for event in news} == {(300, 3000, 3)}
    assert {(event["file_downloaded"], event["file_total"]) for event in news} == {(100, 1000)}


@pytest.mark.parametrize("own", [0.0, 1e12])
def test_the_speed_of_many_is_that_of_the_install(own: float) -> None:
    """Whatever each of them says of itself in its short life: nothing yet, or a burst."""
    install = running(8)
    files = install.state.files
    install._speed.rate = 400.0
    for file in files:
        file.speed = own
    install._share_speed(files)
    assert [file.speed for file in files] == pytest.approx([50.0] * 8)


def test_what_is_verified_or_backs_off_is_told_only_where_nothing_arrives(told: list[dict[str, object]]) -> None:
    install = running(3)
    for _ in range(4):
        install.see(seen(install, "verifying", "retrying", "downloading"))
    assert {event["status"] for event in told if event["type"] == "download_progress"} == {"downloading"}

    told.clear()
    for _ in range(4):
        install.see(seen(install, "verifying", "retrying"))
    assert {event["status"] for event in told if event["type"] == "download_progress"} == {"verifying"}


def test_progress_of_many_files_is_written_in_few_statements(
    told: list[dict[str, object]],
    django_assert_max_num_queries,
) -> None:
    install = running(200)
    with django_assert_max_num_queries(5):
        assert install.see(seen(install, *["downloading"] * 200))
    assert not DownloadFile.objects.exclude(status="downloading", bytes_done=100).exists()


def test_the_row_is_in_back_off_when_nothing_else_moves(told: list[dict[str, object]]) -> None:
    install = running(2)
    install.see(seen(install, "retrying", "downloading"))
    install.row.refresh_from_db()
    assert install.row.retry_at is None

    install._wrote = 0.0
    install.see(seen(install, "retrying", "retrying"))
    install.row.refresh_from_db()
    assert install.row.retry_at is not None


def test_a_row_that_is_no_longer_ours_stops_it(told: list[dict[str, object]]) -> None:
    install = running(2)
    type(install.row).objects.filter(pk=install.row.pk).update(claim=7)
    assert not install.see(seen(install, "downloading"))
