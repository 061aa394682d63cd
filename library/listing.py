"""The files of the Storage page: what the person asked to see, in which order, with what is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django import forms

from library.needs import needs
from library.overview import StoredFile, overview
from listings.filters import FilterForm, one_of, search, select
from listings.listing import Listing, Order

NAMED = 2  # presets that need a file, before “and 3 more”
SHOWS = {"": "All", "unneeded": "Not needed", "unknown": "Unknown", "duplicates": "Duplicates"}
ORDERS: dict[str, Order[StoredFile]] = {
    "": Order("Largest"),  # the overview's own
    "name": Order("Name", lambda file: file.path.lower()),
    "newest": Order("Newest", lambda file: -file.found.mtime_ns),
    "oldest": Order("Oldest", lambda file: file.found.mtime_ns),
}


class FileFilters(FilterForm):
    id_prefix = "files-"

    show = one_of("Which files", SHOWS, forms.HiddenInput())
    q = search("Name of a file")
    folder = select("Folder", {"": "All"})
    sort = one_of("Order", {value: order.label for value, order in ORDERS.items()})


@dataclass(frozen=True, slots=True)
class Line:
    """A file as the page shows it: ``duplicates`` are other files with the same content."""

    file: StoredFile
    needed_by: Sequence[str]
    duplicates: Sequence[StoredFile]

    @property
    def others(self) -> int:
        """How many names beyond the first NAMED."""
        return max(0, len(self.needed_by) - NAMED)

    @property
    def origin(self) -> str:
        """The host a file came from; nothing when nobody wrote that down."""
        return urlsplit(self.file.record.url).hostname or "" if self.file.record else ""


class FileListing(Listing[StoredFile, Line]):
    form_class = FileFilters
    tab_field = "show"
    shows_empty_tabs = True
    orders = ORDERS
    page_size = 50

    def items(self) -> Sequence[StoredFile]:
        self.seen = overview()
        self.needs = needs(self.seen.files)
        self.form.offer("folder", sorted(folder.name for folder in self.seen.folders))
        return self.seen.files

    def answers(self, file: StoredFile) -> bool:
        folder = self.chosen["folder"]
        return (not folder or file.folder == folder) and self.holds_words(file.path.lower())

    def tab_labels(self) -> dict[str, str]:
        return SHOWS

    def in_tab(self, file: StoredFile, tab: str) -> bool:
        if tab == "unneeded":
            return file.is_ours and file.place not in self.needs.places
        if tab == "unknown":
            return file.is_unknown
        return file.has_duplicate if tab == "duplicates" else True

    def shown(self, items: list[StoredFile]) -> list[Line]:
        return [Line(file, self.needs.names(file), self._duplicates_of(file)) for file in items]

    def _duplicates_of(self, file: StoredFile) -> list[StoredFile]:
        group = self.seen.duplicates[file.sha256] if file.has_duplicate else ()
        return [other for other in group if other.found.identity != file.found.identity]
