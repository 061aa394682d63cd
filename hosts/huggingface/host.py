"""The Hub as one of the hosts that models come from."""

from __future__ import annotations

import json
from contextlib import suppress

from hosts import stale_tokens
from hosts.answers import Located
from hosts.huggingface.addresses import Hub
from hosts.huggingface.locate import locate
from webclient.client import NETWORK_ERRORS, WebClient
from webclient.credentials import can_be_sent
from webclient.errors import TransferError

MOST_SAID = 8 << 20  # bytes about a repository: its list of files can be long


class HuggingFace:
    """The Hub at an endpoint, with the token that only it may see."""

    def __init__(self, endpoint: str, token: str = "") -> None:
        self.hub = Hub(endpoint)
        self._token = token
        self._gated: dict[str, bool] = {}  # by the address that tells about the repository

    def is_its_address(self, url: str) -> bool:
        return self.hub.is_its_address(url)

    def canonical(self, url: str) -> str:
        return self.hub.canonical(url)

    def pinned(self, url: str, commit: str) -> str:
        return self.hub.pinned(url, commit)

    def page(self, url: str) -> str:
        return self.hub.repository_page(url)

    def locate(self, client: WebClient, url: str) -> Located:
        return locate(client, self.hub, url)

    def is_gated(self, client: WebClient, url: str) -> bool:
        """A token that opens a gate hides it in every other answer, so the Hub is asked, once for each repository;
        without a token the refusal says it."""
        url = self.hub.canonical(url)
        if not client.carries_token(url):
            return False
        about = self.hub.about(url)
        if about not in self._gated:
            self._gated[about] = _says_gated(client, about)
        return self._gated[about]

    def token_for(self, url: str) -> str:
        return self._token if self.hub.may_see_token(url) and can_be_sent(self._token) else ""

    def is_refused(self, url: str) -> bool:
        return stale_tokens.is_stale(self.hub.endpoint, self._token)

    def refuse(self, url: str) -> None:
        stale_tokens.note(self.hub.endpoint, self._token)


def _says_gated(client: WebClient, about: str) -> bool:
    """False also when the Hub does not say: nothing but a badge depends on it."""
    with suppress(TransferError, ValueError, *NETWORK_ERRORS):
        with client.get_or_without(about) as response:
            said = json.loads(response.raw.read(MOST_SAID, decode_content=True)) if response.ok else {}
        return isinstance(said, dict) and bool(said.get("gated"))
    return False
