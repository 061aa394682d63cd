"""Whose token is this? The Hub's own answer."""

from __future__ import annotations

import requests

from hosts.answers import TRANSIENT_STATUSES, busy_error
from hosts.huggingface.addresses import Hub
from webclient.client import WebClient

LIMIT_HINT = " A token raises the limit."


def whoami(client: WebClient, hub: Hub) -> requests.Response:
    """The Hub's answer to who the client's token is, its body not read yet. Raises what `WebClient.get` raises.

    A GET: answers to HEAD are not reliable there.
    """
    return client.get(f"{hub.endpoint}/api/whoami-v2", {"Accept": "application/json"})


def token_is_valid(hub: Hub, client: WebClient) -> bool:
    """Ask the Hub who the client's token is. Raises Transient.

    A mirror that does not know the question says nothing against the token.
    """
    with whoami(client, hub) as response:
        if response.status_code in TRANSIENT_STATUSES:
            raise busy_error(response, hub.name, LIMIT_HINT)
        return response.status_code not in {401, 403}
