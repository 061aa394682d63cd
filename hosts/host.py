"""What is asked of every host that models come from."""

from __future__ import annotations

from typing import Protocol

from hosts.answers import Located
from webclient.client import WebClient
from webclient.credentials import Credentials


class Host(Credentials, Protocol):
    def is_its_address(self, url: str) -> bool:
        """Whether an address, as catalogues write it, means something on this host."""
        ...

    def canonical(self, url: str) -> str:
        """The address that is asked for the file: one spelling for all that mean the same."""
        ...

    def pinned(self, url: str, commit: str) -> str:
        """The address of the very version that `commit` names; the URL as it is where the host keeps no versions."""
        ...

    def page(self, url: str) -> str:
        """Where a person reads about the file, and accepts its licence; "" where the host has no such page."""
        ...

    def locate(self, client: WebClient, url: str) -> Located:
        """What the host says of the file, and the link that sends its bytes.

        `url` is canonical and was judged by `check_address`. Raises TransferError with a reason and a sentence;
        Transient when a later try may help.
        """
        ...

    def is_gated(self, client: WebClient, url: str) -> bool:
        """Whether the file stands behind a gate that the token opens; False also where the host does not say."""
        ...
