"""Where a file really is and what its host says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

import requests

from downloads.transfer.background import Task
from downloads.transfer.backoff import Backoff, Pauses
from downloads.transfer.errors import no_model_is_a_refusal
from downloads.transfer.types import Options, Progress, Tick, keep_going
from hosts import direct, huggingface
from hosts.answers import TRANSIENT_STATUSES, Facts, Located, busy_error, expiry, message_of
from hosts.huggingface import LIMIT_HINT, Hub, HubCredentials, is_gate, is_the_tokens_fault, may_be_the_tokens_fault
from modelfiles.structure import sniff
from webclient.client import NETWORK_ERRORS, WebClient, compression, explain, is_page, number
from webclient.errors import Stopped, TransferError, Transient
from webclient.url_policy import check_address, next_hop, shown

MAX_HOPS = 10
MOST_SAID = 8 << 20  # bytes about a repository: its list of files can be long
AT_ONCE = 6  # probes in parallel
REDIRECTS = frozenset({301, 302, 303, 307, 308})
SHA256 = re.compile(r"[0-9a-f]{64}")
LEFT_OUT = "The saved Hugging Face token is not valid; this file needs none and was fetched without it."
UNNEEDED = "This file was refused to the saved Hugging Face token; it needs none and was fetched without it."


def web_client(options: Options) -> WebClient:
    """A client that carries the token to the Hub, and to nobody else."""
    return WebClient(options, HubCredentials(Hub(options.hub_endpoint), options.token))


def probe(url: str, options: Options, tick: Tick = keep_going) -> Facts:
    """What the host says of a URL, no byte of the file fetched. Raises TransferError, and Stopped by the tick."""
    hub = Hub(options.hub_endpoint)
    with web_client(options) as client:
        return Backoff(options, tick).through(lambda: locate(client, hub, url)).facts


def peek(url: str, options: Options, name: str) -> None:
    """Read the first bytes only: TransferError(not_a_model) when they cannot be what `name` says."""
    with web_client(options) as client:
        place = locate(client, Hub(options.hub_endpoint), url)
        headers = {"Range": "bytes=0-511"}
        with client.get_or_without(place.link, headers, anonymous=place.anonymous) as response:
            try:
                head = response.raw.read(512, decode_content=False)
            except NETWORK_ERRORS as error:
                raise explain(error, url) from error
            if response.status_code not in {200, 206}:
                raise direct.refusal(place.link, response)
    with no_model_is_a_refusal():
        sniff(head, name)


def probe_all(urls: Iterable[str], options: Options, tick: Tick = keep_going) -> dict[str, Facts | TransferError]:
    """Probe several URLs, a few at a time; each gets its facts or its refusal. Raises Stopped by the tick."""
    answers: dict[str, Facts | TransferError] = dict.fromkeys(urls, TransferError("Not asked.", reason="error"))
    pending: SimpleQueue[str] = SimpleQueue()
    for url in answers:
        pending.put(url)
    held_up = Pauses(options.max_waits)  # by all of them together: one host says the same for each
    said: list[Progress] = []  # what one of them waits for, told by the calling thread

    def note(progress: Progress) -> bool:
        if progress.status == "retrying":
            said[:] = [progress]
        return not client.sockets.closed

    def ask_some() -> None:
        with suppress(Empty, Stopped):
            while True:
                url = pending.get_nowait()
                try:
                    backoff = Backoff(options, note)
                    backoff.held_up = held_up
                    facts = backoff.through(lambda url=url: locate(client, hub, url)).facts  # type: ignore[misc]
                    # A file that came without a token stands behind no gate.
                    answers[url] = replace(facts, gated=not facts.warning and gates.stand_before(url))
                except TransferError as refusal:
                    answers[url] = refusal

    hub = Hub(options.hub_endpoint)
    with web_client(options) as client:
        gates = Gates(client, hub)
        tasks = [Task(ask_some, "probe") for _ in range(min(AT_ONCE, len(answers)))]
        for task in tasks:
            while not task.done.wait(options.tick_interval):
                if not tick(said[-1] if said else Progress("downloading")):
                    raise Stopped
            task.result()
    return answers


class Gates:
    """Which repositories are gated. A token that opens them hides it in every other answer, so the Hub is asked, once
    for each repository; without a token the refusal says it."""

    def __init__(self, client: WebClient, hub: Hub) -> None:
        self._client = client
        self._hub = hub
        self._known: dict[str, bool] = {}

    def stand_before(self, url: str) -> bool:
        url = self._hub.canonical(url)
        if not self._client.carries_token(url):
            return False
        about = self._hub.about(url)
        if about not in self._known:
            self._known[about] = self._ask_whether_gated(about)
        return self._known[about]

    def _ask_whether_gated(self, about: str) -> bool:
        """False also when the Hub does not say: nothing but a badge depends on it."""
        with suppress(TransferError, ValueError, *NETWORK_ERRORS):
            with self._client.get_or_without(about) as response:
                said = json.loads(response.raw.read(MOST_SAID, decode_content=True)) if response.ok else {}
            return isinstance(said, dict) and bool(said.get("gated"))
        return False


def locate(client: WebClient, hub: Hub, url: str, hops: int = 0) -> Located:
    """Walk from a catalogue's URL to the bytes. Raises TransferError; Transient when a retry may help."""
    if hops > MAX_HOPS:
        raise _circle(url)
    allow_private_hosts = client.options.allow_private_hosts
    url = hub.canonical(check_address(url, allow_private_hosts))
    check_address(url, allow_private_hosts)
    if not hub.keeps(url):
        return _walk(client, url, Facts(url))
    with_token = client.carries_token(url)
    if with_token and client.credentials.is_refused(url):
        with client.get(url, anonymous=True) as response:
            if response.status_code in REDIRECTS | {200}:
                return _from_hub(client, hub, url, response, LEFT_OUT, hops)
    with client.get(url) as response:
        if response.status_code in REDIRECTS | {200}:
            try:
                return _from_hub(client, hub, url, response, "", hops)
            except TransferError as refusal:
                if not with_token or refusal.retry or refusal.reason not in {"not_a_model", "not_found", "error"}:
                    raise
                astray = refusal
            return _walk_again_without_token(client, hub, url, astray, hops)
        message = message_of(response)
        if not (with_token and may_be_the_tokens_fault(response, message)):
            raise huggingface.refusal(hub, client, url, response, message, with_token=with_token)
    return _without_token(client, hub, url, response, message, hops)


