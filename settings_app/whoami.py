"""Whose token is this? One GET to the Hub's whoami-v2, which never hangs and never follows a redirect."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from django.views.decorators.debug import sensitive_variables

from downloads.transfer import Options
from hosts.huggingface.addresses import Hub
from hosts.huggingface.host import HuggingFace
from hosts.huggingface.tokens import whoami
from webclient.client import NETWORK_ERRORS, WebClient, explain
from webclient.errors import TransferError

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0  # for each read, and (twice that) for all of them
MOST_BYTES = 1_000_000


class InvalidToken(Exception):
    pass


class HubUnreachable(Exception):
    """Nothing is known about the token; the message names the host."""


@dataclass(frozen=True)
class Identity:
    username: str
    role: str  # as the Hub says it: read, write, fineGrained
    can_read_gated: bool | None  # only fine-grained tokens say

    @property
    def sentence(self) -> str:
        """Who it is and what it may do, in words."""
        if self.can_read_gated is False:
            return (
                f"{self.username}, but this fine-grained token may not read gated repositories. Tick “Read access to"
                " contents of all public gated repos you can access” in the token's settings on the Hub."
            )
        kind = {"read": "a read token", "write": "a write token", "fineGrained": "a fine-grained token"}.get(
            self.role, "a token"
        )
        more = " Reading is all that is needed here; a read token would be safer." if self.role == "write" else ""
        return f"{self.username}, with {kind}: gated files can be fetched once their licence is accepted.{more}"


@sensitive_variables("token")
def ask(endpoint: str, token: str, *, allow_private_hosts: bool = False) -> Identity:
    """Raises InvalidToken or HubUnreachable."""
    hub = Hub(endpoint)
    host = _host_that_may_see_it(hub)
    options = Options(
        allow_private_hosts=allow_private_hosts, connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS
    )
    try:
        with WebClient(options, HuggingFace(endpoint, token)) as client, whoami(client, hub) as answer:
            _refuse_by_status(answer.status_code, host)
            body = _read(answer, host)
    except TransferError as refusal:
        raise HubUnreachable(_why(refusal, refusal.__cause__, host)) from refusal
    except NETWORK_ERRORS as error:  # in the middle of the answer
        raise HubUnreachable(_why(explain(error, endpoint), error, host)) from error
    return _identity(body, host)


def _why(refusal: TransferError, cause: BaseException | None, host: str) -> str:
    if isinstance(cause, requests.Timeout):
        return f"{host} did not answer in time. Try again in a moment."
    if not refusal.retry:  # an address that is never asked, authorities that are not there, a proxy that is none
        return str(refusal)
    return f"{host} cannot be reached. Check this machine's network, then try again."


def _host_that_may_see_it(hub: Hub) -> str:
    parts = urlsplit(hub.endpoint)
    host = parts.hostname or ""
    if not host or parts.scheme not in {"http", "https"}:
        raise HubUnreachable("HF_ENDPOINT is not a web address. Set it like https://huggingface.co.")
    if not hub.may_see_token(hub.endpoint):
        raise HubUnreachable(f"{host} is not asked: the token travels over https only. Set HF_ENDPOINT to https://…")
    return host


def _refuse_by_status(status: int, host: str) -> None:
    if status == 401:
        raise InvalidToken(f"{host} does not know this token: mistyped, expired or revoked. Make a new one there.")
    if status == 403:
        raise InvalidToken(f"{host} refuses this token. Look at it in your token settings there.")
    if status == 429:
        raise HubUnreachable(f"{host} asks to wait, it got too many requests. Try again in some minutes.")
    if status >= 500:
        raise HubUnreachable(f"{host} has a problem of its own (answer {status}). Try again later.")
    if status != 200:
        raise HubUnreachable(f"{host} does not answer like a Hub (answer {status}). Check HF_ENDPOINT.")


def _read(answer: requests.Response, host: str) -> bytes:
    deadline = time.monotonic() + 2 * READ_SECONDS
    body = b""
    for chunk in answer.iter_content(16_384):
        body += chunk
        if len(body) > MOST_BYTES or time.monotonic() > deadline:
            raise HubUnreachable(f"{host} does not answer like a Hub (no end of it). Check HF_ENDPOINT.")
    return body


def _identity(body: bytes, host: str) -> Identity:
    try:
        document = json.loads(body)
    except ValueError:  # undecodable bytes too
        document = None
    name = document.get("name") if isinstance(document, dict) else None
    if not isinstance(name, str) or not name:
        raise HubUnreachable(
            f"{host} answered something that is not from a Hub. Is a login page of the network in between? Check that,"
            " and HF_ENDPOINT."
        )
    access = _dictionary(_dictionary(document.get("auth")).get("accessToken"))
    role, gated = access.get("role"), _dictionary(access.get("fineGrained")).get("canReadGatedRepos")
    return Identity(
        name[:100],
        role[:40] if isinstance(role, str) else "",
        gated if isinstance(gated, bool) else None,
    )


def _dictionary(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
