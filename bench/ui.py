"""How the pages feel in a browser: click to reaction, bytes while something is fetched, memory after an hour of events.

python -m bench.ui [--seconds 30]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from playwright.sync_api import Browser, Page, Request, WebSocket, WebSocketRoute, sync_playwright

from bench.machine import Dashboard, dashboard, percentile, table
from bench.screenshots import CHROMIUM, FLAGS
from tests.fakehub import FakeHub

ROUNDS = 8
EVENTS = 2 * 3600  # an hour of two progress events a second
MODELS = ROUNDS + 2
SIZE = 60_000_000  # bytes of each model; nobody waits for its end
SPEED = 1_500_000  # bytes/s of the Hub
REACTION = 10_000  # milliseconds after which there was none

# Act, then look after each change of the page whether it shows what is waited for; the frame after that is the answer.
STOPWATCH = """([act, value, selector, text]) => new Promise((resolve) => {
  const shows = () => [...document.querySelectorAll(selector)].some((found) => found.textContent.includes(text));
  const before = performance.now();
  const seen = (took) => { watch.disconnect(); resolve(took); };
  const watch = new MutationObserver(() => {
    if (shows()) requestAnimationFrame(() => seen(performance.now() - before));
  });
  watch.observe(document.body, { childList: true, subtree: true, characterData: true });
  setTimeout(() => seen(-1), LONGEST);
  const element = document.querySelector(act);
  if (value === null) element.click();
  else { element.value = value; element.dispatchEvent(new Event("input", { bubbles: true })); }
})""".replace("LONGEST", str(REACTION))


@dataclass
class Traffic:
    """What one page is sent. Bytes of the socket's messages, and of answers as they come over the line."""

    messages: int = 0
    socket_bytes: int = 0
    requests: int = 0
    http_bytes: int = 0

    def watch(self, page: Page) -> None:
        page.on("websocket", lambda socket: self._listen(socket))
        page.on("requestfinished", lambda request: self._count(request))

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda payload: self._message(payload))

    def _message(self, payload: str | bytes) -> None:
        self.messages += 1
        self.socket_bytes += len(payload)

    def _count(self, request: Request) -> None:
        sizes = request.sizes()
        self.requests += 1
        self.http_bytes += sizes["responseBodySize"] + sizes["responseHeadersSize"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ui", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of download that bytes are counted in")
    options = parser.parse_args()
    with slow_models() as (dash, browser):
        measure_reactions(dash, browser)
        measure_bytes(dash, browser, options.seconds)
        measure_memory(dash, browser)


@contextmanager
def slow_models() -> Iterator[tuple[Dashboard, Browser]]:
    """A dashboard whose models take long, and a browser."""
    with tempfile.TemporaryDirectory() as folder, FakeHub(total_speed=SPEED) as hub:
        catalogue = Path(folder) / "presets.yaml"
        catalogue.write_text(yaml.safe_dump(document(hub)))
        environment = {"HF_ENDPOINT": hub.url, "COMFYDASH_PRESETS_FILE": str(catalogue), "COMFYDASH_AUTH": "off"}
        with dashboard(**environment) as dash, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            yield dash, browser
            browser.close()


def document(hub: FakeHub) -> dict[str, object]:
    presets = {}
    for number in range(MODELS):
        file = hub.add_file(f"org/slow{number}", f"loras/slow{number}.safetensors", size=SIZE, seed=number)
        presets[f"SLOW_{number}"] = {
            "name": f"Slow {number}",
            "category": "Bench",
            "type": "video" if number % 2 else "image",
            "description": "Takes a while",
            "files": [{"path": file.path, "url": file.url, "size": f"{SIZE}B"}],
        }
    categories = {"Bench": {"description": "Slow ones", "type": "image"}}
    return {"metadata": {"version": "1"}, "categories": categories, "presets": presets}


# --- click to reaction -----------------------------------------------------------------------------------------------


