"""What the Models page shows: the presets that answer a search, in an order, with their states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace

from django.core.paginator import Page
from django.http import QueryDict

from downloads.inventory.free_space import usable_bytes
from downloads.queue_page import Line, lines_by_id, page_of
from presets.catalogue import Preset, catalogue
from presets.states import PresetState, preset_states
from presets.thumbnails import offered

PAGE = 24  # cards; more come as the page is scrolled
SORTS = {
    "": "Recommended",
    "name": "Name",
    "missing": "Least to fetch",
    "size": "Smallest",
    "-size": "Largest",
    "status": "State",
}
STATES = {
    "active": "In the queue",
    "installed": "Installed",
    "partial": "Partly here",
    "failed": "Failed",
    "available": "Not here",
}
ACTIVE = ("downloading", "queued", "paused", "waiting")
BY_STATE = (*ACTIVE, "failed", "partial", "installed", "available")


@dataclass(frozen=True)
class Choice:
    """What the person asked for, as it stands in the address."""

    q: str = ""
    type: str = ""
    status: str = ""
    category: str = ""
    source: str = ""
    fits: str = ""
    gated: str = ""
    sort: str = ""
    view: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> Choice:
        return cls(**{field.name: query.get(field.name, "").strip()[:200] for field in fields(cls)})

    @property
    def narrows(self) -> bool:
        """Whether anything but the tab, the order and the view is chosen."""
        return replace(self, type="", sort="", view="") != Choice()


@dataclass(frozen=True)
class Entry:
    """A preset with its state, and the active install of it if there is one."""

    preset: Preset
    state: PresetState
    line: Line | None
    picture: str = ""  # the official template whose picture may be shown


@dataclass(frozen=True)
class Listing:
    choice: Choice
    page: Page[Entry]
    tabs: list[tuple[str, int]]  # type and how many answer the search; "" stands for all
    categories: list[str]
    usable: int  # bytes that installs may still take


def listing(choice: Choice, number: str, cards_shown: str = "") -> Listing:
    presets = list(catalogue().presets.values())
    entries = _entries(presets)
    usable = usable_bytes()
    found = [entry for entry in entries if _answers(entry, choice, usable)]
    types = Counter(entry.preset.type for entry in found)
    shown = [entry for entry in found if not choice.type or entry.preset.type == choice.type]
    shown.sort(key=_order(choice.sort))
    tabs = [("", len(found)), *((kind, types[kind]) for kind in sorted({preset.type for preset in presets}))]
    categories = sorted({preset.category for preset in presets})
    page = page_of(shown, PAGE, number, cards_shown)
    page.object_list = _with_lines(list(page.object_list))
    return Listing(choice, page, tabs, categories, usable)


def entry(preset: Preset) -> Entry:
    return _with_lines(_entries([preset]))[0]


def _entries(presets: list[Preset]) -> list[Entry]:
    states = preset_states(presets)
    pictures = offered()
    return [
        Entry(
            preset,
            states[preset.id],
            None,
            preset.template if preset.template in pictures else "",
        )
        for preset in presets
    ]


def _with_lines(entries: list[Entry]) -> list[Entry]:
    """The active installs of what is shown, and not of the whole catalogue."""
    lines = lines_by_id(entry.preset.id for entry in entries)
    return [replace(entry, line=lines.get(entry.preset.id)) for entry in entries]


def _answers(entry: Entry, choice: Choice, usable: int) -> bool:
    preset, state = entry.preset, entry.state
    return (
        (not choice.category or preset.category == choice.category)
        and (not choice.source or preset.source == choice.source)
        and (
            not choice.status or state.status == choice.status or (choice.status == "active" and state.status in ACTIVE)
        )
        and (not choice.fits or (state.missing_bytes or 0) <= usable)
        and (not choice.gated or state.gated)
        and _holds(preset, choice.q.lower().split())
    )


def _holds(preset: Preset, words: Iterable[str]) -> bool:
    """Every word stands somewhere in the name, the id, the texts, the tags or a file's name."""
    words = list(words)
    if not words:
        return True
    texts = (preset.name, preset.id, preset.category, preset.description, preset.use_case)
    text = "\n".join((*texts, *preset.tags, *(file.path for file in preset.files))).lower()
    return all(word in text for word in words)


def _order(sort: str) -> Callable[[Entry], tuple[object, ...]]:
    orders: dict[str, Callable[[Entry], tuple[object, ...]]] = {
        "name": lambda entry: (entry.preset.name.lower(),),
        "missing": lambda entry: (entry.state.installed, entry.state.missing_bytes or 0, entry.preset.name.lower()),
        "size": lambda entry: (entry.state.size_bytes or 0, entry.preset.name.lower()),
        "-size": lambda entry: (-(entry.state.size_bytes or 0), entry.preset.name.lower()),
        "status": lambda entry: (BY_STATE.index(entry.state.status), entry.preset.name.lower()),
    }
    return orders.get(sort, lambda entry: ())  # the catalogue's own order: sorting is stable
