"""What the Hub means when it does not hand a file out."""

from __future__ import annotations

import re

import requests

from hosts.answers import TRANSIENT_STATUSES, busy_error
from hosts.huggingface.addresses import Hub
from hosts.huggingface.tokens import LIMIT_HINT, token_is_valid
from webclient.client import WebClient
from webclient.errors import TransferError
from webclient.url_policy import shown

TOKEN_PAGE = "/settings/tokens"  # noqa: S105 - a page's path
GATED_SCOPE = "public gated repositories"  # what a fine-grained token lacks, in the Hub's words

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


def refusal(
    hub: Hub, client: WebClient, url: str, response: requests.Response, message: str, *, with_token: bool
) -> TransferError:
    """The TransferError for an answer of the Hub that is neither the file nor a redirect."""
    code, status = response.headers.get("X-Error-Code", ""), response.status_code
    repo, page, said = hub.repository(url), hub.page(url), message.lower()
    if status in TRANSIENT_STATUSES:
        return busy_error(response, hub.name, LIMIT_HINT)
    if code == "GatedRepo" and not with_token:
        sentence = f"{repo} needs a Hugging Face token. Accept its licence at {page}, then add a token in Settings."
        return TransferError(sentence, reason="token_required", link=page)
    if code == "GatedRepo" and status == 401 and not token_is_valid(hub, client):
        return _invalid_token(hub, repo)
    if code == "GatedRepo" and "awaiting a review" in said:
        sentence = f"The authors of {repo} have not granted access yet. It is asked again from time to time."
        return TransferError(sentence, reason="access_pending", link=page)
    if code == "GatedRepo":
        sentence = f"Accept the licence at {page} with the account of your token; the install then goes on by itself."
        return TransferError(sentence, reason="licence_required", link=page)
    if GATED_SCOPE in said:
        link = hub.endpoint + TOKEN_PAGE
        sentence = f"Your token may not read gated repositories. Tick “public gated repositories” for it at {link}."
        return TransferError(sentence, reason="token_scope", link=link)
    if status == 403 and "disabled" in said:
        return TransferError(f"{hub.name} took {repo} down. Look for another source.", reason="not_found", link=page)
    return _not_there(hub, url, code, status, with_token)


def _not_there(hub: Hub, url: str, code: str, status: int, with_token: bool) -> TransferError:
    repo, page = hub.repository(url), hub.page(url)
    if code == "EntryNotFound":
        sentence = f"{repo} has no such file any more. Its address in the catalogue is wrong: look at {page}."
    elif code == "RevisionNotFound":
        sentence = f"{repo} has no such revision. Its address in the catalogue is wrong: look at {page}."
    elif code == "RepoNotFound" or (status == 404 and with_token):
        sentence = f"There is no repository {repo}, or your token may not see it. Check the address at {page}."
    elif status == 401 and with_token:
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
    link = hub.endpoint + TOKEN_PAGE
    sentence = (
        f"The Hugging Face token is not valid any more, and {repo} needs one. Make a new one and save it in Settings."
    )
    return TransferError(sentence, reason="token_invalid", link=link)
