"""What is asked of the Hub about a file, and what its answer says of it."""

from __future__ import annotations

from downloads.transfer import Facts, TransferError, probe, probe_all
from tests.downloads.transfer.conftest import Bringer, quick
from tests.fakehub import FakeHub, safetensors_bytes

REPO = "org/repo"


MODEL = "vae/a.safetensors"


def test_a_renamed_repository_is_followed(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/new", MODEL, safetensors_bytes(), gated=True)
    hub.add_repo("org/old", moved_to="org/new")
    hub.token("hf_good", accepted={"org/new"})
    brought = bring(file.url.replace("org/new", "org/old"), token="hf_good")
    assert brought.published
    assert brought.published.sha256 == file.sha256


def test_facts_come_from_the_hubs_own_answer(hub: FakeHub) -> None:
    file = hub.add_file(REPO, MODEL, size=3_000_000)
    assert probe(file.url, quick(hub)) == Facts(
        url=file.url,
        size=3_000_000,
        sha256=file.sha256,
        etag=file.sha256,
        commit=hub.repos[REPO].commit,
        resumable=True,
    )
    assert hub.asked(origin="cdn") == []


def test_probe_all_gives_each_its_answer(hub: FakeHub) -> None:
    files = [hub.add_file(REPO, f"vae/{number}.safetensors", safetensors_bytes(500 + number)) for number in range(12)]
    closed = hub.add_file("org/closed", MODEL, safetensors_bytes(), gated=True)
    hub.fault("vae/3", status=503, times=1)
    answers = probe_all([*(file.url for file in files), closed.url], quick(hub), lambda progress: True)
    assert [answer.size for answer in answers.values() if isinstance(answer, Facts)] == [file.size for file in files]
    refusal = answers[closed.url]
    assert isinstance(refusal, TransferError)
    assert refusal.reason == "token_required"


def test_facts_say_gated_although_the_token_opens_it(hub: FakeHub) -> None:
    closed = [hub.add_file("org/closed", f"{name}.safetensors", size=3000, gated=True) for name in "ab"]
    free, plain = hub.add_file(REPO, MODEL, size=3000), hub.add_document("c.safetensors", size=3000)
    hub.token("hf_good", accepted={"org/closed"})
    urls = [*(file.url for file in closed), free.url, plain.url]
    answers = probe_all(urls, quick(hub, token="hf_good"))
    assert [isinstance(answer, Facts) and answer.gated for answer in answers.values()] == [True, True, False, False]
    assert not any(line.authorization for line in hub.asked("c.safetensors"))
    hub.log.clear()
    hub.fault("api/models", status=500)
    answers = probe_all(urls, quick(hub, token="hf_good"))
    assert [isinstance(answer, Facts) and answer.gated for answer in answers.values()] == [False] * 4
    assert [line.path for line in hub.asked() if "hf_good" not in line.authorization] == ["c.safetensors"]
