"""Which workflows this machine knows, and when a file is read again."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from derived.models import DerivedValue
from tests.workflows import make
from tests.workflows.put import loader, put_workflow
from workflowfiles import Scan, scan_file
from workflows import library
from workflows.library import Library
from workflows.library import library as known

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]


def in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_scans", None)
    library._known = None


def kept_of(name: str) -> QuerySet[DerivedValue]:
    return DerivedValue.objects.filter(path__endswith=f"/{name}")


def ids() -> list[str]:
    library.forget()
    return list(known().workflows)


def test_folders_are_read_with_everything_below_them(workspace: Path) -> None:
    put_workflow("a.json")
    put_workflow("deep/er/b.json")
    (workspace / "workflows" / "c.png").write_bytes(make.png((b"tEXt", b"workflow\0" + make.dump(make.ui(loader())))))
    (workspace / "workflows" / "cat.png").write_bytes(make.png())
    (workspace / "workflows" / ".hidden.json").write_bytes(b"{}")
    (workspace / "workflows" / "readme.txt").write_bytes(b"")
    (workspace / "workflows" / "list.json").write_bytes(b"[]")

    assert ids() == ["local:a.json", "local:c.png", "local:deep/er/b.json", "local:list.json"]
    assert [workflow.scan.kind for workflow in known().workflows.values()] == ["ui", "ui", "ui", "not_workflow"]


def test_each_folder_has_a_source_of_its_own_and_a_missing_one_is_empty(workspace: Path, settings: Any) -> None:
    settings.WORKFLOW_DIRS = [workspace / "workflows", workspace / "gone", workspace / "more"]
    (workspace / "more").mkdir()
    (workspace / "more" / "b.json").write_bytes(make.dump(make.ui()))
    put_workflow("a.json")
    assert ids() == ["local:a.json", "local3:b.json"]


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def counted(path: Path) -> Scan:
        read.append(path.name)
        return scan_file(path)

    monkeypatch.setattr(library, "scan_file", counted)
    put_workflow("a.json")
    put_workflow("b.json")
    known()
    put_workflow("a.json", loader("changed.safetensors"))

    names = [use.name for use in known().workflows["local:a.json"].scan.models]

    assert names == ["changed.safetensors"]
    assert read == ["a.json", "b.json", "a.json"]


def test_a_new_process_reads_no_file_that_did_not_change(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_workflow("a.json")
    before = known().workflows["local:a.json"]
    in_a_new_process(monkeypatch)
    monkeypatch.setattr(library, "scan_file", None)
    assert known().workflows["local:a.json"] == before


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"7", b'{"kind": "ui", "models": [{"color": 1}]}', b"\xff"])
def test_a_damaged_memory_is_only_made_anew(workspace: Path, monkeypatch: pytest.MonkeyPatch, value: bytes) -> None:
    put_workflow("a.json")
    before = known().workflows["local:a.json"]
    assert kept_of("a.json").update(value=value, value_bytes=len(value)) == 1
    in_a_new_process(monkeypatch)
    assert known().workflows["local:a.json"] == before
    assert library._decoded(bytes(kept_of("a.json").get().value)) == before.scan


def test_scans_of_another_scanner_are_made_anew(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_workflow("a.json")
    known()
    DerivedValue.objects.update(version="of another scanner")
    in_a_new_process(monkeypatch)
    known()
    assert kept_of("a.json").get().version == library.SCANS.version


def test_a_file_that_could_not_be_read_is_read_again_by_a_new_process(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rights change without its time."""
    put_workflow("a.json")
    with monkeypatch.context() as closed:
        closed.setattr(library, "scan_file", lambda file: Scan("unreadable", error="It cannot be read."))
        assert known().workflows["local:a.json"].scan.kind == "unreadable"
    in_a_new_process(monkeypatch)
    assert known().workflows["local:a.json"].scan.kind == "ui"


def test_the_first_look_reads_all_scans_in_one_query_and_keeps_new_ones_at_once(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    for number in range(30):
        put_workflow(f"{number}.json")
        in_a_new_process(monkeypatch)
        with CaptureQueriesContext(connection) as asked:
            known()
        counted.append(len([query for query in asked if "derived_value" in query["sql"]]))
    assert set(counted) == {4}  # read, write, what was not used, what is too much
    in_a_new_process(monkeypatch)
    with CaptureQueriesContext(connection) as asked:
        known()
    assert len([query for query in asked if "derived_value" in query["sql"]]) == 1


def test_the_library_is_the_same_object_while_nothing_changes(workspace: Path) -> None:
    put_workflow("a.json")
    first = known()
    library.forget()
    assert known() is first


@pytest.mark.usefixtures("templates")
def test_the_official_templates_have_titles_categories_and_the_partner_flag() -> None:
    templates = [workflow for workflow in known().workflows.values() if workflow.source == "templates"]
    assert len(templates) > 600
    assert all(workflow.name and workflow.category and workflow.type for workflow in templates)
    assert {workflow.scan.kind for workflow in templates} == {"ui"}
    assert 0 < sum(workflow.partner_api for workflow in templates) < len(templates)
    assert "CheckpointLoaderSimple" in known().node_types


def ask(asked: list[Library]) -> None:
    asked.append(known())
    connections.close_all()


def test_who_asks_while_another_thread_reads_new_files_does_not_wait_for_them(workspace: Path) -> None:
    put_workflow("a.json")
    before = known()
    asked: list[Library] = []
    asking = threading.Thread(target=ask, args=(asked,), daemon=True)
    with library._lock:  # as while it reads
        asking.start()
        asking.join(30)
    assert asked == [before]


def test_who_asks_after_something_was_saved_waits_for_it(workspace: Path) -> None:
    known()
    put_workflow("saved.json")
    library.forget()
    asked: list[Library] = []
    asking = threading.Thread(target=ask, args=(asked,), daemon=True)
    with library._lock:
        asking.start()
        assert not asked
    asking.join(30)
    assert list(asked[0].workflows) == ["local:saved.json"]


def test_a_page_does_not_wait_for_new_files_that_are_slow_to_read(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def slowly(file: Path) -> Scan:
        gate.wait(30)
        return scan_file(file)

    monkeypatch.setattr(library, "scan_file", slowly)
    monkeypatch.setattr(library, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(library, "MAX_AGE", 0.0)
    before = known()
    (workspace / "workflows/slow.json").write_bytes(make.dump(make.ui()))
    assert known() is before
    assert known() is before  # nor does the next one
    gate.set()
    with library._lock:  # it has been read
        pass
    assert list(known().workflows) == ["local:slow.json"]
