"""Any host that is none of those with a module of their own: what its refusals mean. It never gets a token."""

from __future__ import annotations

import requests

from hosts.answers import TRANSIENT_STATUSES, busy_error
from webclient.errors import TransferError
from webclient.url_policy import shown


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
