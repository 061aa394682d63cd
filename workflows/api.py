"""/api/workflows: the workflows with their verdicts, what they lack, and getting it."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.errors import HttpError

from activity.schemas import Problem
from downloads.models import Conflict
from downloads.transfer import TransferError
from values.sizes import parse_size
from webclient.url_policy import masked
from workflows import fix as fixing
from workflows import unlock_planner
from workflows import upload as dropping
from workflows.install import CannotInstall, UnconfirmedHosts
from workflows.install import install as install_missing
from workflows.matching import ModelState, Status
from workflows.readiness import Entry, Judged, entries, find_entry

router = Router(tags=["workflows"])

Verdict = Literal["ready", "fixable", "missing", "unknown", "unreadable", "not_workflow"]
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            },
            "image/png": {"schema": {"type": "string", "format": "binary"}},
            "image/webp": {"schema": {"type": "string", "format": "binary"}},
            "audio/flac": {"schema": {"type": "string", "format": "binary"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
# A form of another site may send text/plain without asking; none of these it may.
CONTENT_TYPES = ("application/json", "multipart/form-data", "application/octet-stream", "image/", "audio/", "video/")


class TemplateOut(Schema):
    id: str
    name: str
    path: str
    source: str
    category: str
    verdict: Verdict
    installable: bool
    compatible: bool
    missing_models: list[str]
    missing_count: int
    missing_bytes: int
    partner_api: bool


class TemplatesOut(Schema):
    templates: list[TemplateOut]
    total: int


class ProviderOut(Schema):
    source: Literal["node", "workflow", "preset", "atlas", "note"]
    url: str
    host: str
    known_host: bool
    preset_id: str
    preset_name: str
    size_bytes: int | None
    gated: bool
    sha256: str


class ModelOut(Schema):
    path: str
    directory: str
    name: str
    url: str
    node_type: str
    input_name: str
    status: Status
    providers: list[ProviderOut]
    found: str
    problem: str


class MissingOut(Schema):
    template_id: str
    missing_models: list[ModelOut]
    can_generate: bool


class ScanOut(MissingOut):
    kind: Literal["ui", "api", "not_workflow", "unreadable"]
    verdict: Verdict
    error: str
    models: list[ModelOut]


class InstallOut(Schema):
    preset_id: str
    status: Literal["queued", "already_queued", "already_installed", "token_required"]
    download_id: int | None
    message: str


class FixedOut(Schema):
    fixed: list[str]


class SavedOut(Schema):
    id: str
    name: str


class PlannedOut(Schema):
    path: str
    url: str
    size_bytes: int
    exact: bool
    unlocks: int


class PlanOut(Schema):
    budget: int
    bytes: int
    downloads: list[PlannedOut]
    unlocks: list[str]


@router.get("/templates", response={200: TemplatesOut, 400: Problem})
def templates(request: HttpRequest, source: str = "", status: str = "") -> dict[str, Any]:
    """Every workflow with its verdict; ``status`` is a verdict."""
    found = [
        entry
        for entry in entries().values()
        if (not source or entry.workflow.source == source) and (not status or entry.verdict == status)
    ]
    return {"templates": [_template(entry) for entry in found], "total": len(found)}


@router.get("/templates/{workflow:template_id}/missing-models", response={200: MissingOut, 404: Problem})
def missing_models(request: HttpRequest, template_id: str) -> dict[str, Any]:
    """What keeps this workflow from running here."""
    return _missing(_entry(template_id), template_id)


@router.post(
    "/templates/{workflow:template_id}/install",
    response={200: InstallOut, 400: Problem, 404: Problem, 409: Problem},
)
def install(
    request: HttpRequest, template_id: str, confirm: str = "", conflict: Conflict | None = None
) -> dict[str, Any]:
    """Queue what is missing as one install. ``confirm`` names hosts, separated by commas, that are not known here.

    ``conflict`` says what to do where other bytes have the place of a file: ``replace`` or ``keep_both``.
    """
    entry = _entry(template_id)
    hosts = [host.strip() for host in confirm.split(",") if host.strip()]
    try:
        outcome = install_missing(entry, entry.install_id, entry.workflow.name, hosts=hosts, conflict=conflict or "")
    except (CannotInstall, UnconfirmedHosts) as refusal:
        raise HttpError(409, str(refusal)) from refusal
    except TransferError as refusal:
        raise HttpError(400, str(refusal)) from refusal
    return {
        "preset_id": outcome.row.preset_id if outcome.row else entry.install_id,
        "status": outcome.status,
        "download_id": outcome.row.pk if outcome.row else None,
        "message": outcome.message,
    }


@router.post(
    "/templates/{workflow:template_id}/fix", response={200: FixedOut, 400: Problem, 404: Problem, 409: Problem}
)
def fix(request: HttpRequest, template_id: str, how: Literal["link", "move"] = "link") -> dict[str, Any]:
    """Link or move what lies elsewhere into the place where the workflow looks for it."""
    try:
        return {"fixed": fixing.fix(_entry(template_id), how)}
    except fixing.CannotFix as refusal:
        raise HttpError(409, str(refusal)) from refusal


@router.post("/scan", response={200: ScanOut, 400: Problem, 413: Problem}, openapi_extra=BODY)
def scan(request: HttpRequest) -> dict[str, Any]:
    """Judge a workflow (JSON, or a picture, sound or video that carries one) of at most 32 MB. Nothing is stored."""
    dropped = _dropped(request)
    judged = dropped.judged
    return {
        **_missing(judged, ""),
        "kind": judged.scan.kind,
        "verdict": judged.verdict,
        "error": judged.scan.error,
        "models": [_model(state) for state in judged.states],
    }


@router.post("/save", response={200: SavedOut, 400: Problem, 409: Problem, 413: Problem}, openapi_extra=BODY)
def save(request: HttpRequest, name: str = "") -> dict[str, Any]:
    """Keep a workflow among the user's own, under ``name`` or the file's; an older file is never replaced."""
    dropped = _dropped(request, name)
    if not dropped.text:
        raise HttpError(400, dropped.judged.scan.error or "There is no workflow in this file.")
    try:
        workflow_id = dropping.save(dropped)
    except dropping.CannotSave as refusal:
        raise HttpError(409, str(refusal)) from refusal
    return {"id": workflow_id, "name": dropped.name}


@router.get("/plan", response={200: PlanOut, 400: Problem})
def plan(request: HttpRequest, budget: str = "") -> dict[str, Any]:
    """Which downloads make the most workflows ready within ``budget`` (20GB; default: what is free)?"""
    try:
        planned = unlock_planner.plan(parse_size(budget) if budget else unlock_planner.default_budget())
    except ValueError as refusal:
        raise HttpError(400, str(refusal)) from refusal
    return {
        "budget": planned.budget,
        "bytes": planned.bytes,
        "downloads": [
            {
                "path": download.state.path,
                "url": masked(download.state.provider.url) if download.state.provider else "",
                "size_bytes": download.size_bytes,
                "exact": download.exact,
                "unlocks": download.unlocks,
            }
            for download in planned.downloads
        ],
        "unlocks": [entry.id for entry in planned.unlocks],
    }


def _entry(template_id: str) -> Entry:
    entry = find_entry(template_id)
    if entry is None:
        raise HttpError(404, f"There is no workflow “{template_id[:200]}” here.")
    return entry


def _dropped(request: HttpRequest, name: str = "") -> dropping.Dropped:
    if not (request.content_type or "").lower().startswith(CONTENT_TYPES):
        raise HttpError(400, "Say in Content-Type what it is: application/json, a picture, or multipart/form-data.")
    try:
        data, own_name = dropping.read_request(request)
    except dropping.TooLarge as refusal:
        raise HttpError(413, str(refusal)) from refusal
    except ValueError as refusal:
        raise HttpError(400, str(refusal)) from refusal
    return dropping.look_at(data, name or own_name)


def _template(entry: Entry) -> dict[str, Any]:
    workflow = entry.workflow
    return {
        "id": workflow.id,
        "name": workflow.name,
        "path": workflow.path,
        "source": workflow.source,
        "category": workflow.category,
        "verdict": entry.verdict,
        "installable": entry.installable,
        "compatible": entry.ready,
        "missing_models": [state.path for state in entry.missing],
        "missing_count": len(entry.missing),
        "missing_bytes": entry.missing_bytes,
        "partner_api": workflow.partner_api,
    }


def _missing(judged: Judged, template_id: str) -> dict[str, Any]:
    return {
        "template_id": template_id,
        "missing_models": [_model(state) for state in judged.missing],
        "can_generate": judged.ready,
    }


def _model(state: ModelState) -> dict[str, Any]:
    use = state.use
    return {
        "path": state.path,
        "directory": use.directory,
        "name": use.name,
        "url": masked(state.provider.url if state.provider else use.url),
        "node_type": use.node_type,
        "input_name": use.input_name,
        "status": state.status,
        "providers": [{**vars(provider), "url": masked(provider.url)} for provider in state.providers],
        "found": state.found.path if state.found else "",
        "problem": state.problem,
    }
