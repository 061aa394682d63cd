"""/api/downloads: history, one install, and the verbs by row."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from activity.schemas import Problem
from downloads import queue
from downloads.bounded_json import with_short_texts
from downloads.models import Conflict, DownloadHistory, Status, WrongState
from downloads.queue_several import retry_failed
from downloads.queue_status import describe
from downloads.transfer import TransferError

router = Router(tags=["downloads"])

Verb = Literal["pause", "resume", "cancel", "retry", "skip", "move"]
Place = Literal["top", "up", "down", "bottom"]
Limit = Annotated[int, Field(ge=1, le=500)]
HISTORY_BYTES = 275_000  # the blanks of the answer come on top
Offset = Annotated[int, Field(ge=0, le=2**31)]


class FileOut(Schema):
    path: str
    url: str
    optional: bool
    status: str
    bytes_done: int
    bytes_total: int
    sha256: str
    speed: float
    error: str


class DownloadOut(Schema):
    id: int
    preset_id: str
    title: str
    status: str
    reason: str
    error_message: str
    files_completed: int
    files_total: int
    bytes_done: int
    bytes_total: int
    attempts: int
    position: int
    progress: float
    queued_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class DownloadWithFiles(DownloadOut):
    files: list[FileOut]


class HistoryOut(Schema):
    total: int
    downloads: list[DownloadOut]


class VerbOut(Schema):
    preset_id: str
    download_id: int
    status: str


class RetriedOut(Schema):
    queued: int
    left_out: int = 0
    message: str = ""


@router.get("/history", response={200: HistoryOut, 400: Problem})
def history(
    request: HttpRequest,
    preset_id: str = "",
    status: Status | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> dict[str, Any]:
    """Installs, newest first. ``total`` counts all that match, not the page.

    Where texts make it larger than 300 kB they are cut; a row alone, ``/api/downloads/ID``, has them whole.
    """
    rows = DownloadHistory.objects.order_by("-id")
    if preset_id:
        rows = rows.filter(preset_id=preset_id)
    if status:
        rows = rows.filter(status=status)
    shown = [describe(row) for row in rows[offset : offset + limit]]
    return {"total": rows.count(), "downloads": with_short_texts(shown, ("error_message", "title"), HISTORY_BYTES)}


@router.post("/retry-failed", response={200: RetriedOut}, exclude_unset=True)
def retry_all(request: HttpRequest) -> dict[str, Any]:
    """Queue again whatever failed and was neither installed nor queued since.

    ``left_out`` and ``message`` only where some could not be retried, because no files are on record for them.
    """
    retried = retry_failed()
    if not retried.left_out:
        return {"queued": retried.queued}
    return {"queued": retried.queued, "left_out": retried.left_out, "message": retried.sentence}


@router.get("/{int:download_id}", response={200: DownloadWithFiles, 404: Problem})
def one(request: HttpRequest, download_id: int) -> dict[str, Any]:
    return describe(row_or_404(download_id), files=True)


@router.post("/{int:download_id}/{verb}", response={200: VerbOut, 400: Problem, 404: Problem, 409: Problem})
def act(
    request: HttpRequest,
    download_id: int,
    verb: Verb,
    keep_partial: bool = True,
    to: Place = "top",
    conflict: Conflict | None = None,
) -> dict[str, Any]:
    """pause, resume, cancel, retry, skip or move; the answer has the status afterwards, retry that of the new row.

    ``conflict`` goes with retry and resume: what to do where other bytes have the place of a file.
    """
    return perform(row_or_404(download_id), verb, keep_partial=keep_partial, to=to, conflict=conflict)


def row_or_404(download_id: int) -> DownloadHistory:
    row = DownloadHistory.objects.filter(pk=download_id).first() if download_id < 2**63 else None
    if row is None:
        raise HttpError(404, f"There is no download {download_id}.")
    return row


def perform(
    row: DownloadHistory,
    verb: Verb,
    *,
    keep_partial: bool = True,
    to: Place = "top",
    conflict: Conflict | None = None,
) -> dict[str, Any]:
    """Carry a verb out on a row; the state that does not allow it is a 409. Shared with /api/presets."""
    try:
        if verb == "cancel":
            row.cancel(keep_partial=keep_partial)
        elif verb == "move":
            row.move(to)
        elif verb == "retry":
            row = queue.retry(row, conflict or "")
        else:
            if verb == "resume":
                row.wish(conflict or "")
            getattr(row, verb)()
    except (WrongState, TransferError) as refusal:  # TransferError: the path of a file leads out of the models folder
        raise HttpError(409, str(refusal)) from refusal
    return {"preset_id": row.preset_id, "download_id": row.pk, "status": row.status}
