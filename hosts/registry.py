"""Every host that models come from. A new one is a module that answers as `Host` asks, and one row here."""

from __future__ import annotations

from hosts.direct import Direct
from hosts.host import Host
from hosts.huggingface.host import HuggingFace


def configured(hub_endpoint: str, hub_token: str = "") -> Hosts:
    """The hosts as this installation has them; the last one takes every address that is nobody else's."""
    return Hosts(
        HuggingFace(hub_endpoint, hub_token),
        Direct(),
    )


class Hosts:
    """Finds the host of an address. As credentials of a client, each host is asked for its own token alone."""

    def __init__(self, *hosts: Host) -> None:
        self._hosts = hosts

    def of(self, url: str) -> Host:
        return next(host for host in self._hosts if host.is_its_address(url))

    def canonical(self, url: str) -> str:
        return self.of(url).canonical(url)

    def token_for(self, url: str) -> str:
        return next((token for host in self._hosts if (token := host.token_for(url))), "")

    def is_refused(self, url: str) -> bool:
        return any(host.is_refused(url) for host in self._trusted_with(url))

    def refuse(self, url: str) -> None:
        for host in self._trusted_with(url):
            host.refuse(url)

    def _trusted_with(self, url: str) -> list[Host]:
        return [host for host in self._hosts if host.token_for(url)]
