"""One lasting notice on every page, kept until a person dismisses it: what became of a database that was set aside.

A file and no row: it is about the database, and must not be pruned or cleared with the activity.
"""

from __future__ import annotations

import json
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from volumes.files import write_whole


def _file() -> Path:
    return Path(settings.DATA_DIR) / "notice.json"


def keep(title: str, text: str) -> None:
    """Show it from now on. The newest one replaces an earlier one; the activity has them all."""
    write_whole(_file(), json.dumps({"title": title, "text": text}).encode())


def current() -> dict[str, str] | None:
    """``{title, text}``, or None when there is nothing to say."""
    try:
        said = json.loads(_file().read_text())
        return {"title": str(said["title"]), "text": str(said["text"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


@require_POST
def dismiss(request: HttpRequest) -> HttpResponse:
    """It is gone for good; back to the page it was read on."""
    _file().unlink(missing_ok=True)
    page = request.POST.get("next", "")
    return redirect(page if url_has_allowed_host_and_scheme(page, None) else "/")
