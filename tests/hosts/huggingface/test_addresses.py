from __future__ import annotations

import pytest

from downloads.transfer import Options, TransferError, probe
from hosts.huggingface.addresses import Hub
from tests.downloads.transfer.conftest import Bringer, quick
from tests.fakehub import FakeHub, safetensors_bytes

REPO = "org/repo"


MODEL = "vae/a.safetensors"


@pytest.mark.parametrize("public", ["https://huggingface.co", "https://hf.co", "http://huggingface.co"])
def test_addresses_of_the_public_hub_go_to_the_endpoint(public: str, hub: FakeHub) -> None:
    file = hub.add_file(REPO, MODEL, safetensors_bytes())
    facts = probe(file.url.replace(hub.url, public), quick(hub))
    assert (facts.sha256, facts.size) == (file.sha256, file.size)


def test_the_page_of_a_file_becomes_the_file(hub: FakeHub, bring: Bringer) -> None:
    file = hub.add_file(REPO, MODEL, safetensors_bytes())
    assert bring(file.url.replace("/resolve/", "/blob/")).published


def test_endpoints_with_a_path_are_kept(hub: FakeHub) -> None:
    hub.add_file(REPO, MODEL, safetensors_bytes())
    options = Options(hub_endpoint=hub.url + "/mirror", allow_private_hosts=True, retry_base=0.01)
    with pytest.raises(TransferError):
        probe(f"https://huggingface.co/{REPO}/resolve/main/{MODEL}", options)
    assert hub.asked()[-1].path == f"mirror/{REPO}/resolve/main/{MODEL}"


@pytest.mark.parametrize(
    ("endpoint", "url", "sees"),
    [
        ("https://huggingface.co", "https://huggingface.co/a/b/resolve/main/c", True),
        ("https://huggingface.co", "http://huggingface.co/a/b/resolve/main/c", False),
        ("https://huggingface.co", "https://huggingface.co:444/a", False),
        ("https://huggingface.co", "https://huggingface.co.evil.org/a", False),
        ("https://huggingface.co", "https://cdn-lfs.huggingface.co/a", False),
        ("http://mirror.example.org", "http://mirror.example.org/a", False),
        ("http://127.0.0.1:80", "http://127.0.0.1/a", True),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8001/a", False),
    ],
)
def test_who_may_see_the_token(endpoint: str, url: str, sees: bool) -> None:
    assert Hub(endpoint).may_see_token(url) is sees


@pytest.mark.parametrize(
    "url",
    [
        "https://mirror.example/files/x.safetensors?sig=S&v=1",
        "https://mirror.example/o/r/blob/main/x.safetensors?raw=true",
        "https://mirror.example/hfx/o/r/blob/main/x.safetensors?raw=true",
        "https://mirror.example/hf/download/x.safetensors?sig=S",
        "https://dockerhub.example/o/r/blob/main/x.safetensors?raw=true",
        "https://huggingface.co.example/o/r/blob/main/x.safetensors?raw=true",
        "https://cdn-lfs.huggingface.co/o/r/blob/main/x.safetensors?Signature=S",
    ],
)
def test_what_a_mirrors_host_has_beside_the_hub_keeps_its_address(url: str) -> None:
    hub = Hub("https://mirror.example/hf")
    assert hub.canonical(url) == hub.file_address(url) == url
    assert hub.repository_page(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://mirror.example/hf/o/r/blob/main/x.bin?a=1",
        "https://huggingface.co./o/r/raw/main/x.bin",
        "https://HF.co//o/r/blob/main/x.bin?download=true",
    ],
)
def test_what_is_the_hubs_is_asked_at_its_endpoint(url: str) -> None:
    assert Hub("https://mirror.example/hf").canonical(url) == "https://mirror.example/hf/o/r/resolve/main/x.bin"
