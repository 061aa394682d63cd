"""The log for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Router, Schema
from pydantic import Field

from activity import retention
from activity.export import export as export_file
from activity.models import Activity
from activity.schemas import Problem

router = Router(tags=["activity"])

MOST_BYTES = 290_000  # of one answer
ENVELOPE = 160  # bytes of an entry beside its texts


class Entry(Schema):
    id: int
    type: str
    status: str
    title: str
    subtitle: str
    details: dict[str, Any]
    created_at: datetime


class Entries(Schema):
    activities: list[Entry]
    total: int


class Cleared(Schema):
    status: Literal["ok"] = "ok"
    deleted: int


@router.get("/recent", response={200: Entries, 400: Problem}, summary="The newest entries, of one type or of all")
def recent(
    request: HttpRequest,
    limit: Annotated[int, Field(ge=1, le=1000)] = 20,
    activity_type: Annotated[str, Field(max_length=40)] = "",
) -> dict[str, Any]:
    """Fewer than ``limit`` where they would be larger than 300 kB together; the export has them all."""
    entries = Activity.objects.filter(type=activity_type) if activity_type else Activity.objects.all()
    return {"activities": list(_that_fit(entries[:limit])), "total": entries.count()}


def _that_fit(entries: Iterable[Activity]) -> Iterator[Activity]:
    room = MOST_BYTES
    for entry in entries:
        room -= ENVELOPE + len(json.dumps([entry.title, entry.subtitle, entry.details]))
        if room < 0:
            return
        yield entry


@router.get(
    "/export",
    response={400: Problem},
    summary="The whole log as a file",
    openapi_extra={
        "responses": {
            200: {
                "content": {
                    "application/json": {"schema": {"type": "object"}},
                    "text/csv": {"schema": {"type": "string"}},
                }
            },
        }
    },
)
def export(request: HttpRequest, format: Literal["json", "csv"] = "json") -> StreamingHttpResponse:
    return export_file(request, format)


@router.post("/clear", response=Cleared, summary="Delete every entry")
def clear(request: HttpRequest) -> Cleared:
    return Cleared(deleted=retention.clear())
