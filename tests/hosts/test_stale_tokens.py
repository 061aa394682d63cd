"""A token that the Hub refuses must not stop what needs none, whatever words the Hub has for it."""

from __future__ import annotations

import pytest

from downloads.transfer import Facts, Options, TransferError, probe, probe_all
from hosts import stale_tokens
from tests.downloads.transfer.conftest import Bringer, quick
from tests.fakehub import FakeHub, safetensors_bytes

REPO, MODEL = "org/repo", "vae/a.safetensors"
WORDS = [
    (401, b"Invalid username or password.", ""),
    (401, b"Invalid credentials in Authorization header", ""),
    (401, b'{"error":"User Access Token \\"laptop\\" is expired"}', ""),
    (401, b"Repository not found", "RepoNotFound"),
    (401, b"", ""),
    (403, b"User access token has expired", ""),
    (403, b"Invalid username or password.", ""),
]


@pytest.mark.parametrize(("status", "words", "code"), WORDS)
def test_a_public_file_arrives_whatever_the_hub_says_of_the_token(
    status: int, words: bytes, code: str, hub: FakeHub, bring: Bringer
) -> None:
    file = hub.add_file(REPO, MODEL, safetensors_bytes())
    headers = {"X-Error-Code": code} if code else {}
    hub.fault(origin="hub", status=status, body=words, headers=headers, only_with_token=True)
    brought = bring(file, token="hf_stale")
    assert brought.published, brought.refusal
    assert "not valid" in brought.published.warnings[0]


@pytest.mark.parametrize(
    ("status", "words", "code"),
    [
        (403, b"Forbidden", ""),
        (403, b"<html>nope</html>", ""),
        (403, b"Your organisation has blocked this token", "OrgBlocked"),
        (400, b"Invalid header", ""),
        (404, b"Repository not found", "RepoNotFound"),
        (404, b"", ""),
    ],
)
def test_a_refusal_that_may_mean_the_token_is_asked_once_more_without_it(
    status: int, words: bytes, code: str, hub: FakeHub, bring: Bringer
) -> None:
    file = hub.add_file(REPO, MODEL, safetensors_bytes())
    other = hub.add_file("org/other", MODEL, size=3000)
    hub.token("hf_narrow")
    headers = {"X-Error-Code": code} if code else {}
    hub.fault(REPO, origin="hub", status=status, body=words, headers=headers, only_with_token=True)
    brought = bring(file, token="hf_narrow")
    assert brought.published, brought.refusal
    assert "needs none" in brought.published.warnings[0]
    # Not the token's end: other repositories are asked with it.
    hub.log.clear()
    probe(other.url, quick(hub, token="hf_narrow"))
    assert [line.authorization for line in hub.asked()] == ["Bearer hf_narrow"]


