"""The Activity page: what happened, by day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from activity import retention
from activity.listing import Log
from activity.models import Activity


@require_safe
@vary_on_headers("HX-Request", "HX-Target")
def index(request: HttpRequest) -> HttpResponse:
    template = "activity/_log.html" if request.htmx.target == "log" else "activity/index.html"  # type: ignore[attr-defined]
    return render(request, template, _log(request))


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def clear(request: HttpRequest) -> HttpResponse:
    """GET says what would be deleted, POST deletes it."""
    if request.method != "POST":
        return render(request, "activity/clear.html", {"count": Activity.objects.count()})
    deleted = retention.clear()
    messages.success(request, f"{deleted} {'entry' if deleted == 1 else 'entries'} deleted.")
    return redirect("activity:index")


def _log(request: HttpRequest) -> dict[str, Any]:
    today = timezone.now().date()
    return {
        "listing": Log(request.GET),
        "today": today,
        "yesterday": today - timedelta(days=1),
        "retention_days": retention.days(),
    }
