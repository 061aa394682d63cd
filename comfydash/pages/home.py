"""Home: what runs, what waits for the person, what fits, what happened."""

from __future__ import annotations

import os
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from activity.models import Activity
from comfyui import status as comfyui_status
from downloads.inventory.free_space import queue_to_fetch, volume
from downloads.models import DownloadHistory
from downloads.queue import failed
from downloads.queue_page import board, lines_of
from library.overview import overview
from presets.catalogue import catalogue
from settings_app import hub_token, preferences
from workflows.library import TEMPLATES
from workflows.readiness import Entry, entries

FAILED_SHOWN = 5
ACTIVITIES_SHOWN = 8
READY_SHOWN = 5


@require_safe
@vary_on_headers("HX-Request", "HX-Target")
def home(request: HttpRequest) -> HttpResponse:
    """The page, or the one live piece that htmx asks for."""
    pieces = {"now": now, "disk": disk, "ready": ready, "latest": latest, "checklist": first_start}
    target = request.htmx.target or ""  # type: ignore[attr-defined]
    if target in pieces:
        return render(request, f"home/_{target}.html", pieces[target]())
    context = {name: value for piece in pieces.values() for name, value in piece().items()}
    context["comfyui"] = comfyui_status.current()
    return render(request, "home/index.html", context)


def now() -> dict[str, object]:
    rows = failed()
    shown = lines_of(rows[:FAILED_SHOWN])
    return {"board": board(), "failed": shown, "failed_count": rows.count()}


@dataclass(frozen=True)
class Disk:
    """Bytes on the volume of the models folder."""

    models: int
    total: int
    free: int
    usable: int
    reserved: int  # for what the queue has still to fetch
    quota: int | None

    @property
    def used(self) -> int:
        return max(0, self.total - self.free)


def disk() -> dict[str, object]:
    quota: int | None = preferences.get("disk_quota")
    space = volume()
    waiting = queue_to_fetch()
    return {"disk": Disk(overview().bytes, space.total, space.free, space.usable, waiting, quota)}


def ready() -> dict[str, object]:
    """Workflows that run now without a paid service, the person's own first, and the smallest step to one more."""
    judged = entries().values()
    running = sorted((entry for entry in judged if entry.ready and not entry.workflow.partner_api), key=_interest)
    local = (entry for entry in judged if not entry.workflow.partner_api)
    near = [entry for entry in local if entry.installable and entry.exact_size and entry.missing_bytes]
    return {"ready": running[:READY_SHOWN], "ready_count": len(running), "nearest": min(near, key=_bytes, default=None)}


def _interest(entry: Entry) -> tuple[bool, bool, str]:
    return entry.workflow.source == TEMPLATES, not entry.needed, entry.workflow.name


def _bytes(entry: Entry) -> int:
    return entry.missing_bytes


def latest() -> dict[str, object]:
    return {"activities": Activity.objects.all()[:ACTIVITIES_SHOWN]}


@dataclass(frozen=True)
class Check:
    """A line of the first start: its state in a word (ok, warn, info), a sentence, and where it is put right."""

    name: str
    state: str
    sentence: str
    href: str = ""
    label: str = ""
    is_dialog: bool = False


def first_start() -> dict[str, object]:
    """What is ready and what is not, until something was installed for the first time."""
    return {"checklist": [] if DownloadHistory.objects.exists() else checklist()}


def checklist() -> list[Check]:
    return [_models_folder(), _catalogue(), _token(), _comfyui()]


def _models_folder() -> Check:
    folder = settings.MODELS_DIR
    if not folder.is_dir():
        sentence = (
            f"{folder} is not there yet; the first install makes it. Is ComfyUI's elsewhere? Set COMFYDASH_MODELS_DIR."
        )
        return Check("Models folder", "warn", sentence)
    if not os.access(folder, os.W_OK):
        sentence = f"{folder} cannot be written. Make it writable for this user, or set COMFYDASH_MODELS_DIR."
        return Check("Models folder", "warn", sentence)
    count = len(overview().by_path)
    return Check(
        "Models folder", "ok", f"{folder}, with {count} file{'' if count == 1 else 's'} in it.", "/storage/", "Look"
    )


def _catalogue() -> Check:
    known = catalogue()
    sentence = f"{len(known.presets)} models to choose from."
    return Check("Catalogue", "ok" if known.presets else "warn", sentence, "/models/", "Choose a model")


def _token() -> Check:
    if hub_token.hub_token():
        return Check(
            "Hugging Face token", "ok", f"{hub_token.masked()} is used for gated models.", "/settings/", "Settings"
        )
    sentence = "Optional: only gated models ask for one."
    return Check("Hugging Face token", "info", sentence, "/downloads/token/", "Add token", is_dialog=True)


def _comfyui() -> Check:
    status = comfyui_status.current()
    if status.is_up:
        return Check("ComfyUI", "ok", f"Version {status.version} answers.", "/generate/", "Generate")
    sentence = f"{status.sentence} Downloads work without it."
    return Check("ComfyUI", "info", sentence, "/settings/", "Settings")
