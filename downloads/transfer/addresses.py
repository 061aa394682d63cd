"""Which addresses may be asked, and which host is the Hub.

http and https only, no credentials in a URL, and no way into the machine's own network. Every hop of a redirect passes
`check_address`, and every connected socket `check_peer`: a name that resolves differently next time gains nothing.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

from downloads.transfer.errors import TransferError

HUB_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
LOCAL_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}
# ORG/REPO, datasets/ORG/REPO, or the bare name of an old repository, in front of /resolve/REV/PATH and its kin.
_REPOSITORY = re.compile(r"/((?:(?:datasets|spaces)/)?[^/]+(?:/[^/]+)?)/(resolve|blob|raw|tree)/")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_address(url: str, allow_private_hosts: bool = False) -> str:
    """The URL without blanks around it. Raises TransferError (forbidden_address) for one that is never asked."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise _forbidden(url, "it cannot be read") from error
    if parts.scheme not in _PORTS:
        raise _forbidden(url, "only http and https are fetched")
    if not host or re.search(r"[\s\\\x00-\x1f]", url):
        raise _forbidden(url, "it names no host, or holds blanks")
    if parts.username is not None or parts.password is not None:
        raise _forbidden(url, "it carries a password; put a token into Settings instead")
    if port == 0:
        raise _forbidden(url, "its port is 0")
    if not allow_private_hosts and not _may_be_public(host):
        raise _forbidden(url, "it leads into this machine's own network")
    return url


def _may_be_public(host: str) -> bool:
    """False for addresses and names that are known to be private; other names are judged once connected."""
    name = host.rstrip(".").lower()
    try:
        return is_public(ipaddress.ip_address(name.partition("%")[0]))
    except ValueError:
        pass
    # 127.1, 0x7f000001 and 2130706433 are addresses to a resolver although they are none to ipaddress.
    if re.fullmatch(r"(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+))*", name):
        return False
    return name != "localhost" and not name.endswith(LOCAL_NAMES)


def check_peer(peer: str) -> None:
    """Judge the address a socket is connected to. Raises TransferError (forbidden_address)."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return
    if not is_public(address):
        raise TransferError(
            f"The address leads to {peer}, in this machine's own network, and is not fetched. "
            "A mirror on your own network is allowed by COMFYDASH_ALLOW_PRIVATE_HOSTS=on.",
            reason="forbidden_address",
        )


def is_public(address: Address) -> bool:
    """False for loopback, private, link-local (cloud metadata), shared, multicast and reserved addresses."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def next_hop(url: str, location: str, allow_private_hosts: bool) -> str:
    """Where a redirect leads. Raises TransferError (forbidden_address), also for one from https down to http."""
    with suppress(UnicodeError):  # a header comes as Latin-1, but what servers write there is UTF-8
        location = location.encode("latin-1").decode()
    target = check_address(urljoin(url, location.strip().replace(" ", "%20")), allow_private_hosts)
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme == "http":
        raise _forbidden(target, "it is a redirect from https to http")
    return target


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port, for comparing."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)


def shown(url: str) -> str:
    """A URL fit for a sentence: no credentials, and no query, where signatures live."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "http://?/"
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme or 'http'}://{host}{port}{parts.path or '/'}"[:300]


def _forbidden(url: str, problem: str) -> TransferError:
    return TransferError(
        f"The address {shown(url)} is not fetched: {problem}. "
        "A mirror on your own network is allowed by COMFYDASH_ALLOW_PRIVATE_HOSTS=on.",
        reason="forbidden_address",
    )


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
        if (parts.hostname or "").lower() in HUB_HOSTS:
            path = self._parts.path.rstrip("/") + parts.path
            parts = SplitResult(self._parts.scheme, self._parts.netloc, path, parts.query, "")
        if self.owns(urlunsplit(parts)):
            path = parts.path
            found = _REPOSITORY.match(path, self._prefix)
            if found and found[2] in {"blob", "raw"}:
                path = f"{path[: found.end(1)]}/resolve/{path[found.end() :]}"
            parts = parts._replace(path=quote(path, safe="/%:@!$&'()*+,;=~-._"), query="", fragment="")
        return urlunsplit(parts)

    @property
    def _prefix(self) -> int:
        """The length of the path below which a mirror keeps everything."""
        return len(self._parts.path.rstrip("/"))

    def owns(self, url: str) -> bool:
        return origin(url) == origin(self.endpoint)

    def may_see_token(self, url: str) -> bool:
        """Only the Hub itself, and only where nobody listens: https, or http on this very machine."""
        scheme, host, _ = origin(url)
        return self.owns(url) and (scheme == "https" or _is_loopback(host))

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


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
