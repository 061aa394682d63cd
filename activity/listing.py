"""The log on the Activity page, newest first."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from django.db.models import QuerySet

from activity.models import Activity
from listings.filters import DayField, FilterForm, one_of
from listings.listing import Listing


class LogFilters(FilterForm):
    id_prefix = "log-"

    type = one_of("Type", {"": "Everything", **dict(Activity.Type.choices)})
    status = one_of("Status", {"": "Any", **dict(Activity.Status.choices)})
    day = DayField("Day (UTC)")


class Log(Listing[Activity, Activity]):
    form_class = LogFilters
    page_size = 50

    def selected(self) -> QuerySet[Activity]:
        entries = Activity.objects.all()
        for name in ("type", "status"):
            if self.chosen[name]:
                entries = entries.filter(**{name: self.chosen[name]})
        if day := self.chosen["day"]:
            begin = datetime.combine(day, time(), UTC)
            entries = entries.filter(created_at__gte=begin, created_at__lt=begin + timedelta(days=1))
        return entries

    def shown(self, items: list[Activity]) -> list[Activity]:
        return items
