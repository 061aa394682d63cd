"""Which addresses may be asked, and what of them may be shown.

http and https only, no credentials in a URL, and no way into the machine's own network. Every hop of a redirect passes
`check_address`, and every connected socket `check_peer`: a name that resolves differently next time gains nothing.

By hand, not requests-hardened: it judges names and cannot end all sockets at once; advocate has no maintainer.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from urllib.parse import SplitResult, unquote, urljoin, urlsplit, urlunsplit

import idna

from webclient.errors import TransferError
from webclient.networks import METADATA_NAMES, is_metadata, is_public

LOCAL_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
MIRROR_HINT = "A mirror on your own network is allowed by COMFYDASH_ALLOW_PRIVATE_HOSTS=on."
PRIVATE_PROBLEM = "it leads into this machine's own network"
METADATA_PROBLEM = "it is a cloud's metadata service, which holds this machine's own credentials and is never asked"
_PORTS = {"http": 80, "https": 443}
MOST_OF_NAME = 253  # letters of a host's name
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")

# What a query may carry. Account secrets open more than one file: they are taken out before anything is stored.
# Signatures are part of the address: kept in the row that fetches, shown to nobody.
ACCOUNT_SECRETS = frozenset({"token", "access_token", "api_key", "apikey", "key", "hf_token"})
SIGNATURES = frozenset({"sig", "signature", "expires", "se", "sp", "verify", "authorization"})
SIGNATURE_KINDS = ("x-amz-", "x-goog-")
_NAMES_IN_TEXT = "|".join([*sorted(ACCOUNT_SECRETS | SIGNATURES), *(rf"{kind}[\w-]+" for kind in SIGNATURE_KINDS)])
_SECRET_IN_TEXT = re.compile(rf"([?&;](?:{_NAMES_IN_TEXT})=)[^\s&;#\"'<>“”)\]\\]+", re.IGNORECASE)
_LOGIN_IN_TEXT = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/?#\"'<>\\]*@", re.IGNORECASE)


def check_address(url: str, allow_private_hosts: bool = False) -> str:
    """The URL as it is asked: no blanks around it, %20 for those inside its path and query.

    Raises TransferError (forbidden_address) for one that is never asked.
    """
    url = url.strip()
    if problem := address_problem(url):
        raise _forbidden(url, problem)
    parts = urlsplit(url)
    problem = _host_problem(parts.hostname or "", allow_private_hosts)
    if problem:
        raise _forbidden(url, problem)
    return url.replace(" ", "%20")


def address_problem(url: str) -> str:
    """Why an address can never be fetched, whatever its host, as the end of a sentence; "" when it may be.

    Each slip that people make has words of its own, with what to write instead.
    """
    url = url.strip()
    if not url:
        return "it is empty. Paste the address of a file"
    if re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]", url):
        return "it holds a control or an invisible character. Copy it again, or type it"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "it cannot be read: its host is no name and no address"
    if parts.scheme == "hf":
        return (
            "hf:// names a file of Hugging Face, and only http and https are fetched. Write it as "
            "https://huggingface.co/ORG/REPO/resolve/main/FILE"
        )
    if parts.scheme not in _PORTS:
        return _scheme_problem(url, parts)
    try:
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return "its port is no number from 1 to 65535"
    if parts.username is not None or parts.password is not None:
        return "it carries a user name or a password, and those are not sent; put a token into Settings instead"
    if not host:
        return "it names no host"
    if re.search(r"[\s\\]", parts.netloc) or "\\" in url:
        return "its host holds a blank or a backslash"
    if port == 0:
        return "its port is 0; ports go from 1 to 65535"
    if _ascii_name(host) is None:
        return "its host is no name that the network knows"
    return ""


def _scheme_problem(url: str, parts: SplitResult) -> str:
    if url.startswith("//"):
        return "its beginning is missing. Write https: in front of it"
    named = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):(?!\d+(/|$))", url)
    if not named or "." in named[1]:
        return "its beginning is missing. Write https:// in front of it"
    return f"only http and https are fetched, not {parts.scheme[:20]}:. Look for an https:// address of the file"


def _ascii_name(host: str) -> str | None:
    """The host as the network knows it (internationalised names in their ASCII form); None when it is no name."""
    name = host.partition("%")[0] if ":" in host else host
    if ":" in name:
        with suppress(ValueError):
            return str(ipaddress.IPv6Address(name))
        return None
    with suppress(UnicodeError):
        name = name if name.isascii() else idna.encode(name, uts46=True).decode()
        name = name.removesuffix(".").lower()
        return name if len(name) <= MOST_OF_NAME and _NAME.fullmatch(name) else None
    return None


def _host_problem(host: str, allow_private_hosts: bool) -> str:
    """Why this host is never asked. Names are judged again, by what they resolve to, before a socket connects."""
    name = _ascii_name(host) or ""
    with suppress(ValueError):
        address = ipaddress.ip_address(name)
        if is_metadata(address):
            return METADATA_PROBLEM
        return "" if allow_private_hosts or is_public(address) else PRIVATE_PROBLEM
    if name in METADATA_NAMES:
        return METADATA_PROBLEM
    # 127.1, 0x7f000001 and 2130706433 are addresses to a resolver although they are none to ipaddress.
    if not allow_private_hosts and re.fullmatch(r"(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+))*", name):
        return PRIVATE_PROBLEM
    if not allow_private_hosts and (name == "localhost" or name.endswith(LOCAL_NAMES)):
        return PRIVATE_PROBLEM
    return ""


def check_peer(peer: str, allow_private_hosts: bool = False) -> None:
    """Judge the address that a socket is to reach, or has reached. Raises TransferError (forbidden_address)."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return
    if is_metadata(address):
        raise TransferError(f"The address leads to {peer}: {METADATA_PROBLEM}.", reason="forbidden_address")
    if not allow_private_hosts and not is_public(address):
        raise TransferError(
            f"The address leads to {peer}, in this machine's own network, and is not fetched. {MIRROR_HINT}",
            reason="forbidden_address",
        )


