"""GET /healthz: for Docker, load balancers and people with curl."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from downloads.heartbeat import worker_status

log = logging.getLogger(__name__)

DATABASE_MILLISECONDS = 1000  # a database that takes longer than this for one row counts as down


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
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"PRAGMA busy_timeout = {DATABASE_MILLISECONDS}")
        elif connection.vendor == "postgresql":
            cursor.execute(f"SET statement_timeout = {DATABASE_MILLISECONDS}")
    try:
        return worker_status()
    finally:
        connection.close()  # with the short time-out; the next request opens its own
