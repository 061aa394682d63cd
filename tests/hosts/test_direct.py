"""Hosts that are no Hub: what they say of a file, and what their refusals mean."""

from __future__ import annotations

import pytest

from tests.downloads.transfer.conftest import Bringer
from tests.fakehub import FakeHub, safetensors_bytes

MODEL = "vae/a.safetensors"


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"ranges": False},
        {"etag": ""},
        {"etag": "", "ranges": False},
        {"ranges": False, "length": False, "etag": ""},
        {"headers": {"Content-Disposition": 'attachment; filename="../../x"'}},
        {"etag": 'W/"weak"'},
    ],
    ids=str,
)
def test_other_hosts(facts: dict[str, object], hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_document("files/a.safetensors", size=3_000_000, **facts)  # type: ignore[arg-type]
    brought = bring(file)
    assert brought.published
    assert (brought.published.sha256, brought.published.verified) == (file.sha256, False)
    assert bring.on_disk() == {MODEL: file.size}


@pytest.mark.parametrize(("status", "reason"), [(404, "not_found"), (410, "not_found"), (403, "error"), (418, "error")])
def test_refusals_of_other_hosts(status: int, reason: str, hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_document("files/a.safetensors", safetensors_bytes())
    hub.fault(file, status=status)
    brought = bring(file)
    assert (brought.reason, bring.on_disk()) == (reason, {})


def test_a_name_that_does_not_resolve_is_named(bring: Bringer) -> None:
    brought = bring("http://no-such-host.invalid/a.safetensors", max_attempts=1)
    assert (brought.reason, "no-such-host.invalid" in str(brought.refusal)) == ("network", True)


def test_a_refused_connection_is_named(hub: FakeHub, bring: Bringer, free_port: int) -> None:
    brought = bring(f"http://127.0.0.1:{free_port}/a.safetensors", max_attempts=2)
    assert brought.reason == "network"
    assert "refused the connection" in str(brought.refusal)
    assert "retrying" in brought.statuses
