"""The Storage page in a browser: what the bar of the selection promises is what the dialog asks and the toast tells."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.comfydash.serving import wait_for
from tests.presets.makers import safetensors
from tests.ui.conftest import Visit

MB = 1_000_000


def test_a_file_with_two_names_frees_its_bytes_only_with_the_last(visit: Visit, workspace: Path) -> None:
    first = workspace / "models/loras/hard-one.safetensors"
    first.parent.mkdir(parents=True, exist_ok=True)
    first.write_bytes(safetensors(MB))
    first.with_name("hard-two.safetensors").hardlink_to(first)
    page = visit("/storage/?q=hard-")
    box = page.get_by_role("checkbox", name="loras/hard-one.safetensors")
    wait_for(lambda: box.count() or not page.reload(), name="a look at the disk that sees the files")
    bar = page.locator("#selection")
    box.check()
    expect(bar).to_contain_text("frees 0 B")
    page.get_by_role("checkbox", name="loras/hard-two.safetensors").check()
    expect(bar).to_contain_text("frees 1.0 MB")
    bar.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete 2 files?")
    expect(dialog).to_contain_text("the same file")
    dialog.get_by_role("button", name="Delete 1.0 MB").click()
    expect(page.locator("#toasts")).to_contain_text("2 files deleted, 1.0 MB freed.")
