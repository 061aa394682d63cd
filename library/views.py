"""The Storage page: what takes the space, who needs it, and what can go."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers

from downloads.inventory.destinations import Destinations
from downloads.inventory.free_space import missing_space
from downloads.transfer import TransferError
from downloads.worker.parked import waiting_for_space
from library import tasks
from library.delete import Needed, NotThere, delete_files, delete_partial, plan
from library.listing import FileListing
from library.models import DuplicateSearch
from library.overview import overview, partials, space
from library.picture import picture

PIECES = {
    "space": "storage/_space.html",
    "files": "storage/_files.html",
    "partials": "storage/_partials.html",
    "duplicates": "storage/_duplicates.html",
}


@require_GET
@vary_on_headers("HX-Request", "HX-Target")
def index(request: HttpRequest) -> HttpResponse:
    """The page, or the one live piece that htmx asks for."""
    piece = request.htmx.target or ""  # type: ignore[attr-defined]
    context: dict[str, object] = {}
    if piece not in PIECES or piece == "space":
        context |= {"space": (room := space()), "folders": overview().folders, "picture": picture(room)}
        places = Destinations.now()
        context["short"] = [(row, missing_space(row, places)) for row in waiting_for_space()]
    if piece not in PIECES or piece == "files":
        context["listing"] = FileListing(request.GET)
    if piece not in PIECES or piece == "partials":
        context["partials"] = partials()
    if piece not in PIECES or piece == "duplicates":
        seen = overview()
        context |= {"search": DuplicateSearch.latest(), "groups": len(seen.duplicates), "wasted": seen.wasted}
    return render(request, PIECES.get(piece, "storage/index.html"), context)


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
def delete(request: HttpRequest) -> HttpResponse:
    """Says what the files are needed for and asks; only a POST with the answer deletes."""
    if request.method == "POST" and "confirmed" in request.POST:
        return _delete(request, request.POST.getlist("path"))
    intended = plan((request.POST if request.method == "POST" else request.GET).getlist("path"))
    if intended.candidates:
        return render(request, "storage/delete.html", {"plan": intended})
    if request.method == "GET":
        raise Http404("This file is not there any more.")
    messages.info(request, "They are not there any more." if intended.missing else "Tick the files to delete first.")
    return redirect("storage:index")


def _delete(request: HttpRequest, paths: list[str]) -> HttpResponse:
    deleted = delete_files(paths)
    if deleted.paths:
        messages.success(request, deleted.sentence)
    for refusal in deleted.refused:
        messages.error(request, refusal)
    if not deleted.paths and not deleted.refused:
        messages.info(request, "Nothing to delete: these files are not there any more.")
    return redirect("storage:index")


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
def discard(request: HttpRequest) -> HttpResponse:
    """GET asks, POST throws away what was begun of a file."""
    if request.method == "GET":
        path = request.GET.get("path", "")
        partial = next((partial for partial in partials() if partial.path == path), None)
        if partial is None:
            raise Http404("Nothing of this file was begun.")
        return render(request, "storage/discard.html", {"partial": partial})
    try:
        deleted = delete_partial(request.POST.get("path", ""))
    except (NotThere, Needed, TransferError) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, deleted.sentence)
    return redirect("storage:index")


@require_POST
def search(request: HttpRequest) -> HttpResponse:
    """Have the worker look for files with the same content."""
    if DuplicateSearch.begin():
        transaction.on_commit(lambda: tasks.find_duplicates(), robust=True)
        messages.info(request, "Looking for duplicates: files of the same size are read once.")
    else:
        messages.info(request, "The search is running already.")
    return redirect("storage:index")
