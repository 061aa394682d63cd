"""The Storage page works as plain pages and forms; htmx only swaps pieces of it."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from library.models import DuplicateSearch
from tests.downloads.makers import make_install
from tests.library.makers import begun, installed, put

pytestmark = pytest.mark.django_db


def text(answer) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def said(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def test_the_page_shows_folders_files_and_what_is_unfinished(owner: Client) -> None:
    installed("checkpoints/alpha.safetensors", 3_000_000)
    installed("vae/shared.safetensors", 200_000)
    put("loras/stranger.safetensors", 1000)
    begun("loras/begun.safetensors", 5000)
    page = text(owner.get("/storage/"))
    for words in ("checkpoints", "3.0 MB", "Alpha", "huggingface.co", "Unknown", "Nobody asked for it"):
        assert words in page
    assert "style=" not in page and "<script>" not in page


def test_an_empty_machine_is_told_what_to_do(owner: Client) -> None:
    assert "The models folder is empty" in text(owner.get("/storage/"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["checkpoints/alpha", "vae/shared", "loras/a", "loras/b", "loras/stranger"]),
        ("?show=unknown", ["loras/stranger"]),
        ("?show=unneeded", ["loras/a", "loras/b", "loras/stranger"]),
        ("?show=duplicates", ["loras/a", "loras/b"]),
        ("?folder=vae", ["vae/shared"]),
        ("?q=LORAS+strang", ["loras/stranger"]),
        ("?sort=name", ["checkpoints/alpha", "loras/a", "loras/b", "loras/stranger", "vae/shared"]),
        (
            "?show=nonsense&sort=nonsense&page=99",
            ["checkpoints/alpha", "vae/shared", "loras/a", "loras/b", "loras/stranger"],
        ),
        ("?q=nothing+like+it", []),
    ],
)
def test_files_by_filter_and_order(owner: Client, query: str, expected: list[str]) -> None:
    installed("checkpoints/alpha.safetensors", 5000)
    installed("vae/shared.safetensors", 4000)
    installed("loras/a.safetensors", 3000, seed="same")
    installed("loras/b.safetensors", 3000, seed="same")
    put("loras/stranger.safetensors", 2000)
    lines = owner.get(f"/storage/{query}").context["listing"].entries
    assert [line.file.path.removesuffix(".safetensors") for line in lines] == expected


@pytest.mark.parametrize("piece", ["space", "files", "partials", "duplicates"])
def test_htmx_gets_the_piece_it_asks_for(owner: Client, piece: str) -> None:
    put("loras/a.safetensors")
    answer = owner.get("/storage/", headers={"HX-Request": "true", "HX-Target": piece})
    assert f'id="{piece}"' in text(answer) and "<html" not in text(answer)
    assert {"HX-Request", "HX-Target"} <= set(answer["Vary"].replace(" ", "").split(","))


def test_deleting_asks_once_and_says_what_will_break(owner: Client) -> None:
    installed("checkpoints/alpha.safetensors", 3000)
    shared = put("vae/shared.safetensors", 2000)
    question = text(owner.post("/storage/delete/", {"path": ["vae/shared.safetensors"]}))
    assert "Delete 1 file?" in question and '<li class="wrap">Alpha</li>' in question and "Delete 2.0 kB" in question
    assert shared.exists()
    answer = owner.post("/storage/delete/", {"path": ["vae/shared.safetensors"], "confirmed": "1"}, follow=True)
    assert said(answer) == ["1 file deleted, 2.0 kB freed."]
    assert not shared.exists()


def test_several_files_go_at_once(owner: Client) -> None:
    files = [put(f"loras/{name}.safetensors", 1000) for name in "abc"]
    paths = ["loras/a.safetensors", "loras/b.safetensors"]
    assert "Delete 2 files?" in text(owner.post("/storage/delete/", {"path": paths}))
    owner.post("/storage/delete/", {"path": paths, "confirmed": "1"})
    assert [file.exists() for file in files] == [False, False, True]


def test_the_question_can_be_linked_and_asks_for_a_file_that_is_there(owner: Client) -> None:
    file = put("loras/a & b.safetensors")
    link = re.search(r'href="(/storage/delete/[^"]+)"', owner.get("/storage/").content.decode())
    assert link
    assert "loras/a &amp; b.safetensors" in text(owner.get(link[1]))
    assert file.exists()
    assert owner.get("/storage/delete/?path=loras/gone.safetensors").status_code == 404
    assert owner.get("/storage/delete/").status_code == 404


def test_ticking_nothing_is_said(owner: Client) -> None:
    assert said(owner.post("/storage/delete/", follow=True)) == ["Tick the files to delete first."]


def test_what_cannot_go_is_said_and_offered_no_button(owner: Client) -> None:
    path = make_install("downloading").files.get().path
    put(path)
    question = text(owner.get(f"/storage/delete/?path={path}"))
    assert "Cancel that download first" in question and "button danger" not in question


def test_unfinished_files_are_discarded_after_a_question(owner: Client) -> None:
    part = begun("loras/a.safetensors", 4096)
    assert "Delete the unfinished file?" in text(owner.get("/storage/discard/?path=loras/a.safetensors"))
    answer = owner.post("/storage/discard/", {"path": "loras/a.safetensors"}, follow=True)
    assert (len(said(answer)), part.exists()) == (1, False)
    assert owner.get("/storage/discard/?path=loras/a.safetensors").status_code == 404


def test_an_ended_install_can_be_continued_from_here(owner: Client) -> None:
    row = make_install("cancelled")
    begun(row.files.get().path)
    assert f'action="/downloads/{row.pk}/retry/"' in text(owner.get("/storage/"))


def test_the_search_is_asked_for_once(owner: Client) -> None:
    assert said(owner.post("/storage/search/", follow=True)) == [
        "Looking for duplicates: files of the same size are read once."
    ]
    assert said(owner.post("/storage/search/", follow=True)) == ["The search is running already."]
    assert DuplicateSearch.latest().is_running


@pytest.mark.parametrize("path", ["/storage/search/"])
def test_a_get_changes_nothing(owner: Client, path: str) -> None:
    assert owner.get(path).status_code == 405


@pytest.mark.usefixtures("settings_read_once")
def test_the_number_of_queries_does_not_grow_with_the_files(owner: Client) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert owner.get("/storage/").status_code == 200
        return len(asked)

    def queries() -> int:
        return min(count() for _ in range(3))  # what is asked now and then, in whichever page, is not counted

    installed("loras/0.safetensors")
    begun("vae/0.safetensors")
    few = queries()
    for number in range(1, 40):
        installed(f"loras/{number}.safetensors")
        begun(f"vae/{number}.safetensors")
    assert queries() <= few