def _walk_again_without_token(client: WebClient, hub: Hub, url: str, astray: TransferError, hops: int) -> Located:
    """With the token the way ended elsewhere, at the page of a login perhaps: the file may need no token."""
    with client.get(url, anonymous=True) as response:
        if response.status_code in REDIRECTS | {200}:
            return _from_hub(client, hub, url, response, UNNEEDED, hops)
        raise astray


def _without_token(client: WebClient, hub: Hub, url: str, refused: requests.Response, said: str, hops: int) -> Located:
    """The Hub refused the token: the file itself may need none. Raises what is right for both answers together."""
    is_stale = is_the_tokens_fault(refused, said)
    with client.get(url, anonymous=True) as response:
        if response.status_code in REDIRECTS | {200}:
            if is_stale:
                client.credentials.refuse(url)
            return _from_hub(client, hub, url, response, LEFT_OUT if is_stale else UNNEEDED, hops)
        message = message_of(response)
        if is_gate(refused):
            raise huggingface.refusal(hub, client, url, refused, said, with_token=True)
        if is_gate(response):
            raise huggingface.refusal(hub, client, url, response, message, with_token=True)
        if response.status_code in TRANSIENT_STATUSES:
            raise busy_error(response, hub.name, LIMIT_HINT)
        if not is_stale:
            raise huggingface.refusal(hub, client, url, refused, said, with_token=True)
        refusal = huggingface.refusal(hub, client, url, response, message, with_token=False)
        if refusal.reason == "not_found" and response.status_code == 401:
            sentence = f"{refusal} The saved token is no help: {hub.name} refuses it."
            refusal = TransferError(sentence, reason=refusal.reason, link=refusal.link)
        raise refusal


def _from_hub(client: WebClient, hub: Hub, url: str, response: requests.Response, warning: str, hops: int) -> Located:
    """Facts stand only on the Hub's own first answer; the CDN's ETag is another hash.

    With a warning the token was left out, and is left out of what follows.
    """
    headers = response.headers
    linked = _unquoted(headers.get("X-Linked-ETag", ""))
    facts = Facts(
        url=url,
        size=number(headers.get("X-Linked-Size", "")),
        sha256=linked if SHA256.fullmatch(linked) else "",
        etag=linked,
        commit=headers.get("X-Repo-Commit", ""),
        resumable=headers.get("Accept-Ranges", "").lower() == "bytes",
        warning=warning,
    )
    anonymous = bool(warning)
    if response.status_code == 200:
        return _arrived(url, response, facts, anonymous)
    response.close()
    target = next_hop(url, _location(url, response), client.options.allow_private_hosts)
    if facts.size is not None:
        return Located(facts, target, expiry(target), anonymous)
    if hub.owns(target) and "/resolve/" in urlsplit(target).path:  # a renamed repository
        moved = locate(client, hub, target, hops + 1)
        return Located(_with_url(moved.facts, url, warning), moved.link, moved.expires, moved.anonymous)
    return _walk(client, target, facts, anonymous)


def _walk(client: WebClient, url: str, facts: Facts, anonymous: bool = False) -> Located:
    """Follow redirects hop by hop to the answer that carries the file."""
    for _ in range(MAX_HOPS):
        # One byte is asked for: the answer shows the size and whether Range works, and nothing has to be thrown away.
        with client.get_or_without(url, {"Range": "bytes=0-0"}, anonymous=anonymous) as response:
            if response.status_code in REDIRECTS:
                url = next_hop(url, _location(url, response), client.options.allow_private_hosts)
            else:
                return _arrived(url, response, facts, anonymous)
    raise _circle(url)


def _arrived(url: str, response: requests.Response, facts: Facts, anonymous: bool) -> Located:
    headers, status = response.headers, response.status_code
    if status not in {200, 206, 416}:
        raise direct.refusal(url, response)
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
        etag=facts.etag or ("" if etag.startswith("W/") else _unquoted(etag)),
        commit=facts.commit or headers.get("X-Repo-Commit", ""),
        modified=headers.get("Last-Modified", ""),
        resumable=(status == 206 or facts.resumable) and not packed,
        warning=facts.warning,
    )
    return Located(known, url, expiry(url), anonymous)


def _circle(url: str) -> TransferError:
    return TransferError(f"{shown(url)} redirects in a circle. Check the address in the catalogue.", reason="not_found")


def _size(status: int, headers: requests.structures.CaseInsensitiveDict[str]) -> int | None:
    if status in {206, 416}:
        return number(headers.get("Content-Range", "").rpartition("/")[2])
    return number(headers.get("Content-Length", ""))


def _location(url: str, response: requests.Response) -> str:
    location = response.headers.get("Location", "")
    if not location:
        raise Transient(f"{shown(url)} redirects to nowhere. It is tried again.")
    return location


def _unquoted(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


def _with_url(facts: Facts, url: str, warning: str) -> Facts:
    return Facts(**{**facts.__dict__, "url": url, "warning": warning or facts.warning})
