"""How the engine is to behave, from settings and preferences of this moment."""

from __future__ import annotations

import time
from dataclasses import replace

from django.conf import settings

from downloads.transfer import UNFENCED, Fence, Options
from settings_app import preferences
from settings_app.hub_token import hub_token

ASK_SECONDS = 1.0


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


class OptionsOfNow:
    """For an install: one thread asks the preferences, and all of its files go by the answer, a second old at most."""

    def __init__(self, fence: Fence = UNFENCED) -> None:
        self._fence = fence
        self._rate = 0
        self._asked = float("-inf")
        self._options = Options()

    def now(self) -> Options:
        if time.monotonic() - self._asked >= ASK_SECONDS:
            asked = transfer_options(self._fence)
            self._asked, self._rate = time.monotonic(), asked.rate_limit()
            self._options = replace(asked, rate_limit=lambda: self._rate)
        return self._options
