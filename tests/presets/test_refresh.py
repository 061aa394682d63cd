from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from activity.models import Activity
from downloads.models import DownloadHistory, Status
from presets import refresh as refreshing
from presets.catalogue import catalogue
from presets.refresh import RefreshError, plan, refresh
from tests.downloads.makers import make_install
from tests.presets.document_server import DocumentServer
from tests.presets.makers import document, file, preset, write_catalogue

pytestmark = pytest.mark.django_db


OLD = {"STAYS": preset(), "CHANGES": preset(name="Before"), "GOES": preset()}


NEW = {"CHANGES": preset(name="After"), "STAYS": preset(), "COMES": preset(file("vae/new.pt"))}


def entries() -> list[tuple[str, str, str]]:
    return list(Activity.objects.order_by("id").values_list("type", "status", "title"))


def names(folder: Path) -> list[str]:
    return sorted(place.name for place in folder.iterdir())


def serve(documents: DocumentServer, body: bytes | None = None, version: str = "2.0") -> str:
    return documents.put("/presets.yaml", document(NEW, version) if body is None else body)


def test_a_refresh_replaces_the_file_and_keeps_the_old_one(documents: DocumentServer) -> None:
    path = write_catalogue(OLD)
    before = path.read_bytes()
    catalogue()
    changes = refresh(serve(documents))
    assert str(changes) == "3 presets, version 2.0: 1 added, 1 changed, 1 removed"
    assert (changes.added, changes.changed, changes.removed) == (("COMES",), ("CHANGES",), ("GOES",))
    assert path.read_bytes() == document(NEW, "2.0")
    assert path.with_name("presets.yaml.bak").read_bytes() == before
    assert names(path.parent) == ["presets.yaml", "presets.yaml.bak"]
    assert "COMES" in catalogue().presets
    assert entries() == [("preset", "completed", "Catalogue refreshed")]


def test_what_is_commented_or_moved_to_other_lines_has_not_changed(documents: DocumentServer) -> None:
    faulty = {"A": preset(file("clip/a.safetensors", "https://h.co/o/r/resolve/main/a.bin"))}
    write_catalogue(faulty)
    changes = plan(serve(documents, b"# a comment\n\n" + document(faulty)))
    assert (changes.changed, len(changes.problems)) == ((), 1)


def test_the_dashboards_are_told(
    documents: DocumentServer, django_capture_on_commit_callbacks: Any, monkeypatch: Any
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(refreshing, "broadcast", told.append)
    refresh(serve(documents))
    assert told == [{"type": "presets_refreshed", "total_presets": 3, "version": "2.0"}]


def test_a_plan_changes_nothing(documents: DocumentServer) -> None:
    path = write_catalogue(OLD)
    before = path.read_bytes()
    assert str(plan(serve(documents))) == "3 presets, version 2.0: 1 added, 1 changed, 1 removed"
    assert path.read_bytes() == before
    assert entries() == []


def test_the_same_document_again_keeps_the_bak_of_the_one_before(documents: DocumentServer) -> None:
    path = write_catalogue(OLD)
    before = path.read_bytes()
    url = serve(documents)
    refresh(url)
    assert str(refresh(url)) == "3 presets, version 2.0: 0 added, 0 changed, 0 removed"
    assert path.with_name("presets.yaml.bak").read_bytes() == before


def test_a_first_refresh_needs_no_file(documents: DocumentServer, settings: Any) -> None:
    assert len(refresh(serve(documents)).added) == 3
    assert names(Path(settings.PRESETS_FILE).parent) == ["presets.yaml"]


def test_running_downloads_are_untouched(documents: DocumentServer) -> None:
    write_catalogue(OLD)
    row = make_install(Status.DOWNLOADING, preset_id="GOES")
    refresh(serve(documents))
    assert DownloadHistory.objects.get().status == Status.DOWNLOADING
    assert list(row.files.values_list("path", flat=True)) == [row.files.get().path]


BROKEN = {
    "not yaml": (b"presets:\n  A: [\n", "Line 3, column 1: this is not YAML."),
    "html": (b"<html>captive portal</html>", "This is a web page, not a catalogue."),
    "empty": (b"", "The document is empty."),
    "no presets": (b"metadata: {version: 3}", "“presets:” with a list of presets by id is missing."),
    "only faults": (b"presets:\n  'a b': {}", "Not one preset can be used. Line 2:"),
    "large": (b"#" * (5 * 2**20), "It is larger than 4 MB."),
    "bomb": (b"a: " + b"[" * 10_000, "Line 1: nested deeper than 20 levels."),
    "binary": (bytes(range(256)), "is not UTF-8 text"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_document_that_cannot_be_used_changes_nothing_and_says_why(documents: DocumentServer, fault: str) -> None:
    body, sentence = BROKEN[fault]
    path = write_catalogue(OLD)
    before = path.read_bytes()
    with pytest.raises(RefreshError) as caught:
        refresh(serve(documents, body))
    assert caught.value.kind == "invalid"
    assert sentence in str(caught.value)
    assert (path.read_bytes(), names(path.parent)) == (before, ["presets.yaml"])
    assert entries() == [("error", "failed", "Catalogue not refreshed")]


def test_a_source_that_does_not_answer_is_named_without_its_secrets(documents: DocumentServer) -> None:
    with pytest.raises(RefreshError) as caught:
        refresh(f"{documents.url}/nothing?token=secret")
    assert caught.value.kind == "unreachable"
    assert documents.url in str(caught.value)
    entry = Activity.objects.get()
    assert "secret" not in f"{caught.value} {entry.title} {entry.subtitle} {entry.details}"


def test_a_folder_that_cannot_be_written_is_named(documents: DocumentServer, settings: Any, workspace: Path) -> None:
    (workspace / "config").write_text("in the way")
    with pytest.raises(RefreshError) as caught:
        refresh(serve(documents))
    assert caught.value.kind == "not_writable"
    assert str(settings.PRESETS_FILE) in str(caught.value)


def test_a_link_to_a_shared_catalogue_stays_a_link(documents: DocumentServer, settings: Any, workspace: Path) -> None:
    shared = workspace / "shared.yaml"
    shared.write_bytes(document(OLD))
    link = Path(settings.PRESETS_FILE)
    link.parent.mkdir()
    link.symlink_to(shared)
    refresh(serve(documents))
    assert link.is_symlink()
    assert shared.read_bytes() == document(NEW, "2.0")
    assert (workspace / "shared.yaml.bak").exists()


@pytest.mark.django_db(transaction=True)
def test_refreshes_at_the_same_time_leave_one_whole_document(documents: DocumentServer, settings: Any) -> None:
    write_catalogue(OLD)
    bodies = {f"/{n}": document({f"P{n}_{m}": preset() for m in range(50)}, version=str(n)) for n in range(6)}
    urls = [documents.put(path, body) for path, body in bodies.items()]
    failures: list[BaseException] = []

    def run(url: str) -> None:
        try:
            refresh(url)
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[url]) for url in urls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    path = Path(settings.PRESETS_FILE)
    assert failures == []
    assert path.read_bytes() in bodies.values()
    assert path.with_name("presets.yaml.bak").read_bytes() in bodies.values()
    assert names(path.parent) == ["presets.yaml", "presets.yaml.bak"]
