"""Getting a document from a web address, bounded in size, time and hops."""

from __future__ import annotations

import threading
import zlib
from urllib.parse import urljoin, urlsplit

import requests
from django.conf import settings

from downloads.transfer import Options, Stopped, TransferError
from presets.yaml_tree import DOCUMENT_MAX
from webclient.client import NETWORK_ERRORS, WebClient
from webclient.url_policy import shown

DEADLINE = 30.0  # seconds for everything
HOPS_MAX = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Unreachable(Exception):
    """The other side gave no document."""


class Unacceptable(ValueError):
    """The address or what it gave is never taken."""


def fetch_document(url: str, deadline: float = DEADLINE) -> bytes:
    """At most DOCUMENT_MAX + 1 bytes. ``deadline`` in seconds. Raises Unreachable, Unacceptable."""
    options = Options(allow_private_hosts=settings.ALLOW_PRIVATE_HOSTS, read_timeout=deadline)
    host = urlsplit(shown(url)).netloc or "the address"
    with WebClient(options) as web:
        # A server that sends a byte now and then never meets a time-out of its own: end the sockets instead.
        watchdog = threading.Timer(deadline, web.sockets.shut)
        watchdog.daemon = True
        watchdog.start()
        try:
            data = _body(_follow(web, url))
            if web.sockets.closed:  # a document without a length looks complete then
                raise Stopped
            return data
        except Stopped:
            raise _too_slow(host, deadline) from None
        except TransferError as refusal:
            if refusal.reason == "forbidden_address":
                raise Unacceptable(str(refusal)) from refusal
            raise Unreachable(str(refusal).partition(". ")[0].rstrip(".") + ".") from refusal
        except (*NETWORK_ERRORS, zlib.error) as error:
            if web.sockets.closed:
                raise _too_slow(host, deadline) from None
            raise Unreachable(f"{host} broke off in the middle of the document.") from error
        finally:
            watchdog.cancel()


def _follow(web: WebClient, url: str) -> requests.Response:
    for _ in range(HOPS_MAX + 1):
        response = web.get(url)
        if response.status_code == 200:
            return response
        response.close()
        target = response.headers.get("Location", "")
        if response.status_code not in REDIRECTS or not target:
            raise Unreachable(f"{shown(url)} answered with status {response.status_code} instead of a document.")
        url = urljoin(url, target)
    raise Unreachable(f"{shown(url)} redirects more than {HOPS_MAX} times.")


def _body(response: requests.Response) -> bytes:
    """Read no further than one byte too much, also when it is packed although nobody asked for that."""
    packed = response.headers.get("Content-Encoding", "identity").strip().lower()
    with response:
        data = b""
        while len(data) <= DOCUMENT_MAX:
            piece = response.raw.read(2**16, decode_content=False)
            if not piece:
                break
            data += piece
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and len(data) < min(int(length), DOCUMENT_MAX):
        raise Unreachable(f"{shown(response.url)} ended before the document was complete.")
    if packed in {"", "identity"}:
        return data
    if packed not in {"gzip", "x-gzip", "deflate"}:
        raise Unacceptable(f"The document comes packed as {packed[:20]}, which nobody asked for.")
    return zlib.decompressobj(wbits=47).decompress(data, DOCUMENT_MAX + 1)


def _too_slow(host: str, deadline: float) -> Unreachable:
    return Unreachable(f"{host} did not send the document within {deadline:g} seconds.")
