"""Which host an address belongs to, and whose token a request may carry."""

from __future__ import annotations

import pytest

from hosts.direct import Direct
from hosts.huggingface.host import HuggingFace
from hosts.registry import Hosts, configured

HUB = "https://huggingface.co"
MIRROR = "https://mirror.example/hub"
FILE = "org/repo/resolve/main/vae/a.safetensors"


@pytest.mark.parametrize(
    ("endpoint", "url", "kind"),
    [
        (HUB, f"{HUB}/{FILE}", HuggingFace),
        (HUB, f"https://hf.co/{FILE}", HuggingFace),
        (MIRROR, f"{HUB}/{FILE}", HuggingFace),
        (MIRROR, f"{MIRROR}/{FILE}", HuggingFace),
        (MIRROR, "https://mirror.example/elsewhere/a.safetensors", Direct),
        (HUB, "https://github.com/o/r/releases/download/v1/a.pth", Direct),
        (HUB, "https://huggingface.co.example/a.safetensors", Direct),
    ],
)
def test_an_address_belongs_to_one_host(endpoint: str, url: str, kind: type) -> None:
    assert type(configured(endpoint).of(url)) is kind


def test_each_host_is_asked_for_its_own_token_alone() -> None:
    hosts = Hosts(HuggingFace(HUB, "hf_one"), HuggingFace(MIRROR, "hf_two"), Direct())
    assert hosts.token_for(f"{HUB}/{FILE}") == "hf_one"
    assert hosts.token_for(f"{MIRROR}/{FILE}") == "hf_two"
    assert hosts.token_for("https://cdn.example/a") == ""


def test_a_refused_token_of_one_host_says_nothing_against_that_of_another() -> None:
    hosts = Hosts(HuggingFace(HUB, "hf_one"), HuggingFace(MIRROR, "hf_two"), Direct())
    hosts.refuse(f"{HUB}/{FILE}")
    assert hosts.is_refused(f"{HUB}/{FILE}")
    assert not hosts.is_refused(f"{MIRROR}/{FILE}")
    assert not hosts.is_refused("https://cdn.example/a")


def test_a_lock_pins_only_what_has_versions() -> None:
    hosts = configured(HUB)
    commit = "0123456789abcdef"
    assert hosts.of(f"{HUB}/{FILE}").pinned(f"{HUB}/{FILE}", commit) == f"{HUB}/{FILE}".replace("main", commit)
    assert hosts.of(f"{HUB}/{FILE}").pinned(f"{HUB}/{FILE}", "") == f"{HUB}/{FILE}"
    elsewhere = "https://files.example/resolve/main/a.safetensors"
    assert hosts.of(elsewhere).pinned(elsewhere, commit) == elsewhere


def test_a_person_is_led_to_the_repository() -> None:
    hosts = configured(MIRROR)
    assert hosts.of(f"{MIRROR}/{FILE}").page(f"{MIRROR}/{FILE}") == "https://mirror.example/hub/org/repo"
    assert hosts.of("https://files.example/a").page("https://files.example/a") == ""
