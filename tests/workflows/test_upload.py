"""A dropped file is judged without storing, and saved when a person says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflows import make
from tests.workflows.put import loader
from workflows.readiness import entries
from workflows.upload import look_at, safe_name, save, unpack

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]

WORKFLOW = make.dump(make.ui(loader()))


def test_a_picture_gives_up_its_workflow_and_nothing_is_written(workspace: Path) -> None:
    dropped = look_at(make.png((b"tEXt", b"workflow\0" + WORKFLOW)), "../My cat.png")
    assert (dropped.name, dropped.judged.verdict) == ("My cat", "missing")
    assert not list((workspace / "workflows").iterdir())


def test_what_a_page_carries_is_what_was_dropped() -> None:
    dropped = look_at(WORKFLOW, "a.json")
    again = unpack(dropped.packed)
    assert (again.name, again.text) == (dropped.name, dropped.text)
    with pytest.raises(ValueError, match="Drop the file again"):
        unpack(dropped.packed[:-3])
    with pytest.raises(ValueError, match="Drop the file again"):
        unpack("")


def test_a_saved_workflow_is_in_the_library_and_replaces_nothing(workspace: Path) -> None:
    first = save(look_at(WORKFLOW, "a.json"))
    same = save(look_at(WORKFLOW, "a.json"))
    other = save(look_at(make.dump(make.ui(loader("b.safetensors"))), "a.json"))
    assert (first, same, other) == ("local:a.json", "local:a.json", "local:a-2.json")
    assert set(entries()) == {first, other}
    assert sorted(path.name for path in (workspace / "workflows").iterdir()) == ["a-2.json", "a.json"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.json", "a"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\evil.json", "evil"),
        ("..", "workflow"),
        ("", "workflow"),
        ("a\0b\u202e.json", "a-b"),
        ("Überblick (2).JSON", "Überblick (2)"),
        ("x" * 500, "x" * 100),
        (".hidden.json", "hidden"),
    ],
)
def test_names_become_safe_ones(name: str, safe: str) -> None:
    assert safe_name(name) == safe
