"""What every page's templates use: navigation, icons, sizes, times. Listed for page writers in docs/ui.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from django import template
from django.conf import settings
from django.contrib.messages.storage.base import Message
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from downloads import queue_page
from downloads.models import DownloadFile, DownloadHistory, FileStatus, Status
from presets import preset
from values import counts
from values.sizes import human_size
from webclient import url_policy

register = template.Library()


@dataclass(frozen=True)
class Page:
    """A place in the navigation; ``key`` follows ``g`` on the keyboard."""

    name: str
    path: str
    icon: str
    key: str


PAGES = (
    Page("Home", "/", "home", "h"),
    Page("Models", "/models/", "cube", "m"),
    Page("Workflows", "/workflows/", "flow", "w"),
    Page("Downloads", "/downloads/", "download", "d"),
    Page("Storage", "/storage/", "disk", "s"),
    Page("Activity", "/activity/", "clock", "a"),
    Page("Settings", "/settings/", "gear", "t"),
    Page("Admin", "/admin/", "table", "n"),
)
NEW_TAB = mark_safe('<span class="visually-hidden"> (opens a new tab)</span>')
HTMX_CONFIG = json.dumps(
    {
        "includeIndicatorStyles": False,  # a style element, which the content security policy forbids
        "allowEval": False,
        "allowScriptTags": False,
        "historyCacheSize": 0,  # Back asks the server: what a page said a minute ago is old
        "refreshOnHistoryMiss": True,
        "defaultSettleDelay": 0,
        "timeout": 30_000,  # ms
        "attributesToSettle": ["class"],
    },
    separators=(",", ":"),
)
ON_THE_PHONE = 4  # pages that have a button of their own in the bar at the bottom; the others are behind "More"


@register.inclusion_tag("components/_nav.html", takes_context=True)
def nav(context: template.Context) -> dict[str, object]:
    """The main navigation with the page that is shown marked; for the dashboard and the admin."""
    return {"pages": PAGES, "here": _here(context)}


@register.inclusion_tag("components/_tabbar.html", takes_context=True)
def tabbar(context: template.Context) -> dict[str, object]:
    """The same at the lower edge of a small screen, with the way out."""
    kept = {name: context.get(name) for name in ("csrf_token", "auth_on")}
    return {"first": PAGES[:ON_THE_PHONE], "more": PAGES[ON_THE_PHONE:], "here": _here(context), **kept}


def _here(context: template.Context) -> str:
    path = context["request"].path if "request" in context else ""
    return path if path == "/" else next((page.path for page in PAGES[1:] if path.startswith(page.path)), "")


@register.inclusion_tag("downloads/_queue_button.html")
def queue_button() -> dict[str, object]:
    return queue_page.queue_button()


@register.simple_block_tag
def placeholder(content: str, drawing: str, href: str = "", label: str = "", quiet: bool = False) -> SafeString:
    """What stands where a list has nothing to show: the sentence between the tags, and the way on."""
    facts = {"text": content, "drawing": drawing, "href": href, "label": label, "quiet": quiet}
    return render_to_string("components/_placeholder.html", facts)


@register.simple_tag
def pages() -> tuple[Page, ...]:
    return PAGES


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """One drawing of static/comfydash/icons.svg, hidden from screen readers: a word always stands beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("comfydash/icons.svg"), name
    )


@register.simple_tag
def new_tab() -> SafeString:
    """What a link says to those who cannot see where it opens."""
    return NEW_TAB


@register.simple_tag
def htmx_config() -> str:
    return HTMX_CONFIG


@register.simple_tag
@cache
def script_modules() -> list[str]:
    """All modules of the script: a browser that is told of them at once does not fetch one after the other."""
    folder = settings.BASE_DIR / "static" / "comfydash"
    return [static(f"comfydash/{file.name}") for file in sorted(folder.glob("*.js"))]


@register.filter
def size(count: int | float | None) -> str:
    """Bytes as people write them; unknown is said, not shown as zero."""
    return "size unknown" if count is None else human_size(count)


