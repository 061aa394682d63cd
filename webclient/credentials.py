"""Who says whether a request may carry a secret: the client asks for each request, the module of a host answers."""

from __future__ import annotations

from typing import Protocol


class Credentials(Protocol):
    def token_for(self, url: str) -> str:
        """The token that a request to this very URL carries, "" where it may carry none."""
        ...

    def is_refused(self, url: str) -> bool:
        """Whether the host was found to refuse that token; then it is better left out where none is needed."""
        ...

    def refuse(self, url: str) -> None:
        """The host refused the token for something that it hands out without one."""
        ...


class Anonymous:
    """No request carries anything."""

    def token_for(self, url: str) -> str:
        return ""

    def is_refused(self, url: str) -> bool:
        return False

    def refuse(self, url: str) -> None:
        """There is no token to refuse."""


def can_be_sent(token: str) -> bool:
    """Whether a token fits into a header. One that does not (a line break, an invisible character) is none."""
    return token.isascii() and token.isprintable() and " " not in token