def measure_reactions(dash: Dashboard, browser: Browser) -> None:
    page = browser.new_page(base_url=dash.url)
    page.goto("/models/?source=file")
    install = [react(page, install_button(f"SLOW_{n}"), "#toasts p", f"Slow {n} ") for n in range(ROUNDS)]
    tabs = [
        react(page, f"#listing nav a{tab}", "#listing p", f"{count} models")
        for _ in range(ROUNDS // 2)
        for tab, count in (("[href*='type=video']", MODELS // 2), (":first-child", MODELS))
    ]
    words = [f"slow {number}" for number in range(ROUNDS)]
    search = [react(page, "#q", "#listing h2", word.capitalize(), value=word) for word in words]
    page.goto("/downloads/")
    pause = [time_of_pause(page) for _ in range(ROUNDS)]
    page.close()
    table(
        "click → visible reaction, chromium over loopback (target 100 ms; a search waits 120 ms for the next letter)",
        ("action", "p50", "longest"),
        [
            line("Install → its toast", install),
            line("tab of a type → its models", tabs),
            line("letter in the search → what it finds", search),
            line("Pause → its toast", pause),
        ],
    )


def install_button(preset_id: str) -> str:
    return f"form[action='/models/{preset_id}/install/'] button"


def react(page: Page, act: str, selector: str, text: str = "", value: str | None = None) -> float:
    """Milliseconds until the page shows ``text`` in ``selector``."""
    took = float(page.evaluate(STOPWATCH, [act, value, selector, text]))
    if took < 0:
        raise RuntimeError(f"{act}: {selector} did not say {text!r} within {REACTION / 1000:.0f} s")
    return took


def time_of_pause(page: Page) -> float:
    page.locator("#active form[action$='/pause/'] button").first.wait_for()
    took = react(page, "#active form[action$='/pause/'] button", "#toasts p", "is paused.")
    page.locator("#active form[action$='/resume/'] button").first.click()
    page.reload()
    return took


def line(name: str, times: Sequence[float]) -> tuple[str, str, str]:
    return name, f"{percentile(times, 0.5):.0f} ms", f"{max(times):.0f} ms"


# --- bytes -----------------------------------------------------------------------------------------------------------


def measure_bytes(dash: Dashboard, browser: Browser, seconds: float) -> None:
    rows = []
    for path in ("/", "/models/?source=file", "/downloads/"):
        page = browser.new_page(base_url=dash.url)
        page.goto(path)
        page.wait_for_load_state("networkidle")
        traffic = Traffic()
        traffic.watch(page)
        page.reload()
        page.wait_for_load_state("networkidle")
        start = replace(traffic)
        page.wait_for_timeout(seconds * 1000 / 3)
        minutes = seconds / 3 / 60
        messages = (traffic.messages - start.messages) / minutes
        sent = (traffic.socket_bytes - start.socket_bytes) / minutes
        fetched = (traffic.http_bytes - start.http_bytes) / minutes
        rows.append((path, f"{messages:.0f}", f"{sent / 1000:.0f} kB", f"{fetched / 1000:.0f} kB"))
        page.close()
    title = "sent to one page per minute of download"
    table(title, ("page", "messages", "on the socket", "pieces fetched"), rows)


# --- memory ----------------------------------------------------------------------------------------------------------


def measure_memory(dash: Dashboard, browser: Browser) -> None:
    page = browser.new_page(base_url=dash.url)
    sockets: list[WebSocketRoute] = []

    def connect(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page.route_web_socket("**/ws/dashboard", connect)
    page.goto("/downloads/")
    box = page.locator("#active [data-download]").first
    number = int(box.get_attribute("data-download") or "0")
    page.wait_for_load_state("networkidle")
    rows = [("before", *memory(page))]
    for thousands in range(3):
        begun = time.perf_counter()
        for step in range(EVENTS // 3):
            sockets[-1].send(json.dumps(event(number, thousands * EVENTS // 3 + step)))
        page.wait_for_load_state("networkidle")
        took = time.perf_counter() - begun
        rows.append((f"after {(thousands + 1) * EVENTS // 3} events ({took:.1f} s)", *memory(page)))
    page.close()
    table("memory of an open page, after a garbage collection", ("when", "JS heap", "DOM nodes", "listeners"), rows)


def event(number: int, step: int) -> dict[str, object]:
    return {
        "type": "download_progress",
        "preset_id": "SLOW_0",
        "download_id": number,
        "file": "loras/slow0.safetensors",
        "status": "downloading",
        "progress": 100 * step / EVENTS,
        "downloaded": SIZE * step // EVENTS,
        "total": SIZE,
        "file_downloaded": SIZE * step // EVENTS,
        "file_total": SIZE,
        "speed": SPEED,
        "eta_seconds": 100,
        "files_completed": 0,
        "files_total": 1,
    }


def memory(page: Page) -> tuple[str, int, int]:
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    figures = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return f"{figures['JSHeapUsedSize'] / 1e6:.2f} MB", int(figures["Nodes"]), int(figures["JSEventListeners"])


if __name__ == "__main__":
    main()
