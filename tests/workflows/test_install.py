"""Install what is missing."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from downloads.models import DownloadFile, DownloadHistory
from downloads.queue import enqueue
from extension_points import WantedFile
from tests.workflows.make import HUB, node
from tests.workflows.put import judged, loader, put_model, remote
from workflows.install import CannotInstall, UnconfirmedHosts, install
from workflows.readiness import install_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]


def url(name: str) -> str:
    return f"{HUB}/checkpoints/{name}"


def queued() -> list[tuple[str, str, str]]:
    return [
        (f.download.preset_id, f.path, f.url) for f in DownloadFile.objects.select_related("download").order_by("pk")
    ]


def test_only_what_is_missing_and_needed_is_queued_under_the_workflows_name() -> None:
    put_model("checkpoints/here.safetensors")
    found = judged(
        loader("here.safetensors"), loader("gone.safetensors", id=2), loader("muted.safetensors", id=3, mode=4)
    )

    outcome = install(found, "workflow:mine", "Mine")

    assert (outcome.status, outcome.message) == ("queued", "Mine: 1 file queued.")
    assert outcome.row is not None
    assert outcome.row.title == "Mine"
    assert queued() == [("workflow:mine", "checkpoints/gone.safetensors", url("gone.safetensors"))]


def test_installing_twice_is_one_install() -> None:
    first = install(judged(loader()), "workflow:mine", "Mine")
    second = install(judged(loader()), "workflow:mine", "Mine")
    assert (second.status, second.row) == ("already_queued", first.row)
    assert DownloadHistory.objects.count() == 1


def test_what_another_install_brings_is_not_queued_again() -> None:
    enqueue("flux", "FLUX", [WantedFile("checkpoints/a.safetensors", url("a.safetensors"))])

    everything = install(judged(loader("a.safetensors")), "workflow:one", "One")
    part = install(judged(loader("a.safetensors"), loader("b.safetensors", id=2)), "workflow:two", "Two")

    assert (everything.status, everything.message) == (
        "already_queued",
        "Everything that One lacks is queued already by “FLUX”.",
    )
    assert (part.status, queued()[1:]) == (
        "queued",
        [("workflow:two", "checkpoints/b.safetensors", url("b.safetensors"))],
    )


@pytest.mark.parametrize("written", ["checkpoints/e\u0301.safetensors", "checkpoints/\u00e9.safetensors"])
def test_what_another_install_brings_is_found_however_its_letters_are_written(written: str) -> None:
    name = "\u00e9.safetensors"
    enqueue("flux", "FLUX", [WantedFile(written, url(name))])
    assert install(judged(loader(name)), "workflow:one", "One").status == "already_queued"


def test_of_a_long_queue_only_files_of_the_same_name_are_looked_at() -> None:
    for number in range(3):
        enqueue(f"p{number}", "Other", [WantedFile(f"loras/{number}.safetensors", url(f"{number}.safetensors"))])
    with CaptureQueriesContext(connection) as captured:
        install(judged(loader("a.safetensors")), "workflow:one", "One")
    (asked,) = [query["sql"] for query in captured if query["sql"].startswith('SELECT "download_file"."path" AS')]
    with connection.cursor() as cursor:
        found = [path for path, *_ in cursor.execute(asked).fetchall()]
    assert found == ["checkpoints/a.safetensors"]  # its own, asked for once more


def test_a_ready_workflow_has_nothing_to_install() -> None:
    put_model("checkpoints/a.safetensors")
    assert install(judged(loader()), "workflow:mine", "Mine").status == "already_installed"
    assert not queued()


def test_without_an_address_nothing_is_queued() -> None:
    with pytest.raises(CannotInstall, match=r"Nobody says where x\.safetensors can be fetched"):
        install(judged(loader(), node("VAELoader", ("x.safetensors",), id=2)), "workflow:mine", "Mine")
    assert not queued()


def test_a_name_that_leaves_its_folder_is_refused_with_everything_beside_it() -> None:
    with pytest.raises(CannotInstall, match="leaves its folder"):
        install(judged(loader(), loader("../b.safetensors", id=2)), "workflow:mine", "Mine")
    assert not queued()


def test_a_stranger_must_be_confirmed_by_name() -> None:
    stranger = node(
        models=[{"name": "a.safetensors", "directory": "loras", "url": "https://evil.example:8080/a.safetensors"}]
    )
    with pytest.raises(UnconfirmedHosts) as refusal:
        install(judged(stranger), "workflow:mine", "Mine", hosts=["other.example"])
    assert refusal.value.hosts == ["evil.example:8080"]
    assert not queued()

    outcome = install(judged(stranger), "workflow:mine", "Mine", hosts=["EVIL.example:8080"])

    assert outcome.status == "queued"
    assert queued() == [("workflow:mine", "loras/a.safetensors", "https://evil.example:8080/a.safetensors")]


def test_a_person_may_choose_another_provider() -> None:
    from tests.presets.makers import file, preset
    from tests.workflows.put import write_catalogue

    mirror = "https://mirror.example/a.safetensors"
    write_catalogue({"p": preset(file("checkpoints/a.safetensors", mirror))})
    install(judged(loader()), "workflow:mine", "Mine", urls=[mirror, "https://not-offered.example/x"])
    assert [address for _, _, address in queued()] == [mirror]


def test_a_gated_file_waits_for_a_token() -> None:
    remote(url("a.safetensors"), gated=True, size=5)
    outcome = install(judged(loader()), "workflow:mine", "Mine")
    assert outcome.row is not None
    assert (outcome.status, outcome.row.status, outcome.row.reason) == ("token_required", "waiting", "token_required")


def test_ids_in_the_queue_are_short_plain_and_distinct() -> None:
    ids = {install_id(path) for path in ("local:a b.json", "local:a-b.json", "local:ä.json", "local:" + "x" * 500)}
    assert len(ids) == 4
    assert all(len(made) <= 200 and made.replace("-", "").replace(":", "").replace(".", "").isalnum() for made in ids)
