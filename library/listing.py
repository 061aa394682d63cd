"""The files of the Storage page: what the person asked to see, in which order, with what is known of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from django.core.paginator import Page, Paginator
from django.http import QueryDict

from library.needs import needs
from library.overview import Overview, StoredFile, overview

PAGE = 50  # files
NAMED = 2  # presets that need a file, before “and 3 more”
SHOWS = {"": "All", "unneeded": "Not needed", "unknown": "Unknown", "duplicates": "Duplicates"}
SORTS: dict[str, tuple[str, Callable[[StoredFile], Any]]] = {
    "": ("Largest", lambda file: 0),  # the overview's own order: sorting is stable
    "name": ("Name", lambda file: file.path.lower()),
    "newest": ("Newest", lambda file: -file.found.mtime_ns),
    "oldest": ("Oldest", lambda file: file.found.mtime_ns),
}


@dataclass(frozen=True)
class Choice:
    """As it stands in the address."""

    q: str = ""
    show: str = ""
    folder: str = ""
    sort: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> Choice:
        choice = {field.name: query.get(field.name, "").strip()[:200] for field in fields(cls)}
        if choice["show"] not in SHOWS:
            choice["show"] = ""
        if choice["sort"] not in SORTS:
            choice["sort"] = ""
        return cls(**choice)

    @property
    def narrows(self) -> bool:
        return bool(self.q or self.folder)


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


@dataclass(frozen=True)
class Listing:
    choice: Choice
    page: Page[StoredFile]
    lines: list[Line]
    tabs: list[tuple[str, str, int]]  # key, words and how many files
    folders: list[str]
    sorts: list[tuple[str, str]]


def listing(choice: Choice, number: str) -> Listing:
    seen = overview()
    asked = needs(seen.files)
    chosen = _chosen(seen.files, choice)
    tabs = {
        "": chosen,
        "unneeded": [file for file in chosen if file.is_ours and file.place not in asked.places],
        "unknown": [file for file in chosen if file.is_unknown],
        "duplicates": [file for file in chosen if file.has_duplicate],
    }
    shown = sorted(tabs[choice.show], key=SORTS[choice.sort][1])
    page = Paginator(shown, PAGE).get_page(number)
    return Listing(
        choice,
        page,
        [Line(file, asked.names(file), _twins(file, seen)) for file in page],
        [(show, words, len(tabs[show])) for show, words in SHOWS.items()],
        sorted(folder.name for folder in seen.folders),
        [(sort, words) for sort, (words, _) in SORTS.items()],
    )


def _chosen(files: Iterable[StoredFile], choice: Choice) -> list[StoredFile]:
    words = choice.q.lower().split()
    chosen = [file for file in files if not choice.folder or file.folder == choice.folder]
    return [file for file in chosen if all(word in file.path.lower() for word in words)] if words else chosen


def _twins(file: StoredFile, seen: Overview) -> list[StoredFile]:
    group = seen.duplicates[file.sha256] if file.has_duplicate else ()
    return [other for other in group if other.found.identity != file.found.identity]
