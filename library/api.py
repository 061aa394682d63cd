"""/api/storage: what lies on the disk, and deleting it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.errors import HttpError

from activity.schemas import Problem
from downloads.transfer import TransferError
from library.delete import Deleted, Needed, NotThere, delete_file, delete_partial
from library.overview import overview, partials, space

router = Router(tags=["storage"])

ModelPath = Annotated[
    str, Query(min_length=1, max_length=1024, description="relative to the models folder, as listed by GET")
]


class FolderOut(Schema):
    name: str
    bytes: int
    files: int
    elsewhere: bool


class UnknownOut(Schema):
    path: str
    bytes: int
    changed_at: datetime


class PartialOut(Schema):
    """``bytes`` of ``total`` can be continued from; ``taken`` is what it occupies, reserved space included."""

    path: str
    bytes: int
    taken: int
    total: int | None
    changed_at: datetime
    download_id: int | None
    preset_id: str
    status: str


class DuplicateOut(Schema):
    sha256: str
    bytes: int
    paths: list[str]


class StorageOut(Schema):
    """Sizes in bytes. ``total`` and ``free`` obey the quota; ``queued`` is what the queue will still take."""

    total: int
    free: int
    quota: int | None
    reserve: int
    models: int
    partial: int
    queued: int
    folders: list[FolderOut]
    unknown_files: list[UnknownOut]
    partials: list[PartialOut]
    duplicates: list[DuplicateOut]


class DeletedOut(Schema):
    """``bytes`` that became free: none for a link, or while the file has a second name."""

    path: str
    bytes: int


@router.get("", response=StorageOut)
def storage(request: HttpRequest) -> dict[str, Any]:
    """The disk, bytes by folder, files that nothing accounts for, files that are only begun, and known duplicates."""
    seen, room = overview(), space()
    return {
        "total": room.total,
        "free": room.free,
        "quota": room.quota,
        "reserve": room.reserve,
        "models": room.models,
        "partial": room.partials,
        "queued": room.queued,
        "folders": [asdict(folder) for folder in seen.folders],
        "unknown_files": [
            {"path": file.path, "bytes": file.size, "changed_at": file.changed_at}
            for file in seen.files
            if file.is_unknown
        ],
        "partials": [
            {
                "path": partial.path,
                "bytes": partial.bytes,
                "taken": partial.taken,
                "total": partial.total,
                "changed_at": partial.changed_at,
                "download_id": partial.row.pk if partial.row else None,
                "preset_id": partial.row.preset_id if partial.row else "",
                "status": partial.row.status if partial.row else "",
            }
            for partial in partials()
        ],
        "duplicates": [
            {"sha256": sha256, "bytes": files[0].size, "paths": [file.key for file in files]}
            for sha256, files in seen.duplicates.items()
        ],
    }


@router.delete("/file", response={200: DeletedOut, 400: Problem, 404: Problem, 409: Problem})
def file(request: HttpRequest, path: ModelPath, force: bool = False) -> dict[str, Any]:
    """Delete one model file. 409 names who needs it, or what else stands in the way; force overrides the former."""
    return _delete(lambda: delete_file(path, force=force))


@router.delete("/partial", response={200: DeletedOut, 400: Problem, 404: Problem, 409: Problem})
def partial(request: HttpRequest, path: ModelPath) -> dict[str, Any]:
    """Delete what was begun of a file. 409 while an install in the queue continues from it."""
    return _delete(lambda: delete_partial(path))


def _delete(act: Callable[[], Deleted]) -> dict[str, Any]:
    try:
        deleted = act()
    except NotThere as refusal:
        raise HttpError(404, str(refusal)) from refusal
    except (Needed, TransferError) as refusal:
        raise HttpError(409, str(refusal)) from refusal
    return {"path": deleted.paths[0], "bytes": deleted.bytes}
