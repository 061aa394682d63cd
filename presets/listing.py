"""What the Models page shows: the presets that answer a search, in an order, with their states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django import forms

from downloads.inventory.free_space import usable_bytes
from downloads.queue_page import Line, lines_by_id
from listings.filters import FilterForm, box, hidden, one_of, search, select
from listings.listing import Listing, Order
from presets.catalogue import Preset, catalogue
from presets.preset import type_word
from presets.states import PresetState, preset_states
from presets.thumbnails import offered

STATES = {
    "": "Any",
    "active": "In the queue",
    "installed": "Installed",
    "partial": "Partly here",
    "failed": "Failed",
    "available": "Not here",
}
ACTIVE = ("downloading", "queued", "paused", "waiting")
BY_STATE = (*ACTIVE, "failed", "partial", "installed", "available")


@dataclass(frozen=True)
class Entry:
    """A preset with its state, and the active install of it if there is one."""

    preset: Preset
    state: PresetState
    line: Line | None
    picture: str = ""  # the official template whose picture may be shown

    @property
    def by_name(self) -> str:
        return self.preset.name.lower()


ORDERS: dict[str, Order[Entry]] = {
    "": Order("Recommended"),  # the catalogue's own
    "name": Order("Name", lambda entry: entry.by_name),
    "missing": Order(
        "Least to fetch", lambda entry: (entry.state.installed, entry.state.missing_bytes or 0, entry.by_name)
    ),
    "size": Order("Smallest", lambda entry: (entry.state.size_bytes or 0, entry.by_name)),
    "-size": Order("Largest", lambda entry: (-(entry.state.size_bytes or 0), entry.by_name)),
    "status": Order("State", lambda entry: (BY_STATE.index(entry.state.status), entry.by_name)),
}


class ModelFilters(FilterForm):
    type = hidden()
    q = search("Name, file, tag")
    status = select("State", STATES)
    category = select("Category", {"": "Any"})
    source = select("From", {"": "Anywhere", "file": "Your catalogue", "templates": "Official templates"})
    sort = one_of("Order", {value: order.label for value, order in ORDERS.items()})
    fits = box("Fits on my disk")
    gated = box("Needs a token")
    view = one_of("View", {"": "Grid", "list": "List"}, forms.RadioSelect({"class": "visually-hidden"}))


class ModelListing(Listing[Entry, Entry]):
    form_class = ModelFilters
    tab_field = "type"
    orders = ORDERS
    usable: int  # bytes that installs may still take

    def items(self) -> list[Entry]:
        self.usable = usable_bytes()
        self.presets = list(catalogue().presets.values())
        self.form.offer("category", sorted({preset.category for preset in self.presets}))
        return _entries(self.presets)

    def answers(self, entry: Entry) -> bool:
        preset, state, chosen = entry.preset, entry.state, self.chosen
        return (
            (not chosen["category"] or preset.category == chosen["category"])
            and (not chosen["source"] or preset.source == chosen["source"])
            and _has_status(state, chosen["status"])
            and (not chosen["fits"] or (state.missing_bytes or 0) <= self.usable)
            and (not chosen["gated"] or state.gated)
            and (not self.words or self.holds_words(_searched(preset)))
        )

    def tab_labels(self) -> dict[str, str]:
        return {"": "All"} | {kind: type_word(kind) for kind in sorted({preset.type for preset in self.presets})}

    def in_tab(self, entry: Entry, tab: str) -> bool:
        return not tab or entry.preset.type == tab

    def shown(self, items: list[Entry]) -> list[Entry]:
        return _with_lines(items)


def entry(preset: Preset) -> Entry:
    return _with_lines(_entries([preset]))[0]


def _entries(presets: Sequence[Preset]) -> list[Entry]:
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


def _has_status(state: PresetState, wanted: str) -> bool:
    return not wanted or state.status == wanted or (wanted == "active" and state.status in ACTIVE)


def _searched(preset: Preset) -> str:
    texts = (preset.name, preset.id, preset.category, preset.description, preset.use_case)
    return "\n".join((*texts, *preset.tags, *(file.path for file in preset.files))).lower()
