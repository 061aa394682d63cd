"""What the Workflows page shows: the workflows that answer a search, in an order, with their verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from downloads.inventory.free_space import usable_bytes
from downloads.models import DownloadHistory
from downloads.queue import failed
from downloads.queue_page import Line, lines_by_id
from listings.filters import FilterForm, box, hidden, one_of, search, select
from listings.listing import Listing, Order
from presets.preset import type_word
from presets.thumbnails import offered
from workflows.library import TEMPLATES
from workflows.readiness import VERDICTS, Entry, entries

VERDICT_WORDS = {
    "ready": "Ready",
    "fixable": "Fixable",
    "missing": "Missing models",
    "unknown": "Unknown models",
    "unreadable": "Unreadable",
    "not_workflow": "No workflow",
}


SOURCE_WORDS = {"templates": "Official templates", "local": "Your workflows"}


def _nearest(entry: Entry) -> tuple[object, ...]:
    """Ready first, own workflows before templates. What calls a paid service is not ready by its models alone."""
    return (
        entry.verdict in {"unreadable", "not_workflow"},
        entry.workflow.partner_api,
        VERDICTS.index(entry.verdict),
        not entry.installable,
        entry.missing_bytes,
        len(entry.missing),
        not entry.needed,
        entry.workflow.source == TEMPLATES,
    )


def _by_name(entry: Entry) -> str:
    return entry.workflow.name.lower()


ORDERS: dict[str, Order[Entry]] = {
    "": Order("Nearest to ready", _nearest),
    "name": Order("Name", _by_name),
    "missing": Order("Least to fetch", lambda e: (e.verdict == "unreadable", e.missing_bytes, _by_name(e))),
    "-missing": Order("Most to fetch", lambda e: (-e.missing_bytes, _by_name(e))),
}


class WorkflowFilters(FilterForm):
    verdict = hidden()
    q = search("Name, tag, model file")
    type = select("Type", {"": "Any"})
    category = select("Category", {"": "Any"})
    source = select("From", {"": "Anywhere"})
    sort = one_of("Order", {value: order.label for value, order in ORDERS.items()})
    fits = box("Fits on my disk")
    local = box("Without a paid API")


@dataclass(frozen=True)
class Card:
    """An entry with the active install of what it lacks, if there is one."""

    entry: Entry
    line: Line | None
    fits: bool
    picture: str  # the official template whose picture may be shown, or nothing
    taken: DownloadHistory | None = None  # its newest install, when that found other bytes at the place of a file


class WorkflowListing(Listing[Entry, Card]):
    form_class = WorkflowFilters
    tab_field = "verdict"
    orders = ORDERS
    usable: int  # bytes that installs may still take

    def items(self) -> list[Entry]:
        self.usable = usable_bytes()
        everything = list(entries().values())
        workflows = [entry.workflow for entry in everything]
        self.form.offer("type", {kind: type_word(kind) for kind in sorted({workflow.type for workflow in workflows})})
        self.form.offer("category", sorted({workflow.category for workflow in workflows}))
        self.form.offer("source", {workflow.source: _source_word(workflow.source) for workflow in workflows})
        return everything

    def answers(self, entry: Entry) -> bool:
        workflow, chosen = entry.workflow, self.chosen
        return (
            (not chosen["type"] or workflow.type == chosen["type"])
            and (not chosen["category"] or workflow.category == chosen["category"])
            and (not chosen["source"] or workflow.source == chosen["source"])
            and (not chosen["local"] or not workflow.partner_api)
            and (not chosen["fits"] or entry.missing_bytes <= self.usable)
            and self.holds_words(entry.words)
        )

    def tab_labels(self) -> dict[str, str]:
        return {"": "All", **VERDICT_WORDS}

    def in_tab(self, entry: Entry, tab: str) -> bool:
        # What is no workflow at all is shown only when somebody asks for it.
        return entry.verdict == tab if tab else entry.verdict != "not_workflow"

    def shown(self, items: list[Entry]) -> list[Card]:
        ids = [entry.install_id for entry in items]
        lines, taken, pictures = lines_by_id(ids), _taken(ids), offered()
        return [_card(entry, lines, self.usable, pictures, taken) for entry in items]


def _source_word(source: str) -> str:
    return SOURCE_WORDS.get(source, source)


def card(entry: Entry) -> Card:
    lines = lines_by_id([entry.install_id])
    return _card(entry, lines, usable_bytes(), offered(), _taken([entry.install_id]))


def _card(
    entry: Entry,
    lines: dict[str, Line],
    usable: int,
    pictures: frozenset[str],
    taken: Mapping[str, DownloadHistory],
) -> Card:
    name = entry.workflow.path.removesuffix(".json") if entry.workflow.source == TEMPLATES else ""
    fits = entry.missing_bytes <= usable
    return Card(entry, lines.get(entry.install_id), fits, name if name in pictures else "", taken.get(entry.install_id))


def _taken(ids: Sequence[str]) -> dict[str, DownloadHistory]:
    """The newest installs of these ids that ended because other bytes have the place of a file."""
    rows = failed().filter(preset_id__in=ids, reason="path_conflict")
    return {row.preset_id: row for row in rows}


def line_of(install_id: str) -> Line | None:
    return lines_by_id([install_id]).get(install_id)
