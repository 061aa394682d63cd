"""What every page knows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from comfydash import notice
from settings_app import preferences


def dashboard(request: HttpRequest) -> dict[str, Any]:
    return {
        "theme": preferences.get("theme"),
        "auth_on": settings.AUTH_ON,
        "version": settings.VERSION,
        "notice": notice.current,  # called by the template that shows it
    }
