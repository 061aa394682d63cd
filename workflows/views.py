"""The Workflows page: what can I run now, and one click to the rest."""

from __future__ import annotations

from itertools import accumulate

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect

from downloads.transfer import TransferError
from downloads.views import came_from, tell_outcome, wished
from values.sizes import human_size, parse_size
from workflows import fix as fixing
from workflows import unlock_planner
from workflows import upload as dropping
from workflows.install import CannotInstall, UnconfirmedHosts
from workflows.install import install as install_missing
from workflows.listing import WorkflowListing, card
from workflows.listing import line_of as install_line
from workflows.readiness import Entry, Judged, find_entry
from workflows.unknown_nodes import unknown_nodes

PIECES = {"listing": "workflows/_listing.html", "more": "workflows/_cards.html"}


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def index(request: HttpRequest) -> HttpResponse:
    context = {"listing": WorkflowListing(request.GET, request.headers.get("X-Shown", ""))}
    return render(request, PIECES.get(_target(request), "workflows/index.html"), context)


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def detail(request: HttpRequest, workflow_id: str) -> HttpResponse:
    entry = _entry(workflow_id)
    shown = card(entry)
    context = {
        "entry": entry,
        "line": shown.line,
        "taken": shown.taken,
        "fits": shown.fits,
        "picture": shown.picture,
        "unknown_nodes": unknown_nodes(entry.scan),
    }
    return render(
        request, "workflows/_detail.html" if _target(request) == "workflow" else "workflows/detail.html", context
    )


@require_POST
def install(request: HttpRequest, workflow_id: str) -> HttpResponse:
    entry = _entry(workflow_id)
    return _install(request, entry, entry.install_id, entry.workflow.name)


@require_POST
def fix(request: HttpRequest, workflow_id: str) -> HttpResponse:
    """Link (or move, when the form says so) what lies elsewhere into the place where the workflow looks for it."""
    entry = _entry(workflow_id)
    how: fixing.How = "move" if request.POST.get("how") == "move" else "link"
    try:
        fixed = fixing.fix(entry, how, request.POST.get("path", ""))
    except fixing.CannotFix as refusal:
        messages.error(request, str(refusal))
    else:
        done = "moved" if how == "move" else "linked"
        if fixed:
            messages.success(request, f"{', '.join(fixed)} {done}.")
        else:
            messages.info(request, "Nothing lies in the wrong place any more.")
    return redirect(came_from(request, "workflows:index"))


# --- dropped and pasted --------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
def drop(request: HttpRequest) -> HttpResponse:
    """GET asks for a file, POST shows what it needs. Nothing is stored, fetched or run."""
    if request.method == "GET":
        return render(request, "workflows/drop.html")
    try:
        dropped = dropping.look_at(*dropping.read_request(request))
    except dropping.TooLarge as refusal:
        return render(request, "workflows/drop.html", {"refusal": str(refusal)}, status=413)
    except ValueError as refusal:
        return render(request, "workflows/drop.html", {"refusal": str(refusal)}, status=400)
    return _show_dropped(request, dropped)


@require_POST
def drop_install(request: HttpRequest) -> HttpResponse:
    dropped = _unpacked(request)
    if dropped is None:
        return redirect("workflows:drop")
    return _install(request, dropped.judged, dropped.install_id, dropped.name)


@require_POST
def drop_save(request: HttpRequest) -> HttpResponse:
    dropped = _unpacked(request)
    if dropped is None:
        return redirect("workflows:drop")
    try:
        workflow_id = dropping.save(dropped)
    except dropping.CannotSave as refusal:
        messages.error(request, str(refusal))
        return redirect("workflows:drop")
    messages.success(request, f"{dropped.name} is saved to your workflows.")
    return _go(request, reverse("workflows:detail", args=[workflow_id]))


def _show_dropped(request: HttpRequest, dropped: dropping.Dropped) -> HttpResponse:
    context = {
        "dropped": dropped,
        "entry": dropped.judged,
        "line": install_line(dropped.install_id),
        "unknown_nodes": unknown_nodes(dropped.judged.scan),
    }
    return render(request, "workflows/dropped.html", context)


def _unpacked(request: HttpRequest) -> dropping.Dropped | None:
    try:
        return dropping.unpack(request.POST.get("packed", ""))
    except ValueError as refusal:
        messages.error(request, str(refusal))
        return None


# --- the unlock planner --------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request", "HX-Target")
def plan(request: HttpRequest) -> HttpResponse:
    """GET shows which downloads make the most workflows ready, POST queues them as one install."""
    asked = (request.POST if request.method == "POST" else request.GET).get("budget", "")
    context: dict[str, object] = {"asked": asked}
    try:
        budget = parse_size(asked) if asked else unlock_planner.default_budget()
    except ValueError as refusal:
        context["refusal"] = str(refusal)
        budget = unlock_planner.default_budget()
    if request.method == "POST" and "refusal" not in context:
        try:
            outcome = unlock_planner.install(budget)
        except (CannotInstall, TransferError) as refusal:
            messages.error(request, str(refusal))
        else:
            tell_outcome(request, outcome)
        return redirect(came_from(request, "workflows:plan"))
    planned = unlock_planner.plan(budget)
    sums = accumulate(download.size_bytes for download in planned.downloads)
    running = list(zip(planned.downloads, sums, strict=True))
    context |= {"plan": planned, "running": running, "asked": asked or human_size(budget)}
    return render(request, "workflows/plan.html", context)


# --- shared --------------------------------------------------------------------------------------------------------


def _install(request: HttpRequest, judged: Judged, preset_id: str, title: str) -> HttpResponse:
    hosts = request.POST.getlist("host")
    urls = [value for name, value in request.POST.items() if name.startswith("url-") and isinstance(value, str)]
    try:
        outcome = install_missing(judged, preset_id, title, hosts=hosts, urls=urls, conflict=wished(request))
    except UnconfirmedHosts as refusal:
        messages.warning(request, str(refusal))
        return redirect(came_from(request, "workflows:index"))  # the boxes to tick stand on that page
    except (CannotInstall, TransferError, ValueError) as refusal:
        messages.error(request, str(refusal))
        return redirect(came_from(request, "workflows:index"))
    tell_outcome(request, outcome)
    if outcome.status == "token_required":
        answer = redirect("downloads:token")
        answer.headers["X-Dialog"] = answer["Location"]
        return answer
    return redirect(came_from(request, "workflows:index"))


def _go(request: HttpRequest, address: str) -> HttpResponse:
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)  # type: ignore[attr-defined]


def _target(request: HttpRequest) -> str:
    return str(request.htmx.target or "")  # type: ignore[attr-defined]


def _entry(workflow_id: str) -> Entry:
    entry = find_entry(workflow_id)
    if entry is None:
        raise Http404(f"There is no workflow “{workflow_id[:200]}” here.")
    return entry
