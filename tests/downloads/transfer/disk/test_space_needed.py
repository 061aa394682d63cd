from __future__ import annotations

from tests.downloads.transfer.conftest import Bringer
from tests.fakehub import FakeHub

MODEL = "vae/a.safetensors"


def test_what_does_not_fit_is_parked_before_the_first_byte(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file("org/repo", MODEL, size=4_000_000)
    brought = bring(file, disk_reserve=1 << 60)
    assert brought.refusal
    assert (brought.reason, hub.sent(), bring.on_disk()) == ("disk_full", 0, {})
    assert brought.refusal.missing_bytes > 1 << 59
