"""Any host that is none of those with a module of their own, and how a link of any host leads to the bytes."""

from __future__ import annotations

import requests

from hosts.answers import TRANSIENT_STATUSES, Facts, Located, busy_error, expiry
from webclient.client import WebClient, compression, is_page, number
from webclient.errors import TransferError, Transient
from webclient.url_policy import next_hop, shown

MAX_HOPS = 10
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Direct:
    """It never gets a token, and the address is the link."""

    def is_its_address(self, url: str) -> bool:
        return True

    def canonical(self, url: str) -> str:
        return url

    def pinned(self, url: str, commit: str) -> str:
        return url

    def page(self, url: str) -> str:
        return ""

    def locate(self, client: WebClient, url: str) -> Located:
        return walk(client, url, Facts(url))

    def is_gated(self, client: WebClient, url: str) -> bool:
        return False

    def token_for(self, url: str) -> str:
        return ""

    def is_refused(self, url: str) -> bool:
        return False

    def refuse(self, url: str) -> None:
        pass


def walk(client: WebClient, url: str, facts: Facts, anonymous: bool = False) -> Located:
    """Follow redirects hop by hop to the answer that carries the file."""
    for _ in range(MAX_HOPS):
        # One byte is asked for: the answer shows the size and whether Range works, and nothing has to be thrown away.
        with client.get_or_without(url, {"Range": "bytes=0-0"}, anonymous=anonymous) as response:
            if response.status_code in REDIRECTS:
                url = next_hop(url, location_of(url, response), client.options.allow_private_hosts)
            else:
                return arrived(url, response, facts, anonymous)
    raise redirects_in_a_circle(url)


def arrived(url: str, response: requests.Response, facts: Facts, anonymous: bool) -> Located:
    headers, status = response.headers, response.status_code
    if status not in {200, 206, 416}:
        raise refusal(url, response)
    if is_page(response):
        raise TransferError(
            f"{shown(facts.url)} answers with a web page instead of a file. Open it in a browser: it may ask for a "
            "login, or the address is wrong.",
            reason="not_a_model",
        )
    etag = headers.get("ETag", "")
    packed = compression(response)  # then lengths are not the file's, and places in it cannot be asked for
    size = facts.size if facts.size is not None or packed else _size(status, headers)
    known = Facts(
        url=facts.url,
        size=size,
        sha256=facts.sha256,
        etag=facts.etag or ("" if etag.startswith("W/") else unquoted(etag)),
        commit=facts.commit or headers.get("X-Repo-Commit", ""),
        modified=headers.get("Last-Modified", ""),
        resumable=(status == 206 or facts.resumable) and not packed,
        warning=facts.warning,
    )
    return Located(known, url, expiry(url), anonymous)


def redirects_in_a_circle(url: str) -> TransferError:
    return TransferError(f"{shown(url)} redirects in a circle. Check the address in the catalogue.", reason="not_found")


def _size(status: int, headers: requests.structures.CaseInsensitiveDict[str]) -> int | None:
    if status in {206, 416}:
        return number(headers.get("Content-Range", "").rpartition("/")[2])
    return number(headers.get("Content-Length", ""))


def location_of(url: str, response: requests.Response) -> str:
    location = response.headers.get("Location", "")
    if not location:
        raise Transient(f"{shown(url)} redirects to nowhere. It is tried again.")
    return location


def unquoted(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


def refusal(url: str, response: requests.Response) -> TransferError:
    """The TransferError for a refusal of any other host."""
    host, status = shown(url).split("/")[2], response.status_code
    if status in TRANSIENT_STATUSES:
        return busy_error(response, host)
    if status in {404, 410}:
        sentence = f"{host} has nothing at {shown(url)} (status {status}). Check the address in the catalogue."
        return TransferError(sentence, reason="not_found")
    if status in {401, 403, 407, 451}:
        sentence = f"{host} refuses to hand out the file (status {status}). Open {shown(url)} in a browser to see why."
        return TransferError(sentence, reason="error")
    return TransferError(f"{host} answered with status {status} instead of a file. Try later.", reason="error")
