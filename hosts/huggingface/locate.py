"""Where a file of the Hub really is, and what the Hub says of it: with the token, and without one where that fails."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import requests

from hosts.answers import TRANSIENT_STATUSES, Facts, Located, busy_error, expiry, message_of
from hosts.direct import MAX_HOPS, REDIRECTS, arrived, location_of, redirects_in_a_circle, unquoted, walk
from hosts.huggingface.addresses import Hub
from hosts.huggingface.refusals import is_gate, is_the_tokens_fault, may_be_the_tokens_fault, refusal
from hosts.huggingface.tokens import LIMIT_HINT
from webclient.client import WebClient, number
from webclient.errors import TransferError
from webclient.url_policy import check_address, next_hop

SHA256 = re.compile(r"[0-9a-f]{64}")
LEFT_OUT = "The saved Hugging Face token is not valid; this file needs none and was fetched without it."
UNNEEDED = "This file was refused to the saved Hugging Face token; it needs none and was fetched without it."


def locate(client: WebClient, hub: Hub, url: str, hops: int = 0) -> Located:
    """Walk from a canonical address to the bytes. Raises TransferError; Transient when a retry may help."""
    with_token = client.carries_token(url)
    if with_token and client.credentials.is_refused(url):
        with client.get(url, anonymous=True) as response:
            if response.status_code in REDIRECTS | {200}:
                return _from_hub(client, hub, url, response, LEFT_OUT, hops)
    with client.get(url) as response:
        if response.status_code in REDIRECTS | {200}:
            try:
                return _from_hub(client, hub, url, response, "", hops)
            except TransferError as failure:
                if not with_token or failure.retry or failure.reason not in {"not_a_model", "not_found", "error"}:
                    raise
                astray = failure
            return _walk_again_without_token(client, hub, url, astray, hops)
        message = message_of(response)
        if not (with_token and may_be_the_tokens_fault(response, message)):
            raise refusal(hub, client, url, response, message, with_token=with_token)
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
            raise refusal(hub, client, url, refused, said, with_token=True)
        if is_gate(response):
            raise refusal(hub, client, url, response, message, with_token=True)
        if response.status_code in TRANSIENT_STATUSES:
            raise busy_error(response, hub.name, LIMIT_HINT)
        if not is_stale:
            raise refusal(hub, client, url, refused, said, with_token=True)
        without = refusal(hub, client, url, response, message, with_token=False)
        if without.reason == "not_found" and response.status_code == 401:
            sentence = f"{without} The saved token is no help: {hub.name} refuses it."
            raise TransferError(sentence, reason=without.reason, link=without.link)
        raise without


def _from_hub(client: WebClient, hub: Hub, url: str, response: requests.Response, warning: str, hops: int) -> Located:
    """Facts stand only on the Hub's own first answer; the CDN's ETag is another hash.

    With a warning the token was left out, and is left out of what follows.
    """
    headers = response.headers
    linked = unquoted(headers.get("X-Linked-ETag", ""))
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
        return arrived(url, response, facts, anonymous)
    response.close()
    target = next_hop(url, location_of(url, response), client.options.allow_private_hosts)
    if facts.size is not None:
        return Located(facts, target, expiry(target), anonymous)
    if hub.owns(target) and "/resolve/" in urlsplit(target).path:  # a renamed repository
        moved = _moved(client, hub, target, hops + 1)
        return Located(_with_url(moved.facts, url, warning), moved.link, moved.expires, moved.anonymous)
    return walk(client, target, facts, anonymous)


def _with_url(facts: Facts, url: str, warning: str) -> Facts:
    return Facts(**{**facts.__dict__, "url": url, "warning": warning or facts.warning})


def _moved(client: WebClient, hub: Hub, url: str, hops: int) -> Located:
    """A repository under its new name, which may be one of another place on the Hub's host."""
    if hops > MAX_HOPS:
        raise redirects_in_a_circle(url)
    url = check_address(hub.canonical(url), client.options.allow_private_hosts)
    return locate(client, hub, url, hops) if hub.keeps(url) else walk(client, url, Facts(url))
