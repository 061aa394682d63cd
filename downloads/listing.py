"""The history on the Downloads page: ended installs, newest first."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from downloads.models import ENDED, DownloadHistory, Status
from listings.filters import FilterForm, hidden, one_of, search
from listings.listing import Listing


class HistoryFilters(FilterForm):
    id_prefix = "history-"

    # Pages of the lists above the history.
    queued = hidden()
    paused = hidden()
    waiting = hidden()
    q = search("Name of a model")
    status = one_of("Ended as", {"": "Anything", **{ending.value: str(ending.label) for ending in ENDED}})


class History(Listing[int, DownloadHistory]):
    """``may_retry`` of an entry: it went wrong, and no newer one took its place."""

    form_class = HistoryFilters
    page_size = 50

    def selected(self) -> QuerySet[DownloadHistory, int]:
        """Their ids: else SQLite reads the whole rows of all pages before this one, and asks for newer ones of each."""
        rows = DownloadHistory.objects.filter(status__in=[self.chosen["status"]] if self.chosen["status"] else ENDED)
        if words := self.chosen["q"]:
            rows = rows.filter(Q(title__icontains=words) | Q(preset_id__icontains=words))
        return rows.order_by("-id").values_list("pk", flat=True)

    def shown(self, items: list[int]) -> list[DownloadHistory]:
        may_retry = Q(status__in=[Status.FAILED, Status.CANCELLED]) & Q(is_latest=True)
        rows = DownloadHistory.objects.filter(pk__in=items).order_by("-id")
        return list(rows.annotate(may_retry=may_retry))
