"""What a refusal means, in words that say what to do. Look at X-Error-Code first, then at the status."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import requests

from webclient.client import NETWORK_ERRORS, Web
from webclient.errors import TransferError, Transient
from webclient.url_policy import Hub, shown

TOKEN_PAGE = "/settings/tokens"  # noqa: S105 - a page's path
MESSAGE_BYTES = 4096
LIMIT_HINT = " A token raises the limit."
GATED_SCOPE = "public gated repositories"  # what a fine-grained token lacks, in the Hub's words
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 509, *range(520, 531)})


def message_of(response: requests.Response) -> str:
    """What the server says about a refusal: X-Error-Message, else the start of a text body. Closes the response."""
    said = response.headers.get("X-Error-Message", "")
    try:
        body = b"" if said else response.raw.read(MESSAGE_BYTES, decode_content=True)
    except NETWORK_ERRORS:
        body = b""
    finally:
        response.close()
    return said or body.decode("utf-8", "replace")


# What Hubs and mirrors have been seen to say of a token with a 403; a 401 is about the token whatever its words.
_BAD_TOKEN = re.compile(
    r"invalid (username or password|credentials|(access |user |api )?token)|(token|credentials?)\b.{0,40}\b"
    r"(expired|revoked|invalid|not valid|unknown)|(expired|revoked) .{0,20}token"
)


def is_the_tokens_fault(response: requests.Response, message: str) -> bool:
    """The Hub refuses the token itself, not what it asks for."""
    return response.status_code == 401 or bool(_BAD_TOKEN.search(message.lower()))


def may_be_the_tokens_fault(response: requests.Response, message: str) -> bool:
    """The token is refused, or may be: the file itself may need none. Mirrors and gateways have many ways to say so."""
    if response.status_code == 401:
        return True
    told = response.headers.get("X-Error-Code", "") in {"GatedRepo", "EntryNotFound", "RevisionNotFound"}
    return response.status_code in {400, 403, 404} and not told and GATED_SCOPE not in message.lower()


def is_gate(response: requests.Response) -> bool:
    return response.headers.get("X-Error-Code", "") == "GatedRepo"


def hub_refusal(hub: Hub, web: Web, url: str, response: requests.Response, message: str, token: str) -> TransferError:
    """The TransferError for an answer of the Hub that is neither the file nor a redirect."""
    code, status = response.headers.get("X-Error-Code", ""), response.status_code
    repo, page, said = hub.repository(url), hub.page(url), message.lower()
    if status in TRANSIENT_STATUSES:
        return busy(response, hub.name, LIMIT_HINT)
    if code == "GatedRepo" and not token:
        sentence = f"{repo} needs a Hugging Face token. Accept its licence at {page}, then add a token in Settings."
        return TransferError(sentence, reason="token_required", link=page)
    if code == "GatedRepo" and status == 401 and not token_is_valid(hub, web, token):
        return _invalid_token(hub, repo)
    if code == "GatedRepo" and "awaiting a review" in said:
        sentence = f"The authors of {repo} have not granted access yet. It is asked again from time to time."
        return TransferError(sentence, reason="access_pending", link=page)
    if code == "GatedRepo":
        sentence = f"Accept the licence at {page} with the account of your token; the install then goes on by itself."
        return TransferError(sentence, reason="licence_required", link=page)
    if GATED_SCOPE in said:
        link = hub.endpoint.rstrip("/") + TOKEN_PAGE
        sentence = f"Your token may not read gated repositories. Tick “public gated repositories” for it at {link}."
        return TransferError(sentence, reason="token_scope", link=link)
    if status == 403 and "disabled" in said:
        return TransferError(f"{hub.name} took {repo} down. Look for another source.", reason="not_found", link=page)
    return _not_there(hub, url, code, status, token)


def _not_there(hub: Hub, url: str, code: str, status: int, token: str) -> TransferError:
    repo, page = hub.repository(url), hub.page(url)
    if code == "EntryNotFound":
        sentence = f"{repo} has no such file any more. Its address in the catalogue is wrong: look at {page}."
    elif code == "RevisionNotFound":
        sentence = f"{repo} has no such revision. Its address in the catalogue is wrong: look at {page}."
    elif code == "RepoNotFound" or (status == 404 and token):
        sentence = f"There is no repository {repo}, or your token may not see it. Check the address at {page}."
    elif status == 401 and token:
        return _invalid_token(hub, repo)
    elif status == 401:
        sentence = f"{repo} is private or does not exist. Check the address, or add a token that may see it."
    elif status == 404:
        sentence = f"{hub.name} has nothing at {shown(url)}. Check the address in the catalogue."
    else:
        sentence = f"{hub.name} refuses {repo} (status {status}). Open {page} to see why."
        return TransferError(sentence, reason="error", link=page)
    return TransferError(sentence, reason="not_found", link=page)


def _invalid_token(hub: Hub, repo: str) -> TransferError:
    link = hub.endpoint.rstrip("/") + TOKEN_PAGE
    sentence = (
        f"The Hugging Face token is not valid any more, and {repo} needs one. Make a new one and save it in Settings."
    )
    return TransferError(sentence, reason="token_invalid", link=link)


def token_is_valid(hub: Hub, web: Web, token: str) -> bool:
    """Ask the Hub who the token is (a GET: answers to HEAD are not reliable). Raises Transient.

    A mirror that does not know the question says nothing against the token.
    """
    url = hub.endpoint.rstrip("/") + "/api/whoami-v2"
    with web.get(url, token=token if hub.may_see_token(url) else "") as response:
        if response.status_code in TRANSIENT_STATUSES:
            raise busy(response, hub.name, LIMIT_HINT)
        return response.status_code not in {401, 403}


def host_refusal(url: str, response: requests.Response) -> TransferError:
    """The TransferError for a refusal of any other host."""
    host, status = shown(url).split("/")[2], response.status_code
    if status in TRANSIENT_STATUSES:
        return busy(response, host)
    if status in {404, 410}:
        sentence = f"{host} has nothing at {shown(url)} (status {status}). Check the address in the catalogue."
        return TransferError(sentence, reason="not_found")
    if status in {401, 403, 407, 451}:
        sentence = f"{host} refuses to hand out the file (status {status}). Open {shown(url)} in a browser to see why."
        return TransferError(sentence, reason="error")
    return TransferError(f"{host} answered with status {status} instead of a file. Try later.", reason="error")


def busy(response: requests.Response, host: str, hint: str = "") -> Transient:
    """429 and the 5xx family, with the pause that the host asks for when it does."""
    wait = asked_pause(response.headers)
    asks = "" if wait is None else f" and asks to be left alone for {_span(wait)}"
    if response.status_code == 429:
        sentence = f"{host} is rate limited{asks}.{hint} It is tried again."
    else:
        sentence = f"{host} has a problem of its own (status {response.status_code}){asks}. It is tried again."
    return Transient(sentence, wait=wait)


def asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds from Retry-After (number or date), else from `RateLimit: "name";r=0;t=SECONDS`; None when not said."""
    said = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d*)?", said, re.ASCII):
        return float(said)
    if said:
        try:
            return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
        except (ValueError, TypeError, OverflowError):
            pass
    limit = headers.get("RateLimit", "")
    left, reset = (re.search(rf"\b{name}=(\d+)", limit, re.ASCII) for name in "rt")
    if left and reset and not left[1].strip("0"):
        return float(reset[1])
    return None


def _span(seconds: float) -> str:
    for unit, length in (("s", 1), ("min", 60), ("h", 3600)):
        if seconds <= 90 * length:
            return f"{math.ceil(seconds / length)} {unit}"
    return "days"
