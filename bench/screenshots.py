"""The pictures of README and docs, taken from a demo workspace in both themes.

python -m bench.screenshots [--out docs/screenshots]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bench.demo import demo_hub
from bench.machine import ROOT, free_port

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "screenshots-1"
PAGES = ("home", "models", "downloads", "workflows", "storage", "activity", "settings")
FIRST = "SD1_5_TEXT_TO_IMAGE_BASIC"  # in the starter catalogue; small enough in the demo to be installed at once


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the pictures of README and docs.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as workspace,
        demo_hub(Path(workspace), 6_000_000, COMFYDASH_PASSWORD=PASSWORD) as (_, variables),
    ):
        port = free_port()
        server = subprocess.Popen([sys.executable, "manage.py", "serve", "--port", str(port)], cwd=ROOT, env=variables)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                take(page, f"http://127.0.0.1:{port}", out)
                browser.close()
        finally:
            server.terminate()
            server.wait(10)
    return 0


def take(page: Page, base: str, out: Path) -> None:
    _log_in(page, base)
    _install_some(page, base)
    for theme in ("dark", "light"):
        _set_theme(page, base, theme)
        for name in PAGES:
            page.goto(f"{base}/" if name == "home" else f"{base}/{name}/")
            page.wait_for_load_state("networkidle")
            page.screenshot(path=out / f"{name}-{theme}.png")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{base}/downloads/")
    page.screenshot(path=out / "downloads-phone.png")


def _log_in(page: Page, base: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            page.goto(f"{base}/login/")
            break
        except Exception:  # the server is not up yet; Playwright has one class for all its errors
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name=re.compile("log in", re.IGNORECASE)).click()
    page.wait_for_url(f"{base}/")


def _post(page: Page, url: str, **data: object) -> None:
    token = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "comfydash_csrf")
    answer = page.request.post(url, data=data, headers={"X-CSRFToken": token, "Referer": url})
    if not answer.ok:
        raise RuntimeError(f"{url}: {answer.status} {answer.text()}")


def _install_some(page: Page, base: str) -> None:
    """One installed, one running, one that waits for a token, some queued."""
    presets = page.request.get(f"{base}/api/presets/").json()["presets"]
    small = [preset["id"] for preset in presets if preset["id"] != FIRST and 2 <= len(preset["files"]) <= 4]
    _post(page, f"{base}/api/presets/{FIRST}/install")
    deadline = time.monotonic() + 60
    while page.request.get(f"{base}/api/presets/{FIRST}").json()["status"] != "installed":
        if time.monotonic() > deadline:
            raise RuntimeError(f"{FIRST} did not arrive")
        time.sleep(0.2)
    _post(page, f"{base}/api/presets/FLUX_DEV_BASIC/install")
    for preset in small[:4]:
        _post(page, f"{base}/api/presets/{preset}/install")
    page.wait_for_timeout(2500)


def _set_theme(page: Page, base: str, theme: str) -> None:
    token = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "comfydash_csrf")
    page.request.patch(
        f"{base}/api/settings",
        data={"key": "theme", "value": theme},
        headers={"X-CSRFToken": token, "Referer": f"{base}/settings/"},
    )


if __name__ == "__main__":
    sys.exit(main())
