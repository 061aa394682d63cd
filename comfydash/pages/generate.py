"""The Generate page: what can I make with this model, and one click to ComfyUI."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from comfyui import address, link_pack, status
from comfyui import generate as comfy
from comfyui.client import Client, ComfyError
from comfyui.reports import node_types
from presets.catalogue import Preset, catalogue
from workflowfiles import workflow_json
from workflows import comfyui_user
from workflows.library import TEMPLATES
from workflows.readiness import Entry, entries
from workflows.reverse_lookup import workflows_using

SHOWN = 60  # a common text encoder is used by hundreds


@dataclass(frozen=True)
class Line:
    """A workflow and what can be done with it now. ``link`` opens it in ComfyUI as it is."""

    entry: Entry
    link: str
    unknown_nodes: tuple[str, ...]  # node classes that this ComfyUI does not have

    @property
    def can_queue(self) -> bool:
        return self.entry.scan.kind == "api"

    @property
    def runs(self) -> bool:
        return self.entry.ready and not self.unknown_nodes


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def index(request: HttpRequest) -> HttpResponse:
    """``?model=ID`` of a preset, ``?workflow=ID``, or neither: everything that runs now."""
    preset, workflow = request.GET.get("model", ""), request.GET.get("workflow", "")
    context: dict[str, object] = {"comfyui": status.current(), "base": _base(request)}
    if workflow:
        chosen = _entry(workflow)
        context |= {"lines": _lines(request, [chosen]), "about": chosen.workflow.name}
    elif preset:
        model = catalogue().presets.get(preset)
        if model is None:
            raise Http404("The catalogue has no such model any more. Refresh it on the Models page.")
        found = _for(model)
        lines = _lines(request, found[:SHOWN])
        context |= {"preset": model, "lines": lines, "about": model.name, "more": len(found) - len(lines)}
    else:
        found = sorted((entry for entry in entries().values() if entry.ready), key=_order)
        lines = _lines(request, found[:SHOWN])
        context |= {"lines": lines, "more": len(found) - len(lines)}
    return render(request, "comfyui/generate.html", context)


def _for(preset: Preset) -> list[Entry]:
    """Workflows that use a file of the model; the template that it is comes first."""
    own = f"{TEMPLATES}:{preset.id.removeprefix('template:')}.json" if preset.source == "templates" else ""
    found = workflows_using(file.path for file in preset.files)
    return sorted(found, key=lambda entry: (entry.id != own, _order(entry)))


def _order(entry: Entry) -> tuple[object, ...]:
    """What runs now, the user's own, what uses models of this machine; a partner's paid API last."""
    official = entry.workflow.source == TEMPLATES
    return (not entry.ready, official, entry.workflow.partner_api, not entry.needed, len(entry.missing))


def _lines(request: HttpRequest, found: list[Entry]) -> list[Line]:
    official = {entry.id: Path(entry.workflow.path).stem for entry in found if entry.workflow.source == TEMPLATES}
    links = comfy.template_links(_base(request), list(official.values()))
    known = node_types()
    missing = {entry.id: sorted(entry.scan.node_types - known) if known else [] for entry in found}
    return [Line(entry, links.get(official.get(entry.id, ""), ""), tuple(missing[entry.id])) for entry in found]


@require_POST
def open_workflow(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Bring the workflow to ComfyUI and say how to get to it there: by a link, or as a saved workflow."""
    entry = _entry(workflow_id)
    try:
        text = _text(entry)
        with Client(address.configured()) as client:
            context = _placed(request, client, entry, text)
    except (ComfyError, comfy.CannotSave, link_pack.CannotSetUp) as refusal:
        users = refusal.users if isinstance(refusal, comfy.CannotSave) else {}
        context = {"refusal": str(refusal), "users": users}
    return render(request, "comfyui/open.html", {"entry": entry, "base": _base(request), **context})


def _placed(request: HttpRequest, client: Client, entry: Entry, text: bytes) -> dict[str, object]:
    if link_pack.place().is_set_up and comfy.opens_links():
        slug = link_pack.add_workflow(entry.workflow.name, text)
        if client.pack_has(link_pack.PACK, slug):
            return {"link": comfy.pack_link(_base(request), link_pack.PACK, slug)}
    if entry.workflow.source.startswith(comfyui_user.SOURCE):  # it was made there
        return {"saved": entry.workflow.path}
    saved = comfy.save(client, entry.workflow.name, text, request.POST.get("user", ""))
    return {"saved": saved, "restart": link_pack.place().is_set_up and comfy.opens_links()}


@require_POST
def queue(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Queue a workflow in API format as it is; a refusal is shown per node."""
    entry = _entry(workflow_id)
    try:
        text = _text(entry)
        with Client(address.configured()) as client:
            queued = comfy.queue(client, text)
    except comfy.NotQueued as refusal:
        return render(request, "comfyui/refused.html", {"entry": entry, "problems": refusal.problems})
    except (ComfyError, comfy.CannotSave) as refusal:
        messages.error(request, str(refusal))
    else:
        for problem in queued.problems:
            messages.warning(request, f"{problem.node}: {problem.sentence}")
        messages.success(request, f"{entry.workflow.name} is queued in ComfyUI. Its pictures will stand in Activity.")
    return redirect(f"{reverse('comfyui:index')}?{request.META.get('QUERY_STRING', '')}")


def _text(entry: Entry) -> bytes:
    try:
        text = workflow_json(entry.workflow.file.read_bytes())
    except OSError as error:
        raise comfy.CannotSave(f"{entry.workflow.path} cannot be read: {error.strerror}.") from error
    if not text:
        raise comfy.CannotSave(f"{entry.workflow.path} holds no workflow.")
    return text.encode()


def _entry(workflow_id: str) -> Entry:
    entry = entries().get(workflow_id)
    if entry is None:
        raise Http404("There is no such workflow any more.")
    return entry


def _base(request: HttpRequest) -> str:
    return address.browser_base(request.get_host())
