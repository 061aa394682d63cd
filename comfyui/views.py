"""ComfyUI's pieces of other pages: its status, the picture of a generation, and its part of Settings."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from activity.models import Activity
from comfyui import folders, link_pack, thumbnails
from comfyui.status import current


@require_GET
def status(request: HttpRequest) -> HttpResponse:
    return render(request, "comfyui/_status.html", {"comfyui": current()})


@require_GET
def picture(request: HttpRequest, activity_id: int) -> HttpResponse:
    entry = Activity.objects.filter(pk=activity_id, type=Activity.Type.GENERATION).first()
    found = thumbnails.fetch(entry.details) if entry else None
    if found is None:
        raise Http404("The picture is not there any more.")
    # Never kept longer than its entry: not by us, and not by the browser.
    headers = {"Cache-Control": "private, no-store", "Content-Disposition": "inline"}
    return HttpResponse(found.data, content_type=found.content_type, headers=headers)


@require_POST
def save_folders(request: HttpRequest) -> HttpResponse:
    wanted = {name.removeprefix("into-"): request.POST[name] for name in request.POST if name.startswith("into-")}
    try:
        accepted = folders.accept(request.POST.getlist("folder"), wanted)
    except folders.KindBusy as refusal:
        messages.error(request, str(refusal))
        return _settings()
    count = len(accepted)
    messages.success(
        request,
        f"{count} folder{'' if count == 1 else 's'} of ComfyUI {'is' if count == 1 else 'are'} read too."
        if accepted
        else "Only the models folder is read.",
    )
    return _settings()


@require_POST
def set_up_pack(request: HttpRequest) -> HttpResponse:
    try:
        folder = link_pack.set_up()
    except link_pack.CannotSetUp as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{folder} is made. Restart ComfyUI once; then every workflow opens by a link.")
    return _settings()


@require_POST
def remove_pack(request: HttpRequest) -> HttpResponse:
    try:
        link_pack.remove()
    except link_pack.CannotSetUp as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "The folder is deleted.")
    return _settings()


def _settings() -> HttpResponse:
    return redirect(reverse("settings:index") + "#integrations")
