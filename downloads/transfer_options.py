"""How the engine is to behave, from settings and preferences of this moment."""

from __future__ import annotations

from django.conf import settings

from downloads.transfer import UNFENCED, Fence, Options
from settings_app import preferences
from settings_app.hub_token import hub_token


def transfer_options(fence: Fence = UNFENCED) -> Options:
    return Options(
        hub_endpoint=settings.HF_ENDPOINT,
        token=hub_token(),
        connections=preferences.get("connections"),
        rate_limit=lambda: preferences.get("rate_limit"),
        allow_private_hosts=settings.ALLOW_PRIVATE_HOSTS,
        retry_base=settings.TRANSFER_RETRY_BASE,
        disk_reserve=preferences.get("disk_reserve"),
        stall_seconds=settings.TRANSFER_STALL_SECONDS,
        fence=fence,
    )
