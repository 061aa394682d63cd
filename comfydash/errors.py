"""Error pages in the dress of the dashboard."""

from __future__ import annotations

import sys

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from comfydash.recovery.database import explain, explain_server


def _answer(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": sentence, "errors": []}, status=status)
    template = f"errors/{500 if status == 503 else status}.html"
    return render(request, template, {"sentence": sentence}, status=status)


@login_not_required
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig) and request.path.startswith("/api/"):
        return _answer(request, 413, "The body is larger than this call takes. Send less at once.")
    return _answer(request, 400, "The request could not be understood.")


@login_not_required
def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 403, str(exception) or "This is not allowed.")


@login_not_required
def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 404, "There is nothing at this address.")


@login_not_required
def server_error(request: HttpRequest) -> HttpResponse:
    """Called while the exception is being handled; a database that does not answer is 503 with the reason."""
    error = sys.exc_info()[1]
    if isinstance(error, DatabaseError):
        if settings.DATABASE_URL:
            return _answer(request, 503, explain_server(error, settings.DATABASES["default"]))
        return _answer(request, 503, explain(error, settings.DATABASE_FILE))
    return _answer(request, 500, "Something broke that should not have. The log of the server has the details.")


@login_not_required
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    sentence = (
        f"This form came from somewhere else or is too old. {reason} Reload the page and try again; behind a proxy, "
        "set COMFYDASH_TRUSTED_ORIGINS to the address in your browser's address bar."
    )
    return _answer(request, 403, sentence)
