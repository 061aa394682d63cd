"""GET /healthz and /livez: for Docker, load balancers, the supervisor and people with curl."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from downloads.worker.heartbeat import worker_status

log = logging.getLogger(__name__)

DATABASE_MILLISECONDS = 1000  # a database that takes longer than this for one row counts as down
CONNECT_SECONDS = 2  # the least that libpq takes


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """``{status, database, worker, version}``, each "ok" or "down"; 503 when one is down. Tells no more than that."""
    database, worker = "ok", "ok"
    try:
        if not _ask()["alive"]:
            worker = "down"
    except DatabaseError as error:
        log.warning("The database does not answer: %s", error)
        database = worker = "down"
    healthy = database == worker == "ok"
    answer = {
        "status": "ok" if healthy else "down",
        "database": database,
        "worker": worker,
        "version": settings.VERSION,
    }
    return JsonResponse(answer, status=200 if healthy else 503)


def _ask() -> dict[str, Any]:
    """The worker's state, by a real query that does not wait long."""
    patient = connection.settings_dict
    if connection.vendor == "sqlite":  # with a rollback journal to open it is to wait already
        options = {**patient["OPTIONS"], "timeout": DATABASE_MILLISECONDS / 1000}
        connection.settings_dict = {**patient, "OPTIONS": options}
    elif connection.vendor == "postgresql":
        options = {**patient["OPTIONS"], "connect_timeout": CONNECT_SECONDS}
        connection.settings_dict = {**patient, "OPTIONS": options, "SILENCE_SECONDS": CONNECT_SECONDS}
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute(f"PRAGMA busy_timeout = {DATABASE_MILLISECONDS}")
            elif connection.vendor == "postgresql":
                cursor.execute(f"SET statement_timeout = {DATABASE_MILLISECONDS}")
        return worker_status()
    finally:
        connection.settings_dict = patient
        connection.close()  # with the short time-out; the next request opens its own


@login_not_required
@never_cache
@require_safe
def livez(request: HttpRequest) -> JsonResponse:
    """200 while this process answers, whatever its database does: for whoever would start it again."""
    return JsonResponse({"status": "ok"})


PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {"/healthz": healthz, "/livez": livez}


class HealthMiddleware:
    """Before all others: a probe comes with any Host, without a login, over plain HTTP, and may not wait for a lock."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path_info)
        if probe is None:
            return self.get_response(request)
        response = probe(request)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "same-origin"
        return response
