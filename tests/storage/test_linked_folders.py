"""A folder of models that is a link to another volume is read by every page, and stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from downloads import disk, drain
from downloads.models import DownloadFile, DownloadHistory
from tests.downloads.makers import make_install
from tests.storage.makers import put

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def volume(models: Path) -> Path:
    """checkpoints lies elsewhere, with a whole file and one that some other program began."""
    volume = models.parent / "volume"
    put("whole.safetensors", root=volume)
    (volume / "alpha.safetensors.part").write_bytes(b"x" * 100)
    (models / "checkpoints").symlink_to(volume)
    disk.forget()
    return volume


@pytest.mark.parametrize("address", ["/", "/models/", "/storage/", "/api/storage", "/api/presets/", "/workflows/"])
def test_every_page_answers(owner: Client, address: str) -> None:
    assert owner.get(address).status_code == 200


def test_what_cannot_be_discarded_does_not_stop_the_queue(volume: Path) -> None:
    cancelled = make_install("cancelled", files=0)
    DownloadFile.objects.create(
        download=cancelled, path="checkpoints/alpha.safetensors", url="https://example.org/a", discard=True
    )
    interrupted = make_install("downloading", files=0)
    DownloadFile.objects.create(download=interrupted, path="checkpoints/alpha.safetensors", url="https://example.org/a")
    drain.drain_queue()
    interrupted.refresh_from_db()
    assert (interrupted.status, interrupted.reason) == ("failed", "interrupted")
    assert not DownloadFile.objects.filter(discard=True).exists()
    assert (volume / "alpha.safetensors.part").exists()
    assert not DownloadHistory.objects.filter(status="downloading").exists()
