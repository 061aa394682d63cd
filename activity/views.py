"""The Activity page: what happened, by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from activity import retention
from activity.models import Activity

PER_PAGE = 50


@dataclass(frozen=True)
class Filter:
    """What the address asks for; nonsense in it is as if it were not there."""

    type: str
    status: str
    day: date | None

    @classmethod
    def of(cls, request: HttpRequest) -> Filter:
        type, status = request.GET.get("type", ""), request.GET.get("status", "")
        return cls(
            type if type in Activity.Type.values else "",
            status if status in Activity.Status.values else "",
            _day(request.GET.get("day", "")),
        )

    @property
    def is_on(self) -> bool:
        return bool(self.type or self.status or self.day)

    def entries(self) -> QuerySet[Activity]:
        entries = Activity.objects.all()
        if self.type:
            entries = entries.filter(type=self.type)
        if self.status:
            entries = entries.filter(status=self.status)
        if self.day:
            begin = datetime.combine(self.day, time(), UTC)
            entries = entries.filter(created_at__gte=begin, created_at__lt=begin + timedelta(days=1))
        return entries


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
    wanted = Filter.of(request)
    page = Paginator(wanted.entries(), PER_PAGE).get_page(request.GET.get("page"))
    page.object_list = list(page.object_list)  # looked at twice
    today = timezone.now().date()
    return {
        "page": page,
        "filter": wanted,
        "types": Activity.Type.choices,
        "statuses": Activity.Status.choices,
        "today": today,
        "yesterday": today - timedelta(days=1),
        "retention_days": retention.days(),
    }


def _day(text: str) -> date | None:
    try:
        day = parse_date(text)
    except ValueError:  # looks like a date and is none: 2026-02-30
        return None
    # A day later must be a date too.
    return day if day and date.min < day < date.max else None
