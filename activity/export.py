"""The whole log as a file, made while it is sent: a hundred thousand entries never lie in memory together."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from activity.models import Activity

BATCH = 1000  # rows for each query and each piece of the file
FIELDS = ("id", "type", "status", "title", "subtitle", "details", "created_at")


def export(request: HttpRequest, form: str) -> StreamingHttpResponse:
    """The file as an answer; form is json or csv."""
    pieces = as_csv() if form == "csv" else as_json()
    # Django would read the whole of a plain iterator into memory under ASGI.
    content = _in_thread(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(content, content_type="text/csv" if form == "csv" else "application/json")
    response["Content-Disposition"] = f'attachment; filename="activity-{timezone.now():%Y-%m-%d}.{form}"'
    return response


def as_json() -> Iterator[str]:
    """``{"activities": [...], "total": n}``, newest first; entries as in the API."""
    yield '{"activities": ['
    total = 0
    for rows in _batches():
        lines = [json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False) for row in rows]
        yield (",\n" if total else "\n") + ",\n".join(lines)
        total += len(rows)
    yield f'\n], "total": {total}}}\n'


def as_csv() -> Iterator[str]:
    yield ",".join(FIELDS) + "\r\n"
    for rows in _batches():
        out = io.StringIO()
        writer = csv.writer(out)
        for row in rows:
            details = json.dumps(row["details"], cls=DjangoJSONEncoder, ensure_ascii=False)
            writer.writerow([_without_formula(value) for value in ({**row, "details": details}).values()])
        yield out.getvalue()


def _batches() -> Iterator[list[dict[str, Any]]]:
    """By place in the order, not by an open cursor: that would hold a snapshot of the database for a slow reader."""
    entries = Activity.objects.order_by("-created_at", "-id").values(*FIELDS)
    rows = list(entries[:BATCH])
    while rows:
        yield rows
        last = rows[-1]
        older = Q(created_at__lt=last["created_at"]) | Q(created_at=last["created_at"], id__lt=last["id"])
        rows = list(entries.filter(older)[:BATCH])


def _without_formula(value: Any) -> Any:
    """Spreadsheets run what begins like a formula, and titles come from files that others wrote."""
    text = value.isoformat() if hasattr(value, "isoformat") else value
    return f"'{text}" if isinstance(text, str) and text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


async def _in_thread(pieces: Iterator[str]) -> AsyncIterator[str]:
    following = sync_to_async(lambda: next(pieces, None))
    while (piece := await following()) is not None:
        yield piece
