"""What the Workflows page shows: the workflows that answer a search, in an order, with their verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from django.core.paginator import Page
from django.db.models import Exists
from django.http import QueryDict

from downloads.inventory.free_space import usable_bytes
from downloads.models import DownloadHistory, Status
from downloads.queue import newer
from downloads.queue_page import Line, lines_by_id, page_of
from presets.thumbnails import offered
from workflows.library import TEMPLATES
from workflows.readiness import VERDICTS, Entry, entries

PAGE = 24
SORTS = {"": "Nearest to ready", "name": "Name", "missing": "Least to fetch", "-missing": "Most to fetch"}
VERDICT_WORDS = {
    "ready": "Ready",
    "fixable": "Fixable",
    "missing": "Missing models",
    "unknown": "Unknown models",
    "unreadable": "Unreadable",
    "not_workflow": "No workflow",
}


@dataclass(frozen=True)
class Choice:
    """What the person asked for, as it stands in the address."""

    q: str = ""
    verdict: str = ""
    type: str = ""
    category: str = ""
    source: str = ""
    fits: str = ""
    local: str = ""  # only what runs without a partner's paid API
    sort: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> Choice:
        return cls(**{field.name: query.get(field.name, "").strip()[:200] for field in fields(cls)})

    @property
    def narrows(self) -> bool:
        """Whether anything but the tab and the order is chosen."""
        return replace(self, verdict="", sort="") != Choice()


@dataclass(frozen=True)
class Card:
    """An entry with the active install of what it lacks, if there is one."""

    entry: Entry
    line: Line | None
    fits: bool
    picture: str  # the official template whose picture may be shown, or nothing
    taken: DownloadHistory | None = None  # its newest install, when that found other bytes at the place of a file


@dataclass(frozen=True)
class Listing:
    page: Page[Entry]
    cards: list[Card]
    tabs: list[tuple[str, str, int]]  # verdict, word, how many answer the search; "" stands for all
    types: list[str]
    categories: list[str]
    sources: list[str]
    usable: int  # bytes that installs may still take


def listing(choice: Choice, number: str, cards_shown: str = "") -> Listing:
    everything = list(entries().values())
    usable = usable_bytes()
    words = choice.q.lower().split()
    found = [entry for entry in everything if _answers(entry, choice, usable, words)]
    counts = Counter(entry.verdict for entry in found)
    # What is no workflow at all is shown only when somebody asks for it.
    shown = [e for e in found if e.verdict == choice.verdict or (not choice.verdict and e.verdict != "not_workflow")]
    shown.sort(key=_order(choice.sort))
    all_of_them = len(found) - counts["not_workflow"]
    tabs = [("", "All", all_of_them), *((verdict, VERDICT_WORDS[verdict], counts[verdict]) for verdict in VERDICTS)]
    page = page_of(shown, PAGE, number, cards_shown)
    lines = lines_by_id(entry.install_id for entry in page.object_list)
    pictures = offered()
    taken = _taken([entry.install_id for entry in page.object_list])
    cards = [_card(entry, lines, usable, pictures, taken) for entry in page.object_list]
    return Listing(
        page,
        cards,
        tabs,
        sorted({entry.workflow.type for entry in everything}),
        sorted({entry.workflow.category for entry in everything}),
        list(dict.fromkeys(entry.workflow.source for entry in everything)),
        usable,
    )


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
    rows = DownloadHistory.objects.filter(preset_id__in=ids, status=Status.FAILED, reason="path_conflict")
    return {row.preset_id: row for row in rows.filter(~Exists(newer()))}


def line_of(install_id: str) -> Line | None:
    return lines_by_id([install_id]).get(install_id)


def _answers(entry: Entry, choice: Choice, usable: int, words: list[str]) -> bool:
    workflow = entry.workflow
    return (
        (not choice.type or workflow.type == choice.type)
        and (not choice.category or workflow.category == choice.category)
        and (not choice.source or workflow.source == choice.source)
        and (not choice.local or not workflow.partner_api)
        and (not choice.fits or entry.missing_bytes <= usable)
        and all(word in entry.words for word in words)
    )


def _order(sort: str) -> Callable[[Entry], tuple[object, ...]]:
    orders: dict[str, Callable[[Entry], tuple[object, ...]]] = {
        "": _nearest,
        "name": lambda e: (e.workflow.name.lower(),),
        "missing": lambda e: (e.verdict == "unreadable", e.missing_bytes, e.workflow.name.lower()),
        "-missing": lambda e: (-e.missing_bytes, e.workflow.name.lower()),
    }
    return orders.get(sort, orders[""])


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
