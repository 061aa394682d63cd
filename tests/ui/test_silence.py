"""A server that hangs: the page says so, and is itself again when it answers."""

from __future__ import annotations

import os
import re
import signal

from playwright.sync_api import expect

from tests.comfydash.serving import Serve
from tests.ui.conftest import Visit


def test_a_hung_server_is_told_and_its_return_too(visit: Visit, server: Serve) -> None:
    page = visit("/models/")
    banner = page.locator("#connection")
    expect(page.locator("#queue-button")).to_be_visible()
    page.expected.extend(["WebSocket", "Failed to load", "ERR_", "htmx:"])  # type: ignore[attr-defined]
    web = server.child("web")
    os.kill(web, signal.SIGSTOP)
    try:
        page.evaluate("Object.assign(document.body.dataset, { silence: '2', answer: '2' })")
        expect(banner).to_contain_text(re.compile(r"No live connection. What you see is .* old"))
        expect(page.locator("body")).to_have_class(re.compile(r"\bstale\b"))
        page.locator("#listing .tabs").get_by_role("link", name="Video").click()
        expect(page.locator("#toasts")).to_contain_text("The dashboard does not answer.")
        page.evaluate("Object.assign(document.body.dataset, { silence: '60', answer: '60' })")
    finally:
        os.kill(web, signal.SIGCONT)
    with page.expect_request(lambda request: request.headers.get("hx-target") == "listing", timeout=60_000):
        pass
    expect(banner).to_be_hidden()
    expect(page.locator("body")).not_to_have_class(re.compile(r"\bstale\b"))
