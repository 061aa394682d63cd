"""A real browser against ``manage.py serve`` with its worker, and a fake Hub on loopback.

One server for all stories: each story brings models of its own (``offers.add``). No test here touches the database: the
server is a process of its own, and Playwright's sync API and the ORM do not mix in one thread.
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.browser import WATCH_CSP, launched
from tests.comfydash.serving import Serve, serving, wait_for
from tests.fakehub import FakeHub

PASSWORD = "correct horse battery"
API_KEY = "stories-stories-stories-stories"
expect.set_options(timeout=20_000)  # generous: the machine may be busy with other tests


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Of one module: the event loop that Playwright brings must not outlive it, or the ORM refuses to work."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        hub.token("hf_goodgoodgood", name="ada", accepted={"org/gated"})
        yield hub


@dataclass
class Offers:
    """The catalogue of the server under test; a story adds what it needs."""

    hub: FakeHub
    file: Path
    server: Serve | None = None
    presets: dict[str, dict[str, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self,
        preset_id: str,
        name: str,
        *files: str,
        size: int = 300_000,
        repo: str = "",
        shared: list[dict[str, str]] | None = None,
        **facts: Any,
    ) -> str:
        """A model with these files, each ``size`` bytes, in a repository of its own, and the ``shared`` ones of others;
        answers its page's path."""
        repo = repo or f"org/{preset_id.lower()}"
        added = [
            self.hub.add_file(repo, path, size=size, seed=len(self.presets) * 10 + number, **facts)
            for number, path in enumerate(files)
        ]
        self.presets[preset_id] = {
            "name": name,
            "category": "Image Generation",
            "type": "image",
            "description": f"{name} for the stories",
            "files": [{"path": file.path, "url": file.url, "size": f"{size}B"} for file in added] + (shared or []),
            "tags": ["story"],
        }
        self.write()
        if self.server:
            wait_for(lambda: self.is_known(preset_id), name=f"{preset_id} in the catalogue")
        return f"/models/{preset_id}/"

    def is_known(self, preset_id: str) -> bool:
        """The server looks at its file once a second."""
        assert self.server
        request = urllib.request.Request(f"{self.server.url}/api/presets/{preset_id}")
        request.add_header("Authorization", f"Bearer {API_KEY}")
        try:
            urllib.request.urlopen(request, timeout=10).close()
            return True
        except urllib.error.HTTPError as error:
            error.close()
        return False

    def write(self) -> None:
        with self._lock:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            categories = {"Image Generation": {"description": "Pictures", "type": "image"}}
            document = {"metadata": {"version": "1"}, "categories": categories, "presets": self.presets}
            fresh = self.file.with_suffix(".new")
            fresh.write_text(yaml.safe_dump(document, sort_keys=False))
            fresh.replace(self.file)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="session")
def offers(hub: FakeHub, workspace: Path) -> Offers:
    offers = Offers(hub, workspace / "config" / "presets.yaml")
    offers.add("FIRST", "First of all", "checkpoints/first.safetensors")
    return offers


@contextmanager
def dashboard(hub: FakeHub, offers: Offers, workspace: Path, **environment: str) -> Iterator[Serve]:
    """Pages and worker beside the fake Hub; ``environment`` says who is let in."""
    beside = {"HF_ENDPOINT": hub.url, "HF_TOKEN": "", "COMFYDASH_ALLOW_PRIVATE_HOSTS": "on"}
    with serving(workspace, **beside, COMFYDASH_API_KEY=API_KEY, **environment) as serve:
        serve.wait_until_healthy()
        offers.server = serve
        yield serve
        serve.stop()


@pytest.fixture(scope="session")
def server(hub: FakeHub, offers: Offers, workspace: Path) -> Iterator[Serve]:
    with dashboard(hub, offers, workspace, COMFYDASH_PASSWORD=PASSWORD) as serve:
        yield serve


@pytest.fixture(scope="module")
def session(chromium: Browser, server: Serve) -> dict[str, Any]:
    """The cookies of a person who logged in with the password."""
    context = chromium.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    state = context.storage_state()
    context.close()
    return dict(state)


Visit = Callable[..., Page]


@pytest.fixture
def visit(chromium: Browser, server: Serve, session: dict[str, Any]) -> Iterator[Visit]:
    """Opens a window at a path. Whatever a console or the CSP reports fails the test, unless it is expected."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_window(
        path: str = "/",
        *,
        width: int = 1440,
        height: int = 900,
        login: bool = True,
        before: Callable[[Page], None] | None = None,
        **options: Any,
    ) -> Page:
        context = chromium.new_context(
            base_url=server.url,
            viewport={"width": width, "height": height},
            storage_state=session if login else None,  # type: ignore[arg-type]
            reduced_motion="reduce",
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(WATCH_CSP)
        expected: list[str] = []
        page.expected = expected  # type: ignore[attr-defined]

        def complain(text: str) -> None:
            if not any(word in text for word in expected):
                complaints.append(f"{page.url}: {text}")

        def hear(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                complain(message.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: complain(str(error)))
        if before:
            before(page)
        page.goto(path)
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(autouse=True)
def calm(hub: FakeHub, server: Serve) -> Iterator[None]:
    """Each story leaves the Hub well and quick."""
    yield
    hub.heal()
    hub.speed = hub.total_speed = 0