def next_hop(url: str, location: str, allow_private_hosts: bool) -> str:
    """Where a redirect leads. Raises TransferError (forbidden_address), also for one from https down to http."""
    with suppress(UnicodeError):  # a header comes as Latin-1, but what servers write there is UTF-8
        location = location.encode("latin-1").decode()
    try:
        target = urljoin(url, location.strip())
    except ValueError:
        target = location
    target = check_address(target, allow_private_hosts)
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme == "http":
        raise _forbidden(target, "it is a redirect from https to http")
    return target


def origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)


def shown(url: str) -> str:
    """A URL fit for a sentence: no credentials, and no query, where signatures live. What is none stays as written."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, host, port = SplitResult("", "", "", "", ""), "", ""
    if not parts.scheme or not host:
        # No login, no query: whatever was meant to stand before an @ or behind a ? may be a secret.
        return re.split(r"[?#]", url)[0].rpartition("@")[2][:300]
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{port}{parts.path or '/'}"[:300]


def masked(url: str) -> str:
    """A URL as it may be shown: no credentials, *** for the value of each secret and signature in its query.

    For everything that leaves the row: pages, API, events, commands, exports. Whoever fetches needs the URL itself.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return shown(url)
    query = "&".join(
        f"{part.partition('=')[0]}=***" if is_secret_name(part) or is_signature_name(part) else part
        for part in parts.query.split("&")
    )
    # A fragment is never sent, but what is pasted into one (#access_token=…) is as secret.
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query, fragment=""))


def masked_text(text: str) -> str:
    """A text with *** for each secret and signature of the addresses in it, and without their logins."""
    if "=" not in text and "@" not in text:
        return text
    return _LOGIN_IN_TEXT.sub(r"\1***@", _SECRET_IN_TEXT.sub(r"\1***", text))


def is_signed(url: str) -> bool:
    """Whether the address works only for whoever holds the signature in its query, and for a while."""
    return any(is_signature_name(part) for part in _query(url))


def without_secrets(url: str) -> tuple[str, tuple[str, ...]]:
    """The URL without user, password and account secrets, and the names of what was taken out."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, ()
    taken = [unquote(part.partition("=")[0]) for part in parts.query.split("&") if is_secret_name(part)]
    if "@" in parts.netloc:
        taken.insert(0, "user name and password")
    if not taken:
        return url, ()
    query = "&".join(part for part in parts.query.split("&") if not is_secret_name(part))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query)), tuple(taken)


def without_signature(url: str) -> str:
    """What stays the same when a link is signed anew."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(part for part in _query(url) if not is_signature_name(part))))


def is_secret_name(part: str) -> bool:
    """Whether a part of a query (name=value) is an account secret."""
    return unquote(part.partition("=")[0]).strip().lower() in ACCOUNT_SECRETS


def is_signature_name(part: str) -> bool:
    name = unquote(part.partition("=")[0]).strip().lower()
    return name in SIGNATURES or name.startswith(SIGNATURE_KINDS)


def _query(url: str) -> list[str]:
    try:
        return [part for part in urlsplit(url).query.split("&") if part]
    except ValueError:
        return []


def _forbidden(url: str, problem: str) -> TransferError:
    hint = f" {MIRROR_HINT}" if problem == PRIVATE_PROBLEM else ""
    return TransferError(f"The address {shown(url)} is not fetched: {problem}.{hint}", reason="forbidden_address")
