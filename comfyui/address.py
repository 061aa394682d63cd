"""Where ComfyUI is: for this server, and for the browser in front of us."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from django.conf import settings

from settings_app import preferences
from webclient.networks import is_loopback
from webclient.url_login import login_problem


@dataclass(frozen=True)
class Address:
    """``base`` is without credentials and without its last slash, so it may be shown and logged."""

    base: str
    credentials: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.base).hostname or ""

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)


def parse(url: str) -> Address:
    """Split ``http://user:password@host:port/prefix`` into what is shown and what is sent as a header."""
    parts = urlsplit(url.strip())
    credentials = None
    if (parts.username is not None or parts.password is not None) and not login_problem(url):
        credentials = (unquote(parts.username or ""), unquote(parts.password or ""))
    netloc = parts.netloc.rpartition("@")[2]
    return Address(f"{parts.scheme}://{netloc}{parts.path}".rstrip("/"), credentials)


def configured() -> Address:
    """The address in use. Credentials come from COMFYUI_URL only: what is stored in Settings is shown there."""
    wanted = parse(preferences.get("comfyui_url"))
    if preferences.source("comfyui_url") == "env":
        return Address(wanted.base, parse(os.environ["COMFYUI_URL"]).credentials)
    return wanted


def browser_base(requested_host: str) -> str:
    """The address of ComfyUI for a browser that reached us as requested_host (``name:port``).

    A link from localhost to 127.0.0.1 is a bare 403 of ComfyUI, because the browser calls it cross-site. So the link
    takes the host that the browser used for us wherever ComfyUI's own name means nothing to the browser.
    """
    public = preferences.get("comfyui_public_url")
    if public:
        return parse(public).base
    address = configured()
    parts = urlsplit(address.base)
    if not _only_known_here(address.host):
        return address.base
    ours = urlsplit(f"//{requested_host}")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    pod = _pod_proxy(ours.hostname or "", port)
    if pod:
        return pod + parts.path
    host = ours.hostname or address.host
    if ":" in host:
        host = f"[{host}]"
    return f"{parts.scheme}://{host}:{port}{parts.path}"


def _only_known_here(host: str) -> bool:
    """Loopback, or a name that only containers know: a browser cannot resolve it."""
    return is_loopback(host) or host == "host.docker.internal" or ("." not in host and ":" not in host)


def _pod_proxy(host: str, port: int) -> str:
    """The proxy of a RunPod pod has one name per port: ID-8082.proxy.runpod.net is us, ID-8188… is ComfyUI."""
    pod = settings.RUNPOD_POD_ID
    match = re.fullmatch(r"([a-z0-9]+)-\d+(\.proxy\.runpod\.net)", host)
    if not pod or not match or match[1] != pod:
        return ""
    return f"https://{pod}-{port}{match[2]}"
