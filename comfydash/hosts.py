"""Which Host headers are ours, and which Origin may open the socket."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import split_domain_port, validate_host
from django.template.loader import render_to_string
from django.utils.http import is_same_domain

from webclient.networks import is_loopback


def is_own_host(host: str) -> bool:
    """True for loopback names, any IP literal, this pod's proxy names and what COMFYDASH_ALLOWED_HOSTS lists.

    An IP literal is safe: DNS rebinding needs a name. ``host`` may carry a port.
    """
    name, _ = split_domain_port(host)
    if not name:
        return False
    name = name.rstrip(".")
    if is_loopback(name) or _is_address(name) or _is_pod_proxy(name):
        return True
    trusted = [split_domain_port(origin.split("://")[-1].lstrip("*"))[0] for origin in settings.TRUSTED_ORIGINS]
    return validate_host(name, [*settings.EXTRA_ALLOWED_HOSTS, *trusted])


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _is_pod_proxy(name: str) -> bool:
    """``<pod id>-<port>.proxy.runpod.net`` of this very pod, never a wildcard: its neighbours belong to others."""
    pod = settings.RUNPOD_POD_ID.lower()
    if not pod or not name.endswith(".proxy.runpod.net"):
        return False
    label = name.removesuffix(".proxy.runpod.net")
    return label.startswith(f"{pod}-") and label.removeprefix(f"{pod}-").isdecimal()


DEFAULT_PORTS = {"http": 80, "https": 443}
SOCKET_SCHEMES = {"ws": "http", "wss": "https"}


def is_own_origin(origin: str, host: str, *, https: bool) -> bool:
    """Is a page of ``origin`` a page of ours? Exact: scheme, name and port (a ComfyUI beside us is another port)."""
    given = canonical_origin(origin)
    if given is None:
        return False
    trusted = settings.CSRF_TRUSTED_ORIGINS
    if origin in trusted or given in map(canonical_origin, trusted) or _is_below_a_trusted_one(given):
        return True
    return is_own_host(host) and given == canonical_origin(f"{'https' if https else 'http'}://{host}")


def canonical_origin(text: str) -> str | None:
    """One spelling: lower case, no port where it is the scheme's own, no slash. None for "null" and what is none."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        return None
    name = parts.hostname
    if parts.scheme not in DEFAULT_PORTS or not name or "@" in parts.netloc:
        return None
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        return None
    name = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{name}" + ("" if port in {None, DEFAULT_PORTS[parts.scheme]} else f":{port}")


def forwarded_scheme(header: str) -> str:
    """X-Forwarded-Proto as http or https: proxies write HTTPS, wss (for a socket) and lists."""
    scheme = header.split(",")[0].strip().strip('"').lower()
    return SOCKET_SCHEMES.get(scheme, scheme)


def scheme_by_proxy(forwarded_proto: str, forwarded: str) -> str:
    """What the proxy says, by X-Forwarded-Proto or, where it writes none, by Forwarded (RFC 7239); "" for nothing."""
    if not forwarded_proto:
        for pair in forwarded.split(",")[0].split(";"):
            name, _, value = pair.partition("=")
            if name.strip().lower() == "proto":
                forwarded_proto = value
    return forwarded_scheme(forwarded_proto)


def _is_below_a_trusted_one(origin: str) -> bool:
    """``https://*.example`` as Django reads it for CSRF: every name below example, same scheme and port."""
    scheme, _, place = origin.lower().partition("://")
    for trusted in settings.CSRF_TRUSTED_ORIGINS:
        own_scheme, _, pattern = trusted.partition("://*")
        if pattern and scheme == own_scheme and is_same_domain(place, pattern):
            return True
    return False


class HostMiddleware:
    """Answers 400 to a Host that is not ours and says which variable would allow it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        _spell_as_django_does(request)
        host = request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", "")
        if is_own_host(host):
            return self.get_response(request)
        name = split_domain_port(host)[0] or host[:100]
        sentence = (
            f"This dashboard was asked for as “{name}”, a name it does not know. If the name is right, start it with "
            f"COMFYDASH_ALLOWED_HOSTS={name}, or behind a proxy with COMFYDASH_TRUSTED_ORIGINS=https://{name}."
        )
        if request.path.startswith("/api/"):
            return JsonResponse({"detail": sentence, "errors": []}, status=400)
        return HttpResponse(render_to_string("errors/400.html", {"sentence": sentence}), status=400)


def _spell_as_django_does(request: HttpRequest) -> None:
    """Django compares scheme, Host and Origin letter by letter; proxies do not write them so."""
    meta = request.META
    if scheme := scheme_by_proxy(meta.get("HTTP_X_FORWARDED_PROTO", ""), meta.get("HTTP_FORWARDED", "")):
        meta["HTTP_X_FORWARDED_PROTO"] = scheme  # counts only where the settings believe in it
    if origin := canonical_origin(meta.get("HTTP_ORIGIN", "")):
        meta["HTTP_ORIGIN"] = origin
    if (host := meta.get("HTTP_HOST")) and (own := canonical_origin(f"{request.scheme}://{host}")):
        meta["HTTP_HOST"] = own.partition("://")[2]