@register.filter
def size_of(done: int, whole: int | None) -> str:
    return counts.size_of(done, whole)


@register.filter
def duration(seconds: float | None) -> str:
    """``20 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@register.simple_tag
def ago(moment: datetime | None) -> SafeString | str:
    """A relative time that the script keeps true, with the exact one on hover."""
    if moment is None:
        return ""
    exact = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        exact.isoformat(timespec="seconds"),
        exact.strftime("%Y-%m-%d %H:%M:%S UTC"),
        relative(moment, timezone.now()),
    )


def relative(moment: datetime, now: datetime) -> str:
    seconds = (now - moment).total_seconds()
    if seconds < 45:
        return "just now"
    for limit, unit, name in ((2700, 60, "min"), (79200, 3600, "h"), (86400 * 26, 86400, "d")):
        if seconds < limit:
            return f"{max(1, round(seconds / unit))} {name} ago"
    return f"{moment:%Y-%m-%d}"


@register.filter
def percent(part: int | None, whole: int | None) -> int:
    """0 to 100, rounded down: 100 means all of it."""
    return min(100, 100 * (part or 0) // whole) if whole else 0


@register.filter
def undo_path(message: Message) -> str:
    """Where a toast's Undo posts: a view sets ``extra_tags="undo=/path/"``."""
    tags = (message.extra_tags or "").split()
    return next((tag.removeprefix("undo=") for tag in tags if tag.startswith("undo=")), "")


# --- downloads -----------------------------------------------------------------------------------------------------
# What may be nothing is a filter: CSS leaves an element out of its row only where not even a space is in it.


@register.filter
def counted(count: int, noun: str) -> str:
    return counts.counted(count, noun)


@register.filter
def files_done(row: DownloadHistory) -> str:
    return f"{row.files_completed:,} of {counts.counted(row.files_total, 'file')}"


@register.filter
def pace(line: queue_page.Line) -> str:
    """What an install does right now: that it tries again, writes or verifies, else its speed."""
    if line.phase:
        return f"{line.phase} in {duration(line.retry_in)}" if line.retry_in >= 0.5 else line.phase
    return f"{size(line.speed)}/s" if line.speed else ""


@register.filter
def file_pace(file: DownloadFile, line: queue_page.Line) -> str:
    if file.status == FileStatus.RETRYING:
        return pace(line) if line.phase else "Retrying"
    if file.waits_for_disk:
        return "Writing"
    if file.status == FileStatus.VERIFYING:
        return "Verifying"
    return f"{size(file.speed)}/s" if file.speed and line.row.status == Status.DOWNLOADING else ""


@register.filter
def amount(file: DownloadFile) -> str:
    """The bytes that are here, of how many where that is known."""
    return size_of(file.bytes_done, file.bytes_total) if file.bytes_total or file.bytes_done else ""


# --- models --------------------------------------------------------------------------------------------------------

STATE_WORDS = {
    "available": "Not here",
    "partial": "Partly here",
    "here": "Here",
    "unverified": "Here, not verified",
    "missing": "Missing",
    "conflict": "Other content",
    "broken": "Broken",
}
DRAWN_TYPES = frozenset({"image", "video", "audio", "3d", "llm"})


@register.filter
def state_word(state: str) -> str:
    return STATE_WORDS.get(state, state.capitalize())


@register.filter
def type_word(kind: str) -> str:
    return preset.type_word(kind)


@register.filter
def drawn(kind: str) -> str:
    """The drawing of a type of model."""
    return kind if kind in DRAWN_TYPES else "cube"


@register.filter
def masked(url: str) -> str:
    """An address without what only its owner may know."""
    return url_policy.masked(url)


@register.filter
def repository(url: str) -> str:
    """The page of the repository that a file comes from."""
    return queue_page.repository_page(url)


@register.filter
def left_after(count: int, shown: int) -> int:
    return count - shown
