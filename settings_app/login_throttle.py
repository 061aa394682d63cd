"""Slows down who guesses the password. Attempts are rows, so that all web processes count together, by one clock.

By hand, not django-axes: there is one administrator, and a try has to count before it is answered.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from datetime import timedelta

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse

from settings_app.administrator import administrator
from settings_app.models import LoginAttempt

WINDOW = timedelta(minutes=15)
TICK = timedelta(minutes=1)  # a clock may be set back by so much
PER_CLIENT = 5  # wrong passwords in WINDOW
IN_ALL = 100  # by all strangers: many addresses do not help; a known browser and a login link still let in
BROWSER = "browser:"  # in front of the names of known browsers
COOKIE = "comfydash_known"
COOKIE_SECONDS = 60 * 60 * 24 * 365


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
    row = LoginAttempt.objects.create(client=client, at=Now())
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

    The address that connects. Only where that is one of COMFYDASH_TRUSTED_PROXIES does X-Forwarded-For count, read from
    its end: each proxy adds who connected to it, and what stands before the first stranger is his own words.
    """
    address = _address(request.META.get("REMOTE_ADDR") or "")
    hops = [hop for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    while address is not None and hops and _is_trusted(address):
        hop = _address(hops.pop())
        if hop is None:  # no address: the proxy that passed it on is all that is known
            break
        address = hop
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address or "unknown")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address, with or without a port as some proxies write it; of a mapped one the IPv4 inside."""
    text = text.strip().strip('"')
    for pattern in (r"\[([0-9A-Fa-f:.]+)\](:\d+)?", r"([0-9.]+):\d+"):
        if found := re.fullmatch(pattern, text):
            text = found[1]
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip


def _is_trusted(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)


# --- A browser that has been in before -------------------------------------------------------------------------------


def counted_as(request: HttpRequest) -> str:
    """Under which name the tries of this request count: the browser's own where it has been in before, so that
    strangers behind the same proxy do not use up its tries; else its address."""
    browser = _known_browser(request)
    return f"{BROWSER}{browser}" if browser else client_of(request)


def remember_browser(request: HttpRequest, response: HttpResponse) -> None:
    """Whoever got in keeps tries of his own, until the password changes: then the cookie is nobody's."""
    browser = _known_browser(request) or secrets.token_hex(12)
    response.set_cookie(
        COOKIE,
        _signer().sign(browser),
        max_age=COOKIE_SECONDS,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


def _known_browser(request: HttpRequest) -> str:
    signed = request.COOKIES.get(COOKIE, "")
    if not signed:
        return ""
    try:
        return _signer().unsign(signed, max_age=COOKIE_SECONDS)
    except BadSignature:
        return ""


def _signer() -> TimestampSigner:
    """Bound to the administrator's password, as the sessions are."""
    return TimestampSigner(salt=f"comfydash.known-browser.{administrator().get_session_auth_hash()}")


def _refuse_over(client: str, most_of_client: int, most_in_all: int) -> None:
    # Few rows by construction. Those from the future are from before the clock was set back: they do not count.
    counting = LoginAttempt.objects.filter(at__gt=Now() - WINDOW, at__lte=Now() + TICK)
    recent = list(counting.annotate(now=Now()).order_by("at"))
    own = [row for row in recent if row.client == client]
    # Those of known browsers are few each, and neither use up what strangers have nor are held up by them.
    strangers = [row for row in recent if not row.client.startswith(BROWSER)]
    limits = [(own, most_of_client)]
    if not client.startswith(BROWSER):
        limits.append((strangers, most_in_all))
    for counted, most in limits:
        if len(counted) > most:
            raise TooManyAttempts(counted[-most - 1].at + WINDOW - counted[0].now)


def prune() -> None:
    LoginAttempt.objects.exclude(at__gt=Now() - WINDOW, at__lte=Now() + TICK).delete()
