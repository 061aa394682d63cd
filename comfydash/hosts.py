"""Which Host headers are ours, and which Origin may open the socket."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import split_domain_port, validate_host
from django.template.loader import render_to_string
from django.utils.http import is_same_domain

LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})


def is_own_host(host: str) -> bool:
    """True for loopback names, any IP literal, this pod's proxy names and what COMFYDASH_ALLOWED_HOSTS lists.

    An IP literal is safe: DNS rebinding needs a name. ``host`` may carry a port.
    """
    name, _ = split_domain_port(host)
    if not name:
        return False
    name = name.rstrip(".")
    if name in LOOPBACK_NAMES or name.endswith(".localhost") or _is_address(name) or _is_pod_proxy(name):
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
    """``<pod id>-<port>.proxy.runpod.net`` of this very pod, never a wildcard: neighbours are strangers."""
    pod = settings.RUNPOD_POD_ID.lower()
    if not pod or not name.endswith(".proxy.runpod.net"):
        return False
    label = name.removesuffix(".proxy.runpod.net")
    return label.startswith(f"{pod}-") and label.removeprefix(f"{pod}-").isdecimal()


def is_own_origin(origin: str, host: str, *, https: bool) -> bool:
    """Is a page of ``origin`` a page of ours? Exact: scheme, name and port (a ComfyUI beside us is another port)."""
    if origin in settings.CSRF_TRUSTED_ORIGINS or _is_below_a_trusted_one(origin):
        return True
    return is_own_host(host) and origin.lower() == f"{'https' if https else 'http'}://{host.lower()}"


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
