"""Import from the database of the FastAPI dashboard that this one replaces.

Its tables: settings(key, value, updated_at), activity(id, type, status, title, subtitle, details, created_at),
download_history(id, preset_id, status, files_completed, files_total, …). Columns may be missing or more.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from activity.models import Activity
from comfydash.recovery.database import columns, table_names
from downloads.models import ENDED, DownloadHistory, Status
from settings_app.models import HF_TOKEN, Setting
from settings_app.preferences import PREFERENCES

Row = dict[str, Any]
BATCH = 1000
LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Imported:
    settings: int
    activity: int
    downloads: int

    def __str__(self) -> str:
        return f"{self.settings} settings, {self.activity} entries of the activity, {self.downloads} downloads"


def import_from(file: Path) -> Imported:
    """All or nothing. Raises sqlite3.DatabaseError when the file cannot be read."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as old, transaction.atomic():
        old.text_factory = lambda raw: raw.decode(errors="replace")
        return Imported(
            settings=sum(_setting(row) for row in _rows(old, "settings")),
            activity=_in_batches(Activity, (_entry(row) for row in _rows(old, "activity"))),
            downloads=_in_batches(DownloadHistory, (_download(row) for row in _rows(old, "download_history"))),
        )


def _rows(old: sqlite3.Connection, table: str) -> Iterator[Row]:
    if table not in table_names(old):
        return
    names = columns(old, table)
    for values in old.execute(f'SELECT * FROM "{table}" ORDER BY rowid'):  # noqa: S608  # one of three names
        yield dict(zip(names, values, strict=True))


def _in_batches(model: Any, made: Iterator[Any]) -> int:
    batch, count = [], 0
    for each in made:
        batch.append(each)
        if len(batch) == BATCH:
            count += len(model.objects.bulk_create(batch))
            batch = []
    return count + len(model.objects.bulk_create(batch))


def _setting(row: Row) -> bool:
    """Whether it is one that this dashboard knows. Nonsense is harmless: it is passed over when it is read."""
    key = str(row.get("key") or "")
    if key not in PREFERENCES and key != HF_TOKEN:
        return False
    value = _text_or_json(row.get("value"))
    if not value:
        return False
    Setting.objects.update_or_create(key=key, defaults={"value": value})
    return True


def _text_or_json(value: Any) -> str:
    text = "" if value is None else str(value).strip()
    if text.startswith('"'):
        try:
            text = str(json.loads(text))
        except ValueError:
            return text
    return text


def _entry(row: Row) -> Activity:
    return Activity(
        type=_text(row, "type", 20) or Activity.Type.ERROR,
        status=_text(row, "status", 20) or Activity.Status.COMPLETED,
        title=_text(row, "title", 200) or "(without a title)",
        subtitle=_text(row, "subtitle", 500),
        details=_details(row.get("details")),
        created_at=_parsed_time(row.get("created_at")) or timezone.now(),
    )


def _download(row: Row) -> DownloadHistory:
    """An ended install stays what it was; one in the middle cannot be continued, only retried."""
    status = _text(row, "status", 16).lower()
    reason, message = "", _text(row, "error_message", 10_000)
    if status not in ENDED:
        status, reason = Status.FAILED, "interrupted"
        message = message or "The older dashboard did not finish it. Retry continues with what is on disk."
    started = _parsed_time(row.get("started_at"))
    ended = _parsed_time(row.get("completed_at"))
    return DownloadHistory(
        preset_id=_text(row, "preset_id", 200),
        title=_text(row, "title", 300) or _text(row, "preset_id", 200),
        status=status,
        reason=reason,
        error_message=message,
        files_completed=_count(row, "files_completed", 2**31 - 1),
        files_total=_count(row, "files_total", 2**31 - 1),
        bytes_done=_count(row, "bytes_downloaded"),
        bytes_total=_count(row, "total_bytes"),
        queued_at=started or ended or timezone.now(),
        started_at=started,
        completed_at=ended,
    )


def _text(row: Row, name: str, length: int) -> str:
    value = row.get(name)
    return "" if value is None else str(value).replace("\x00", "")[:length]


def _count(row: Row, name: str, largest: int = LARGEST) -> int:
    value = row.get(name)
    return min(max(int(value), 0), largest) if isinstance(value, (int, float)) else 0


def _details(value: Any) -> dict[str, Any]:
    try:
        details = json.loads(value) if isinstance(value, str) and value else {}
    except ValueError:
        return {"text": value}
    return details if isinstance(details, dict) else {"value": details}


def _parsed_time(value: Any) -> datetime | None:
    """From ISO 8601, SQLite's own format or seconds since 1970; times without a zone were UTC."""
    try:
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value, UTC)
        moment = parse_datetime(str(value)) if value else None
    except (ValueError, OverflowError, OSError):
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment
