"""The Hub of Hugging Face, or a mirror of it: its addresses, its token, and who a token is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import requests

from hosts import stale_tokens
from hosts.answers import TRANSIENT_STATUSES, busy_error
from webclient.client import WebClient
from webclient.credentials import can_be_sent
from webclient.errors import TransferError
from webclient.networks import is_loopback
from webclient.url_policy import origin, shown

HUB_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
# ORG/REPO, datasets/ORG/REPO, or the bare name of an old repository, in front of /resolve/REV/PATH and its kin.
_REPOSITORY = re.compile(r"/((?:(?:datasets|spaces)/)?[^/]+(?:/[^/]+)?)/(resolve|blob|raw|tree)/")
TOKEN_PAGE = "/settings/tokens"  # noqa: S105 - a page's path
LIMIT_HINT = " A token raises the limit."
GATED_SCOPE = "public gated repositories"  # what a fine-grained token lacks, in the Hub's words


class Hub:
    """The Hub that is configured: huggingface.co, or the mirror that HF_ENDPOINT names in its place."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._parts = urlsplit(self.endpoint)

    @property
    def name(self) -> str:
        return "Hugging Face" if self._parts.hostname in HUB_HOSTS else self._parts.netloc.rpartition("@")[2]

    def canonical(self, url: str) -> str:
        """A catalogue's URL as it is asked: at the configured Hub, /resolve/ for /blob/ (a web page) and /raw/ (a
        pointer in place of a model)."""
        parts = urlsplit(url)
        if _is_hub_host(parts):
            path = f"{self._parts.path.rstrip('/')}/{parts.path.lstrip('/')}"
            parts = SplitResult(self._parts.scheme, self._parts.netloc, path, parts.query, "")
        if self.keeps(urlunsplit(parts)) and _REPOSITORY.match(parts.path, self._prefix):
            path = quote(self._resolving(parts.path, self._prefix), safe="/%:@!$&'()*+,;=~-._")
            parts = parts._replace(path=path, query="", fragment="")
        return urlunsplit(parts)

    def is_its_address(self, url: str) -> bool:
        """Whether a catalogue's URL is one of this Hub: only there are /blob/, /raw/ and /resolve/ a file's page, its
        pointer and the file."""
        return _is_hub_host(urlsplit(url)) or self.keeps(url)

    def file_address(self, url: str) -> str:
        """A URL of this Hub as catalogues keep it, on the host that it names; any other URL as it is."""
        if not self.is_its_address(url):
            return url
        parts = urlsplit(url)
        prefix = self._prefix if self.keeps(url) else 0
        if not _REPOSITORY.match(parts.path, prefix):
            return url
        return urlunsplit(parts._replace(path=self._resolving(parts.path, prefix), query="", fragment=""))

    @staticmethod
    def _resolving(path: str, prefix: int) -> str:
        found = _REPOSITORY.match(path, prefix)
        if found and found[2] in {"blob", "raw"}:
            return f"{path[: found.end(1)]}/resolve/{path[found.end() :]}"
        return path

    def repository_page(self, url: str) -> str:
        """``https://HOST/ORG/REPO`` of a file's address; "" where it is none of this Hub."""
        if not self.is_its_address(url):
            return ""
        parts = urlsplit(url)
        found = _REPOSITORY.match(parts.path, self._prefix if self.keeps(url) else 0)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path[: found.end(1)]}" if found else ""

    @property
    def _prefix(self) -> int:
        """The length of the path below which a mirror keeps everything."""
        return len(self._parts.path.rstrip("/"))

    def owns(self, url: str) -> bool:
        return origin(url) == origin(self.endpoint)

    def keeps(self, url: str) -> bool:
        """Whether it lies below the endpoint: the host of a mirror may have other things beside it."""
        return self.owns(url) and urlsplit(url).path.startswith(self._parts.path.rstrip("/") + "/")

    def may_see_token(self, url: str) -> bool:
        """Only the Hub itself, and only where nobody listens: https, or http on this very machine."""
        scheme, host, _ = origin(url)
        return self.owns(url) and (scheme == "https" or is_loopback(host))

    def repository(self, url: str) -> str:
        """``ORG/REPO`` of a resolve URL; the path where it is none."""
        path = urlsplit(url).path
        found = _REPOSITORY.match(path, self._prefix)
        return found[1] if found else path[self._prefix :].strip("/")[:200]

    def about(self, url: str) -> str:
        """Where the Hub tells about the repository of a URL, whether it is gated among other things."""
        repository = self.repository(url)
        kind = "" if repository.startswith(("datasets/", "spaces/")) else "models/"
        return f"{self.endpoint}/api/{kind}{repository}"

    def page(self, url: str) -> str:
        """The repository's web page, where licences are accepted."""
        return f"{self.endpoint}/{self.repository(url)}"


def _is_hub_host(parts: SplitResult) -> bool:
    return (parts.hostname or "").lower().removesuffix(".") in HUB_HOSTS


@dataclass(frozen=True)
class HubCredentials:
    """The token of this Hub, for requests to this Hub and to nobody else."""

    hub: Hub
    token: str

    def token_for(self, url: str) -> str:
        return self.token if self.hub.may_see_token(url) and can_be_sent(self.token) else ""

    def is_refused(self, url: str) -> bool:
        return stale_tokens.is_stale(self.hub.endpoint, self.token)

    def refuse(self, url: str) -> None:
        stale_tokens.note(self.hub.endpoint, self.token)


def whoami(client: WebClient, hub: Hub) -> requests.Response:
    """The Hub's answer to who the client's token is, its body not read yet. Raises what `WebClient.get` raises.

    A GET: answers to HEAD are not reliable there.
    """
    return client.get(f"{hub.endpoint}/api/whoami-v2", {"Accept": "application/json"})


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


def token_is_valid(hub: Hub, client: WebClient) -> bool:
    """Ask the Hub who the client's token is. Raises Transient.

    A mirror that does not know the question says nothing against the token.
    """
    with whoami(client, hub) as response:
        if response.status_code in TRANSIENT_STATUSES:
            raise busy_error(response, hub.name, LIMIT_HINT)
        return response.status_code not in {401, 403}
