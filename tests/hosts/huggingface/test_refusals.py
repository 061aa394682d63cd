"""Every row of the refusal table: reason, sentence, next step, link. And where the token goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from downloads.transfer import TransferError, probe
from tests.downloads.transfer.conftest import Bringer, quick
from tests.fakehub import FakeHub, safetensors_bytes

REPO = "org/repo"


MODEL = "vae/a.safetensors"


@dataclass
class Refusal:
    what: str
    arrange: Callable[[FakeHub], object]
    token: str
    reason: str
    says: str
    address: str = MODEL


def gated(hub: FakeHub) -> None:
    hub.add_repo(REPO, gated=True)


def accepted(hub: FakeHub, **facts: object) -> None:
    gated(hub)
    hub.token("hf_good", **facts)


def private(hub: FakeHub) -> None:
    hub.add_repo(REPO, private=True)


def gone(hub: FakeHub) -> None:
    hub.repos.clear()
    hub.token("hf_good")


def good(hub: FakeHub) -> None:
    hub.token("hf_good")


ROWS = [
    Refusal("gated, no token", gated, "", "token_required", "add a token in Settings"),
    Refusal("gated, licence not accepted", accepted, "hf_good", "licence_required", "Accept the licence at"),
    Refusal("gated, waits", lambda hub: accepted(hub, pending={REPO}), "hf_good", "access_pending", "asked again"),
    Refusal("gated, scope", lambda hub: accepted(hub, reads_gated=False), "hf_good", "token_scope", "public gated"),
    Refusal("gated, garbage token", gated, "hf_bad", "token_invalid", "save it in Settings"),
    Refusal("private, no token", private, "", "not_found", "private or does not exist"),
    Refusal("missing, no token", lambda hub: hub.repos.clear(), "", "not_found", "private or does not exist"),
    Refusal("missing, token", gone, "hf_good", "not_found", "may not see"),
    Refusal("missing, garbage token", lambda hub: hub.repos.clear(), "hf_bad", "not_found", "private or does not"),
    Refusal("wrong file", good, "hf_good", "not_found", "no such file", "vae/b.safetensors"),
    Refusal("disabled", lambda hub: hub.add_repo(REPO, disabled=True), "", "not_found", "down"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_refusal(row: Refusal, hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file(REPO, MODEL, safetensors_bytes())
    row.arrange(hub)
    brought = bring(file.url.replace(MODEL, row.address), token=row.token)
    assert brought.refusal
    assert (brought.reason, brought.refusal.retry) == (row.reason, False)
    assert row.says in str(brought.refusal)
    assert brought.refusal.link.startswith(hub.url)
    assert bring.on_disk() == {}
    assert "retrying" not in brought.statuses
    with pytest.raises(TransferError) as probed:
        probe(file.url.replace(MODEL, row.address), quick(hub, token=row.token))
    assert probed.value.reason == row.reason


def test_a_wrong_revision_is_named(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file(REPO, MODEL, safetensors_bytes())
    brought = bring(file.url.replace("/main/", "/v9/"))
    assert brought.reason == "not_found"
    assert "revision" in str(brought.refusal)


def test_a_bad_token_never_breaks_a_public_file(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file(REPO, MODEL, safetensors_bytes())
    brought = bring(file, token="hf_garbage")
    assert brought.published
    assert "not valid" in brought.published.warnings[0]
    assert bring.on_disk() == {MODEL: file.size}


def test_a_gated_file_arrives_with_an_accepted_token(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file(REPO, MODEL, safetensors_bytes(), gated=True)
    hub.token("hf_good", accepted={REPO})
    brought = bring(file, token="hf_good")
    assert brought.published
    assert brought.published.sha256 == file.sha256
    assert [line.authorization for line in hub.asked(origin="hub")] == ["Bearer hf_good"]
    assert {line.authorization for line in hub.asked(origin="cdn")} == {""}


def test_the_token_follows_to_the_small_file_of_the_same_host_only(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file(REPO, "config.json", b'{"a": 1}', lfs=False, gated=True)
    hub.token("hf_good", accepted={REPO})
    assert bring(file, "text_encoders/x/config.json", token="hf_good").published
    assert {line.authorization for line in hub.asked(origin="hub")} == {"Bearer hf_good"}
    elsewhere = hub.add_document("files/b.safetensors", safetensors_bytes())
    hub.fault("config.json", redirect=elsewhere.url)
    bring(file, "text_encoders/y/b.safetensors", token="hf_good")
    assert {line.authorization for line in hub.asked(origin="cdn")} == {""}


def test_the_token_goes_to_no_other_port_of_the_same_host(hub: FakeHub, bring: Bringer) -> None:
    plain = hub.add_document("files/a.safetensors", safetensors_bytes())
    assert bring(plain, token="hf_good").published
    assert {line.authorization for line in hub.asked()} == {""}
