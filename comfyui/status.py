"""How ComfyUI is, from the stored row: a page never waits for ComfyUI itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models.functions import Now

from comfyui.models import ComfyState
from values.sizes import human_size

REFRESHED = 10.0  # seconds between two looks of an open panel at the row
STALE = timedelta(seconds=60)  # without a look for that long the worker is not running

SENTENCES = {
    "unknown": "ComfyUI was not looked for yet. The worker does that a few seconds after its start.",
    "stale": "The worker, which looks after ComfyUI, is not running; this is what it saw last.",
}


@dataclass(frozen=True)
class Status:
    """``state`` is up, down, slow, login, certificate, not_comfyui, broken or unknown; memory in bytes."""

    state: str
    label: str
    sentence: str
    version: str
    device: str
    memory: str
    queue_remaining: int | None
    checked_at: datetime | None
    seen_at: datetime | None
    url: str

    @property
    def is_up(self) -> bool:
        return self.state == ComfyState.State.UP

    @property
    def refreshed_ms(self) -> int:
        """How often an open page asks for the panel."""
        return round(REFRESHED * 1000 * settings.COMFYUI_PACE)

    @property
    def badge(self) -> str:
        if self.is_up:
            return "ok"
        return "warn" if self.state in {"slow", "down", "unknown"} else "bad"


def current() -> Status:
    """One query. Facts of a ComfyUI that is gone stay, with the time when they were seen."""
    found = ComfyState.objects.filter(pk=ComfyState.ONLY).annotate(now=Now()).first()
    row = found or ComfyState()
    stale = found is not None and found.checked_at is not None and found.now - found.checked_at > STALE
    sentence = row.sentence or ("" if row.state == ComfyState.State.UP else SENTENCES["unknown"])
    return Status(
        state="unknown" if stale else row.state,
        label="Not known" if stale else row.get_state_display(),
        sentence=SENTENCES["stale"] if stale else sentence,
        version=row.version,
        device=row.device,
        memory=_memory(row),
        queue_remaining=None if stale else row.queue_remaining,
        checked_at=row.checked_at,
        seen_at=row.seen_at,
        url=row.url,
    )


def _memory(row: ComfyState) -> str:
    """What is free: of the GPU, or of the machine where ComfyUI runs on the CPU."""
    if not row.memory_total:
        return ""
    free, total = human_size(row.memory_free), human_size(row.memory_total)
    return f"{free} of {total} {'RAM' if row.on_cpu else 'VRAM'} free"
