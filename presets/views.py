"""The Models page: choosing, installing, removing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from downloads.models import DownloadHistory
from downloads.queue import Outcome
from downloads.queue_page import history_of
from downloads.queue_several import cancel_rows
from downloads.transfer import TransferError
from downloads.views import came_from, tell_outcome, wished
from presets import refresh as refreshing
from presets import thumbnails
from presets.catalogue import catalogue
from presets.install import NotInstallable, install_several
from presets.install import install as install_preset
from presets.listing import ModelListing, entry
from presets.preset import Preset
from presets.templates_source import template_names
from presets.uninstall import StillActive, plan_uninstall
from presets.uninstall import uninstall as uninstall_preset

MOST_REFUSALS = 4  # sentences that one answer shows
PIECES = {"listing": "presets/_listing.html", "more": "presets/_cards.html"}


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request", "HX-Target")
def index(request: HttpRequest) -> HttpResponse:
    """The listing; a POST acts on the models that were ticked on it."""
    if request.method == "POST":
        return _act_on_selection(request)
    context = {"listing": ModelListing(request.GET, request.headers.get("X-Shown", "")), "catalogue": catalogue()}
    template = PIECES.get(request.htmx.target or "", "presets/index.html")  # type: ignore[attr-defined]
    return render(request, template, context)


@require_safe
@vary_on_headers("HX-Request", "HX-Target")
def detail(request: HttpRequest, preset_id: str) -> HttpResponse:
    preset = _preset(preset_id)
    context: dict[str, object] = {"entry": entry(preset)}
    target = request.htmx.target or ""  # type: ignore[attr-defined]
    if target.startswith("card-"):
        return render(request, "presets/_card.html", context)
    context["history"] = history_of(preset.id)
    return render(request, "presets/_detail.html" if target == "preset" else "presets/detail.html", context)


@require_safe
def picture(request: HttpRequest, name: str) -> HttpResponse:
    """The picture of an official template, for an image that lies over the drawing of its type.

    204 where there is none: an empty answer leaves the drawing, a 404 would be an error in the browser's console.
    """
    if name not in template_names():
        raise Http404("The official templates have no such name.")
    found = thumbnails.picture(name)
    if found is None:
        return HttpResponse(status=204, headers={"Cache-Control": "private, max-age=300"})
    headers = {"Cache-Control": "private, max-age=86400", "Content-Disposition": "inline"}
    return HttpResponse(found.data, content_type=found.content_type, headers=headers)


@require_POST
def install(request: HttpRequest, preset_id: str) -> HttpResponse:
    """Queue it; where the Hub is known to ask for a token and there is none, the dialog for one comes up."""
    preset = _preset(preset_id)
    outcome = _install(request, preset, force=request.POST.get("force") == "true", conflict=_wished(request))
    if outcome is not None and outcome.status == "token_required":
        answer = redirect("downloads:token")
        answer.headers["X-Dialog"] = answer["Location"]
        return answer
    return redirect(came_from(request, "presets:index"))


@require_safe
@vary_on_headers("HX-Request")
def reinstall(request: HttpRequest, preset_id: str) -> HttpResponse:
    """Asks once before files that are here are fetched again."""
    return render(request, "presets/reinstall.html", {"entry": entry(_preset(preset_id))})


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def uninstall(request: HttpRequest, preset_id: str) -> HttpResponse:
    """GET says what would be deleted and what stays, POST does it."""
    preset = _preset(preset_id)
    if request.method != "POST":
        return _ask_before_uninstall(request, [preset])
    _uninstall(request, [preset])
    return redirect(came_from(request, "presets:index"))


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request", "HX-Target")
def refresh(request: HttpRequest) -> HttpResponse:
    """GET says what a refresh would change (asked for when the dialog is open), POST fetches and replaces."""
    if request.method == "POST":
        try:
            result = refreshing.refresh()
        except refreshing.RefreshError as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, str(result))
        return redirect(came_from(request, "presets:index"))
    context: dict[str, object] = {"catalogue": catalogue(), "source": refreshing.source_url()}
    if request.htmx.target == "refresh-plan" or "plan" in request.GET:  # type: ignore[attr-defined]
        try:
            context["plan"] = refreshing.plan()
        except refreshing.RefreshError as refusal:
            context["refusal"] = str(refusal)
    return render(request, "presets/refresh.html", context)


# --- several at once -----------------------------------------------------------------------------------------------


def _act_on_selection(request: HttpRequest) -> HttpResponse:
    known = catalogue().presets
    chosen = [known[preset_id] for preset_id in dict.fromkeys(request.POST.getlist("id")) if preset_id in known]
    action = request.POST.get("action")
    if not chosen:
        messages.error(request, "Nothing is selected. Tick the models first.")
    elif action == "install":
        _install_several(request, chosen)
    elif action == "cancel":
        _cancel(request, chosen)
    elif action == "uninstall" and "confirmed" not in request.POST:
        return _ask_before_uninstall(request, chosen)
    elif action == "uninstall":
        _uninstall(request, chosen)
    return redirect(came_from(request, "presets:index"))


def _install_several(request: HttpRequest, presets: Sequence[Preset]) -> None:
    outcome = install_several(presets)
    for sentence in outcome.refused[:MOST_REFUSALS]:
        messages.error(request, sentence)
    if (more := len(outcome.refused) - MOST_REFUSALS) > 0:
        messages.error(request, f"{more} more cannot be installed. The page of each model says why.")
    level = messages.WARNING if outcome.parked else messages.SUCCESS if outcome.queued else messages.INFO
    messages.add_message(request, level, outcome.sentence)


def _cancel(request: HttpRequest, presets: Iterable[Preset]) -> None:
    rows = DownloadHistory.objects.filter(preset_id__in=[preset.id for preset in presets]).active()
    cancelled = cancel_rows(rows)
    said = f"{cancelled} cancelled. What was fetched is kept." if cancelled else "None of these is in the queue."
    messages.info(request, said)


def _ask_before_uninstall(request: HttpRequest, presets: list[Preset]) -> HttpResponse:
    return render(request, "presets/uninstall.html", {"presets": presets, "plan": plan_uninstall(presets)})


def _uninstall(request: HttpRequest, presets: list[Preset]) -> None:
    try:
        removed = uninstall_preset(presets)
    except (StillActive, TransferError) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, removed.sentence)


def _install(request: HttpRequest, preset: Preset, *, force: bool = False, conflict: str = "") -> Outcome | None:
    """Queue one and say so; None when it cannot be installed as the catalogue has it."""
    try:
        outcome = install_preset(preset.id, force=force, conflict=conflict)
    except (NotInstallable, TransferError) as refusal:
        messages.error(request, str(refusal))
        return None
    tell_outcome(request, outcome)
    return outcome


def _wished(request: HttpRequest) -> str:
    try:
        return wished(request)
    except ValueError as unknown:
        raise BadRequest(str(unknown)) from unknown


def _preset(preset_id: str) -> Preset:
    try:
        return catalogue().presets[preset_id]
    except KeyError:
        raise Http404(f"The catalogue has no “{preset_id}”.") from None
