"""The Downloads page, the queue panel, and a person's verbs on one install."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from downloads import queue as download_queue
from downloads.inventory.destinations import Destinations
from downloads.listing import History
from downloads.models import ENDED_FILES, Conflict, DownloadHistory, Status
from downloads.queue import Outcome, failed
from downloads.queue_page import board, line_of, queue_button
from downloads.queue_several import retry_failed
from downloads.transfer import TransferError, reserved_bytes
from settings_app import hub_token
from settings_app.forms import TokenForm
from settings_app.whoami import HubUnreachable, InvalidToken

TOKEN_REASONS = ("token_required", "token_invalid", "token_scope")
PIECES = {"active": "downloads/_active.html", "history": "downloads/_history.html"}


@require_safe
@vary_on_headers("HX-Request", "HX-Target")
def index(request: HttpRequest) -> HttpResponse:
    piece = PIECES.get(request.htmx.target or "")  # type: ignore[attr-defined]
    context: dict[str, object] = {}
    if piece != PIECES["history"]:
        context["board"] = board(request.GET)
    if piece != PIECES["active"]:
        context |= {"listing": History(request.GET), "failed": failed().count()}
    return render(request, piece or "downloads/index.html", context)


@require_safe
@vary_on_headers("HX-Request", "HX-Target")
def queue(request: HttpRequest) -> HttpResponse:
    """The queue panel, its live inside, or the button that opens it."""
    target = request.htmx.target  # type: ignore[attr-defined]
    if target == "queue-button":
        return render(request, "downloads/_queue_button.html", queue_button())
    template = "downloads/_panel.html" if target == "queue-panel" else "downloads/panel.html"
    return render(request, template, {"board": board(request.GET)})


@require_safe
@vary_on_headers("HX-Request")
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(DownloadHistory, pk=pk)
    return render(request, "downloads/detail.html", {"line": line_of(row)})


def tell_outcome(request: HttpRequest, outcome: Outcome) -> None:
    """A tick only for what is queued: the rest is no success of this click, or waits for the person."""
    waits = outcome.row is not None and outcome.row.status == Status.WAITING
    if outcome.status == "queued" and outcome.row:
        undo = reverse("downloads:cancel", args=[outcome.row.pk])
        messages.success(request, outcome.message, extra_tags=f"undo={undo}")
    else:
        messages.add_message(request, messages.WARNING if waits else messages.INFO, outcome.message)


# --- verbs ---------------------------------------------------------------------------------------------------------

View = Callable[..., HttpResponse]


def verb(act: Callable[[HttpRequest, DownloadHistory], None]) -> View:
    """A POST that does one thing to one install; what the state does not allow is said, not raised."""

    @require_POST
    @wraps(act)
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        row = get_object_or_404(DownloadHistory, pk=pk)
        try:
            act(request, row)
        except (ValueError, TransferError) as refusal:
            messages.error(request, str(refusal))
        return redirect(came_from(request))

    return view


def came_from(request: HttpRequest, otherwise: str = "downloads:index") -> str:
    """The page of ours that the form stood on."""
    page = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure()):
        return page
    return reverse(otherwise)


def wished(request: HttpRequest) -> str:
    """What the form says of a place that other bytes have. Raises ValueError for an unknown word."""
    return Conflict(word).value if (word := request.POST.get("conflict", "")) else ""


@verb
def pause(request: HttpRequest, row: DownloadHistory) -> None:
    row.pause()
    messages.info(request, f"{row.title} is paused.", extra_tags=f"undo={reverse('downloads:resume', args=[row.pk])}")


@verb
def resume(request: HttpRequest, row: DownloadHistory) -> None:
    waited = row.status == "waiting"
    row.resume()
    messages.success(request, f"{row.title} is checked again." if waited else f"{row.title} goes on.")


@verb
def cancel(request: HttpRequest, row: DownloadHistory) -> None:
    keep_partial = request.POST.get("keep_partial", "true") == "true"
    row.cancel(keep_partial=keep_partial)
    if keep_partial:
        undo = f"undo={reverse('downloads:retry', args=[row.pk])}"
        messages.info(request, f"{row.title} is cancelled. What was fetched is kept.", extra_tags=undo)
    else:
        messages.info(request, f"{row.title} is cancelled and what was fetched is deleted.")


@verb
def retry(request: HttpRequest, row: DownloadHistory) -> None:
    download_queue.retry(row, wished(request))
    messages.success(request, f"{row.title} is queued again and continues from the bytes on disk.")


@verb
def skip(request: HttpRequest, row: DownloadHistory) -> None:
    row.skip()
    messages.info(request, f"{row.title} goes to the end of the queue with its bytes.")


@verb
def move(request: HttpRequest, row: DownloadHistory) -> None:
    row.move(request.POST.get("to", ""))


@verb
def place(request: HttpRequest, row: DownloadHistory) -> None:
    """Put it at a position among the queued ones, 0 for the first; what dragging does."""
    wanted, first = request.POST.get("position", ""), request.GET.get("first", "0")
    if not wanted.lstrip("-").isdecimal() or not first.isdecimal() or len(wanted + first) > 30:
        raise ValueError("Say where to: a number, 0 for the first.")
    row.place(min(2**31, int(first) + max(0, int(wanted))))


@require_safe
@vary_on_headers("HX-Request")
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks once before the bytes of an unfinished install are thrown away."""
    row, places = get_object_or_404(DownloadHistory, pk=pk), Destinations.now()
    unfinished = row.files.exclude(status__in=ENDED_FILES)
    frees = sum(reserved_bytes(*places.of(file.path)) for file in unfinished)
    return render(request, "downloads/discard.html", {"row": row, "frees": frees})


@require_POST
def retry_all_failed(request: HttpRequest) -> HttpResponse:
    retried = retry_failed()
    (messages.warning if retried.left_out else messages.success)(request, retried.sentence)
    return redirect(came_from(request))


@sensitive_post_parameters("token")
@sensitive_variables("typed")
@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def token(request: HttpRequest) -> HttpResponse:
    """The dialog that asks for a Hub token: Test says whose it is, Save wakes what waits for one."""
    context: dict[str, object] = {}
    form = TokenForm(request.POST)
    if request.method == "POST" and not form.is_valid():
        context["refusal"] = form.refusal
    elif request.method == "POST":
        typed, saving = form.cleaned_data["token"], "test" not in request.POST
        try:
            context["identity"] = hub_token.validate_token(typed)
        except InvalidToken as refusal:
            context["refusal"], saving = str(refusal), False
        except HubUnreachable as refusal:  # nobody said that it is wrong
            context["refusal"] = str(refusal)
        if saving:
            return _save_token(request, typed)
    waiting = DownloadHistory.objects.filter(status=Status.WAITING, reason__in=TOKEN_REASONS).order_by("position", "id")
    context |= {
        "waiting": waiting.count(),
        "first_waiting": waiting[:3],
        "masked": hub_token.masked(),
        "source": hub_token.hub_token_source(),
        "get_one": f"{settings.HF_ENDPOINT}/settings/tokens",
    }
    return render(request, "downloads/token.html", context)


@sensitive_variables("typed")
def _save_token(request: HttpRequest, typed: str) -> HttpResponse:
    hub_token.save_token(typed)
    messages.success(request, "The token is saved. What waited for it starts by itself.")
    return redirect(came_from(request))
