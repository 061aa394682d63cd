"""Slows down who guesses the password. Attempts are rows, so that all web processes count together."""

from __future__ import annotations

import ipaddress
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from settings_app.models import LoginAttempt

WINDOW = timedelta(minutes=15)
TICK = timedelta(minutes=1)  # clocks of several machines differ by less
PER_CLIENT = 5  # wrong passwords in WINDOW
IN_ALL = 100  # by everybody: many addresses, or invented X-Forwarded-For, do not help; a login link still lets in


class TooManyAttempts(Exception):
    def __init__(self, wait: timedelta) -> None:
        self.seconds = max(1, int(wait.total_seconds()))
        minutes = -(-self.seconds // 60)
        super().__init__(
            f"Too many wrong passwords. Wait {minutes} minute{'s' if minutes > 1 else ''}, then try again;"
            " or use a login link: “manage.py login_link” on the server makes one."
        )


def attempt(client: str) -> None:
    """Count a password that is about to be tried. Raises TooManyAttempts, and then it must not be tried.

    Counted before the answer is known: a hundred tries at the same moment are then not a hundred first tries.
    Refused ones are not kept, so the table stays small whatever knocks.
    """
    _refuse_over(client, PER_CLIENT - 1, IN_ALL - 1)
    prune()
    row = LoginAttempt.objects.create(client=client)
    try:
        _refuse_over(client, PER_CLIENT, IN_ALL)
    except TooManyAttempts:
        row.delete()
        raise


def forgive(client: str) -> None:
    """The password was right: earlier slips count no longer."""
    LoginAttempt.objects.filter(client=client).delete()


def client_of(request: HttpRequest) -> str:
    """Who is asking: the address, of IPv6 the /64 that one customer has to himself.

    X-Forwarded-For is believed where the owner said that a proxy stands in front (then every client would have the
    proxy's address), and only its last entry: the others are the client's own words.
    """
    address = request.META.get("REMOTE_ADDR") or ""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if forwarded and getattr(settings, "SECURE_PROXY_SSL_HEADER", None) and _is_near(address):
        address = forwarded.rpartition(",")[2].strip()
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip), 64), strict=False))
    return str(ip)


def _is_near(address: str) -> bool:
    """A proxy of ours is on this machine or in its private network, never somewhere on the internet."""
    try:
        return not ipaddress.ip_address(address).is_global
    except ValueError:
        return True  # a Unix socket


def _refuse_over(client: str, most_of_client: int, most_in_all: int) -> None:
    now = timezone.now()
    # Few rows by construction. Those from the future are from before the clock was set back: they do not count.
    recent = list(LoginAttempt.objects.filter(at__gt=now - WINDOW, at__lte=now + TICK).order_by("at"))
    own = [row for row in recent if row.client == client]
    for counted, most in ((own, most_of_client), (recent, most_in_all)):
        if len(counted) > most:
            raise TooManyAttempts(counted[-most - 1].at + WINDOW - now)


def prune() -> None:
    """Delete attempts that do not count any more."""
    now = timezone.now()
    LoginAttempt.objects.exclude(at__gt=now - WINDOW, at__lte=now + TICK).delete()