def test_a_token_that_leads_to_a_login_page_is_left_out(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file(REPO, MODEL, safetensors_bytes())
    hub.add_document("login", b"<html>log in</html>", content_type="text/html", origin="hub")
    hub.fault(REPO, origin="hub", redirect=f"{hub.url}/login", only_with_token=True)
    brought = bring(file, token="hf_stale")
    assert brought.published, brought.refusal


@pytest.mark.parametrize("code", ["EntryNotFound", "RevisionNotFound"])
def test_what_the_hub_knows_for_sure_is_asked_once(code: str, hub: FakeHub) -> None:
    file = hub.add_file(REPO, MODEL, size=3000)
    hub.token("hf_good")
    hub.fault(REPO, origin="hub", status=404, headers={"X-Error-Code": code})
    with pytest.raises(TransferError) as refused:
        probe(file.url, quick(hub, token="hf_good"))
    assert refused.value.reason == "not_found"
    assert len(hub.asked()) == 1


def test_a_private_file_says_what_the_token_lacks_when_both_ways_are_closed(hub: FakeHub) -> None:
    file = hub.add_file(REPO, MODEL, size=3000)
    hub.add_repo(REPO, private=True)
    hub.token("hf_narrow")
    with pytest.raises(TransferError, match="or your token may not see it") as refused:
        probe(file.url, quick(hub, token="hf_narrow"))
    assert refused.value.reason == "not_found"


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_ends_in_the_middle_of_a_file_stops_nothing(status: int, hub: FakeHub, bring: Bringer) -> None:
    """A mirror that sends the bytes itself, so that each part is asked with the token."""
    file = hub.add_document("org/repo/resolve/main/a.safetensors", safetensors_bytes(3_000_000), origin="hub")
    hub.token("hf_good")
    fault = hub.fault("a.safetensors", skip=1, status=status, body=b"", only_with_token=True)
    brought = bring(file, token="hf_good")
    assert brought.published, brought.refusal
    assert fault.used


def test_a_small_file_arrives_when_only_its_second_hop_refuses_the_token(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file(REPO, "config.json", b'{"a": 1}', lfs=False)
    hub.token("hf_good")
    hub.fault("resolve-cache", status=401, body=b"token is expired", only_with_token=True)
    assert bring(file, "text_encoders/x/config.json", token="hf_good").published


def test_many_files_ask_with_the_stale_token_only_once_per_connection(hub: FakeHub) -> None:
    files = [hub.add_file(REPO, f"vae/{number}.safetensors", size=3000) for number in range(40)]
    assert probe(files[0].url, quick(hub, token="hf_stale")).warning
    hub.log.clear()
    answers = probe_all([file.url for file in files], quick(hub, token="hf_stale"))
    assert all(isinstance(answer, Facts) and answer.warning and not answer.gated for answer in answers.values())
    assert [line.authorization for line in hub.asked()] == [""] * 40


def test_another_token_counts_at_once_and_so_does_the_same_one_saved_again(hub: FakeHub) -> None:
    file = hub.add_file(REPO, MODEL, size=3000)
    probe(file.url, quick(hub, token="hf_stale"))
    hub.token("hf_good")
    hub.log.clear()
    probe(file.url, quick(hub, token="hf_good"))
    stale_tokens.forget()
    probe(file.url, quick(hub, token="hf_stale"))
    assert [line.authorization for line in hub.asked()] == ["Bearer hf_good", "Bearer hf_stale", ""]


def test_a_gated_file_says_that_the_token_is_invalid_also_while_that_is_remembered(hub: FakeHub) -> None:
    free = hub.add_file(REPO, MODEL, size=3000)
    closed = hub.add_file("org/closed", MODEL, size=3000, gated=True)
    probe(free.url, quick(hub, token="hf_stale"))
    hub.fault("org/closed", status=401, body=b"Invalid username or password.", only_with_token=True)
    with pytest.raises(TransferError) as refused:
        probe(closed.url, quick(hub, token="hf_stale"))
    assert refused.value.reason == "token_invalid"


def test_a_good_token_of_a_gated_file_is_not_called_invalid_for_a_401(hub: FakeHub) -> None:
    closed = hub.add_file("org/closed", MODEL, size=3000, gated=True)
    hub.token("hf_good")
    hub.fault("org/closed", status=401, headers={"X-Error-Code": "GatedRepo"}, only_with_token=True)
    with pytest.raises(TransferError) as refused:
        probe(closed.url, quick(hub, token="hf_good"))
    assert refused.value.reason == "licence_required"


def test_what_the_hub_says_of_a_gate_is_heard_with_a_refused_token(hub: FakeHub) -> None:
    closed = hub.add_file("org/closed", MODEL, size=3000, gated=True)
    hub.token("hf_good", accepted={"org/closed"})
    hub.fault("api/models", status=401, body=b"Invalid username or password.", only_with_token=True)
    answer = probe_all([closed.url], quick(hub, token="hf_good"))[closed.url]
    assert isinstance(answer, Facts)
    assert answer.gated


@pytest.mark.parametrize("token", ["hf_abc\u200bdef", "hf_abc\ndef", "hf_\u00e4", "hf_\u4f60", "hf_\x00", "hf a"])
def test_a_token_that_cannot_be_a_header_is_none(token: str, hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file(REPO, MODEL, safetensors_bytes())
    assert bring(file, token=token).published
    assert {line.authorization for line in hub.asked()} == {""}


def test_private_or_missing_with_a_refused_token_says_so(hub: FakeHub) -> None:
    options: Options = quick(hub, token="hf_stale")
    with pytest.raises(TransferError, match="saved token is no help") as refused:
        probe(f"{hub.url}/org/none/resolve/main/a.safetensors", options)
    assert refused.value.reason == "not_found"
