"""The pages and verbs that are measured."""

from __future__ import annotations

from dataclasses import dataclass

PAGES = (
    "/",
    "/models/",
    "/downloads/",
    "/downloads/?page=99999",  # the last one
    "/downloads/?q=preset+59",
    "/activity/",
    "/activity/?page=99999",
    "/storage/",
    "/admin/downloads/downloadhistory/",
    "/api/downloads/history?limit=500",
    "/api/downloads/history?limit=50&offset=99900",
    "/api/presets/queue/status",
    "/api/presets/queue/status?offset=9500&limit=100",
    "/api/presets/",
    "/api/activity/recent",
)
SELECTED = 500


@dataclass(frozen=True)
class Step:
    """``fields`` of a page's form; without them it is a call of the API."""

    name: str
    path: str
    fields: tuple[tuple[str, str], ...] = ()


def verbs(row: int) -> list[Step]:
    """In the order in which they can be carried out. ``row``: a queued install."""
    selected = tuple(("id", f"P{number}") for number in range(100, 100 + SELECTED))
    one = f"/api/downloads/{row}"
    return [
        Step("install", "/api/presets/P1/install"),
        Step("move to the top", f"{one}/move?to=top"),
        Step("move up", f"/api/downloads/{row + 1}/move?to=up"),
        Step("pause", f"{one}/pause"),
        Step("resume", f"{one}/resume"),
        Step("cancel", f"{one}/cancel"),
        Step("retry failed", "/api/downloads/retry-failed"),
        Step(f"install {SELECTED} selected", "/models/", (("action", "install"), *selected)),
    ]
