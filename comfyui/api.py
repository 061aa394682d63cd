"""ComfyUI's status for scripts."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from activity.schemas import Problem
from comfyui import status

router = Router(tags=["comfyui"])


class ComfyStatus(Schema):
    """What the worker saw last; ``state`` is up, down, slow, login, certificate, not_comfyui, broken or unknown."""

    state: str
    version: str
    device: str
    queue_remaining: int | None
    checked_at: datetime | None
    detail: str
    url: str


@router.get("/status", response={200: ComfyStatus, 401: Problem}, summary="How the ComfyUI beside us is")
def comfyui_status(request: HttpRequest) -> ComfyStatus:
    now = status.current()
    return ComfyStatus(
        state=now.state,
        version=now.version,
        device=now.device,
        queue_remaining=now.queue_remaining,
        checked_at=now.checked_at,
        detail=now.sentence,
        url=now.url,
    )
