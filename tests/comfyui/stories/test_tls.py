"""A ComfyUI behind https: trusted, or a sentence that says what to do about its certificate."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from comfyui import status
from comfyui.address import parse
from comfyui.client import Client, ComfyError
from comfyui.poller import Poller
from settings_app import preferences
from tests.certificates import make_authority, make_certificate, serving_context
from tests.fakecomfy import FakeComfy


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, server.pem (127.0.0.1) and other.pem (another name), both by it."""
    folder = tmp_path_factory.mktemp("tls")
    make_authority(folder)
    make_certificate(folder, "server")
    make_certificate(folder, "other", "DNS:gpu.example")
    return folder


def served(root: Path, certificates: Path, name: str) -> FakeComfy:
    return FakeComfy(root, tls=serving_context(certificates / f"{name}.pem"))


@pytest.fixture
def secure(certificates: Path, tmp_path: Path) -> Iterator[FakeComfy]:
    with served(tmp_path / "secure", certificates, "server") as fake:
        yield fake


@pytest.fixture(autouse=True)
def no_authority_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)


def refusal(url: str) -> tuple[str, str]:
    with Client(parse(url)) as client, pytest.raises(ComfyError) as caught:
        client.system_stats()
    return caught.value.trouble, str(caught.value)


def test_an_unknown_authority_is_not_trusted_and_the_way_out_is_said(secure: FakeComfy, db: None) -> None:
    preferences.store("comfyui_url", secure.url)
    watching = Poller()
    watching.step()
    watching.close()
    now = status.current()
    assert (now.state, now.label, now.badge) == ("certificate", "Certificate not trusted", "bad")
    assert f"The certificate of {secure.url} is not trusted" in now.sentence
    assert "Set REQUESTS_CA_BUNDLE to a file that has it" in now.sentence
    assert secure.log == []  # nothing was told to whom we do not trust


def test_a_known_authority_is_trusted(
    secure: FakeComfy, db: None, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "ca.pem"))
    preferences.store("comfyui_url", secure.url)
    watching = Poller()
    watching.step()
    watching.close()
    assert status.current().is_up


def test_a_certificate_for_another_name_is_told_from_an_unknown_one(
    certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "ca.pem"))
    with served(tmp_path / "other", certificates, "other") as fake:
        trouble, sentence = refusal(fake.url)
    assert trouble == "certificate"
    assert "made for another name" in sentence


@pytest.mark.parametrize(("content", "what"), [(None, "is not there"), ("no certificate", "holds no certificate")])
def test_a_wrong_bundle_is_named(
    secure: FakeComfy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, what: str
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content:
        bundle.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    assert refusal(secure.url) == (
        "certificate",
        f"REQUESTS_CA_BUNDLE names {bundle}, which {what}. Correct it and restart.",
    )


def test_https_where_only_http_is_spoken_is_said(comfy: FakeComfy) -> None:
    trouble, sentence = refusal(comfy.url.replace("http:", "https:"))
    assert trouble == "down"
    assert "begin with http:" in sentence


def test_http_where_only_https_is_spoken_is_said(secure: FakeComfy) -> None:
    trouble, sentence = refusal(secure.url.replace("https:", "http:"))
    assert trouble == "down"
    assert "It may want https." in sentence
