"""/api/presets: the catalogue with its state, refresh, install, and the verbs by preset."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Path, Router, Schema
from ninja.errors import HttpError
from pydantic import WithJsonSchema

from activity.schemas import Problem
from downloads.api import DownloadOut, FileOut, Limit, Offset, Place, Verb, VerbOut, perform
from downloads.models import Conflict, DownloadHistory
from downloads.queue_status import describe, queue_status
from downloads.transfer import TransferError
from presets import refresh as refreshing
from presets.catalogue import Preset, catalogue, is_preset_id
from presets.install import NotInstallable, UnknownPreset, find_preset
from presets.install import install as install_preset
from presets.preset import Source
from presets.states import describe as describe_preset
from presets.states import preset_states
from presets.uninstall import StillActive
from presets.uninstall import uninstall as uninstall_presets

router = Router(tags=["presets"])

# The pattern is documented but not enforced here: an id that cannot exist is a 404 like any other unknown one.
PresetId = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,200}$"})]
REFUSALS = {"invalid": 400, "unreachable": 503, "not_writable": 409}


class CategoryOut(Schema):
    description: str
    type: str


class CountedCategoryOut(CategoryOut):
    count: int


class CategoriesOut(Schema):
    categories: dict[str, CountedCategoryOut]


class PresetFileOut(Schema):
    path: str
    url: str
    size: str
    size_bytes: int | None
    optional: bool
    status: Literal["here", "unverified", "partial", "missing", "conflict", "broken"]


class PresetOut(Schema):
    id: str
    name: str
    category: str
    type: str
    description: str
    download_size: str
    size_bytes: int
    missing_bytes: int
    gated: bool
    files: list[PresetFileOut]
    use_case: str
    tags: list[str]
    source: Source
    installed: bool
    status: str
    warnings: list[str]


class PresetsOut(Schema):
    total: int
    categories: dict[str, CategoryOut]
    presets: list[PresetOut]


class RefreshOut(Schema):
    status: Literal["success", "planned"]
    message: str
    total_presets: int
    version: str
    added: int
    changed: int
    removed: int


class QueueItemOut(DownloadOut):
    files: list[FileOut] | None = None  # of what runs


class QueueOut(Schema):
    current: str | None
    queue: list[str]
    queue_total: int
    counts: dict[str, int]
    revision: str
    active_downloads: int
    items: list[QueueItemOut]
    next_offset: int | None


class StatusOut(Schema):
    preset_id: str
    download_id: int | None
    status: str
    reason: str
    error_message: str
    progress: float
    files_completed: int
    files_total: int
    bytes_done: int
    bytes_total: int
    files: list[FileOut]


class InstallOut(Schema):
    preset_id: str
    status: Literal["queued", "already_queued", "already_installed", "token_required"]
    download_id: int | None
    message: str


class UninstallOut(Schema):
    preset_id: str
    status: Literal["uninstalled"] = "uninstalled"
    deleted_files: list[str]
    kept_files: list[str]


@router.get("/", response={200: PresetsOut, 400: Problem}, summary="The catalogue with the state of each preset")
def presets(
    request: HttpRequest, category: str = "", type: str = "", status: str = "", source: str = "", q: str = ""
) -> HttpResponse:
    """Every filter is optional; words of ``q`` are looked for in names, texts, tags and file names."""
    known = catalogue()
    found = [
        preset
        for preset in known.presets.values()
        if (not category or preset.category == category)
        and (not type or preset.type == type)
        and (not source or preset.source == source)
        and preset.answers(q)
    ]
    states = preset_states(found)
    shown = [preset for preset in found if not status or states[preset.id].status == status]
    # Written out here: passing a thousand files through the response schema takes longer than all the rest. A test
    # holds the answer against the schema.
    return JsonResponse(
        {
            "total": len(shown),
            "categories": {
                name: _category(fields.description, fields.type) for name, fields in known.categories.items()
            },
            "presets": [describe_preset(preset, states[preset.id]) for preset in shown],
        }
    )


@router.get("/categories/list", response={200: CategoriesOut}, summary="Categories and how many presets they have")
def categories(request: HttpRequest) -> dict[str, Any]:
    known = catalogue()
    counts = Counter(preset.category for preset in known.presets.values())
    return {
        "categories": {
            name: {**_category(fields.description, fields.type), "count": counts[name]}
            for name, fields in known.categories.items()
        }
    }


@router.get(
    "/queue/status", response={200: QueueOut, 400: Problem}, exclude_unset=True, summary="The queue, or a page of it"
)
def queue(request: HttpRequest, offset: Offset = 0, limit: Limit | None = None) -> dict[str, Any]:
    """Without limit the first 500 ids, the running install, and the first 50 each that wait, are paused or queued.

    A page takes entries ``offset`` to ``offset + limit`` of each of these. ``files`` only of what runs.
    """
    return queue_status(offset, limit)


@router.post(
    "/refresh", response={200: RefreshOut, 400: Problem, 409: Problem, 503: Problem}, summary="Fetch a newer catalogue"
)
def refresh(request: HttpRequest, dry_run: bool = False) -> dict[str, Any]:
    """Running downloads go on. With ``dry_run`` nothing is changed and ``status`` is ``planned``."""
    try:
        changes = refreshing.plan() if dry_run else refreshing.refresh()
    except refreshing.RefreshError as refusal:
        raise HttpError(REFUSALS[refusal.kind], str(refusal)) from refusal
    return {
        "status": "planned" if dry_run else "success",
        "message": str(changes),
        "total_presets": changes.total,
        "version": changes.version,
        "added": len(changes.added),
        "changed": len(changes.changed),
        "removed": len(changes.removed),
    }


@router.get("/{preset_id}", response={200: PresetOut, 404: Problem}, summary="One preset")
def one(request: HttpRequest, preset_id: Path[PresetId]) -> dict[str, Any]:
    preset = _preset_or_404(preset_id)
    return describe_preset(preset, preset_states([preset])[preset.id])


@router.get("/{preset_id}/status", response={200: StatusOut, 404: Problem}, summary="The newest download of a preset")
def status(request: HttpRequest, preset_id: Path[PresetId]) -> dict[str, Any]:
    """Where there never was a download, ``status`` is that of the preset and ``download_id`` is null."""
    row = _newest_row(preset_id)
    if row is not None:
        return {**describe(row, files=True), "preset_id": row.preset_id, "download_id": row.pk}
    preset = _preset_or_404(preset_id)
    state = preset_states([preset])[preset.id]
    return {
        "preset_id": preset.id,
        "download_id": None,
        "status": state.status,
        "reason": "",
        "error_message": "",
        "progress": 100.0 if state.installed else 0.0,
        "files_completed": sum(file.is_here for file in state.files),
        "files_total": len(state.files),
        "bytes_done": state.size_bytes - state.missing_bytes,
        "bytes_total": state.size_bytes,
        "files": [],
    }


@router.post(
    "/{preset_id}/install",
    response={200: InstallOut, 400: Problem, 404: Problem, 409: Problem},
    summary="Install",
)
def install(
    request: HttpRequest, preset_id: Path[PresetId], force: bool = False, conflict: Conflict | None = None
) -> dict[str, Any]:
    """With ``force`` every file is fetched again, beside the old one, which is replaced on success only.

    ``conflict`` says what to do where other bytes have the place of a file: ``replace`` it once the new one is
    complete, or ``keep_both``, the new one as ``NAME-HASH8``.
    """
    try:
        outcome = install_preset(preset_id, force=force, conflict=conflict or "")
    except UnknownPreset as unknown:
        raise HttpError(404, str(unknown)) from unknown
    except NotInstallable as fault:
        raise HttpError(409, str(fault)) from fault
    return {
        "preset_id": preset_id,
        "status": outcome.status,
        "download_id": outcome.row.pk if outcome.row else None,
        "message": outcome.message,
    }


@router.delete(
    "/{preset_id}/files",
    response={200: UninstallOut, 404: Problem, 409: Problem},
    summary="Delete its files",
)
def uninstall(request: HttpRequest, preset_id: Path[PresetId]) -> dict[str, Any]:
    """Files that other installed presets need are kept and named."""
    preset = _preset_or_404(preset_id)
    try:
        removed = uninstall_presets([preset])
    except (StillActive, TransferError) as refusal:
        raise HttpError(409, str(refusal)) from refusal
    return {"preset_id": preset.id, "deleted_files": removed.deleted, "kept_files": removed.kept}


@router.post(
    "/{preset_id}/{verb}",
    response={200: VerbOut, 400: Problem, 404: Problem, 409: Problem},
    summary="Pause, resume, cancel, retry, skip or move",
)
def act(
    request: HttpRequest,
    preset_id: Path[PresetId],
    verb: Verb,
    keep_partial: bool = True,
    to: Place = "top",
    conflict: Conflict | None = None,
) -> dict[str, Any]:
    """On the active download of the preset, else on its newest one. A preset that left the catalogue counts."""
    row = _newest_row(preset_id)
    if row is None:
        preset = _preset_or_404(preset_id)
        raise HttpError(409, f"“{preset.name}” is not in the queue. Install it first.")
    return perform(row, verb, keep_partial=keep_partial, to=to, conflict=conflict)


def _preset_or_404(preset_id: str) -> Preset:
    try:
        return find_preset(preset_id)
    except UnknownPreset as unknown:
        raise HttpError(404, str(unknown)) from unknown


def _newest_row(preset_id: str) -> DownloadHistory | None:
    """The active row, of which there is at most one, else the newest."""
    if not is_preset_id(preset_id):
        return None
    rows = DownloadHistory.objects.filter(preset_id=preset_id).order_by("-id")
    return rows.active().first() or rows.first()


def _category(description: str, type: str) -> dict[str, str]:
    return {"description": description, "type": type}
