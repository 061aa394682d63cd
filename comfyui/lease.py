"""One poller at a time: a row that is renewed, judged by the database's clock and no machine's own."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError
from django.db.models import Q
from django.db.models.functions import Now

from comfyui.models import PollerLease

LASTS = timedelta(seconds=30)  # how long nobody watches after the poller was killed
RENEW = 10.0  # seconds


def take(holder: str) -> bool:
    """Take or renew the lease; False while another holds it."""
    free = Q(holder=holder) | Q(holder="") | Q(expires_at__lt=Now())
    mine = PollerLease.objects.filter(free, pk=PollerLease.ONLY).update(holder=holder, expires_at=Now() + LASTS)
    if mine or PollerLease.objects.filter(pk=PollerLease.ONLY).exists():
        return bool(mine)
    try:
        PollerLease.objects.create(pk=PollerLease.ONLY, holder=holder, expires_at=Now() + LASTS)
    except IntegrityError:  # another process was faster by a moment
        return False
    return True


def give_back(holder: str) -> None:
    PollerLease.objects.filter(pk=PollerLease.ONLY, holder=holder).update(holder="", expires_at=Now())
