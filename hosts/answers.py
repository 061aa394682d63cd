"""What hosts say: of a file, of the links that they sign, of their own state. The same for every host."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, urlsplit

import requests

from webclient.client import NETWORK_ERRORS, number
from webclient.errors import Transient

MESSAGE_BYTES = 4096
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 509, *range(520, 531)})


@dataclass(frozen=True)
class Facts:
    """What a host says of a URL before the first byte is fetched."""

    url: str
    size: int | None = None
    sha256: str = ""  # "" when the host does not say
    etag: str = ""  # the Hub's own, else a strong one; "" when there is none
    commit: str = ""
    modified: str = ""  # Last-Modified as sent, the identity of last resort
    resumable: bool = False
    gated: bool = False
    warning: str = ""  # for example: the token was refused and left out


@dataclass(frozen=True)
class Located:
    """Facts, and the address that sends the bytes. link is never stored: it may be signed and expires."""

    facts: Facts
    link: str
    expires: float | None  # seconds since the epoch
    anonymous: bool = False  # the token was refused on the way: the link is asked without it


def expiry(link: str) -> float | None:
    """When a signed link ends, in seconds since the epoch: CloudFront's spelling, Azure's, S3's and Google's."""
    query = {name.lower(): values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    if (ends := number(query.get("expires", ""))) is not None:
        return float(ends)
    with suppress(ValueError, OverflowError):
        if "sig" in query and "se" in query:
            return _utc(datetime.fromisoformat(query["se"]))
        for kind in ("x-amz", "x-goog"):
            lasts, signed = number(query.get(f"{kind}-expires", "")), query.get(f"{kind}-date", "")
            if lasts is not None and signed:
                return _utc(datetime.strptime(signed, "%Y%m%dT%H%M%SZ")) + lasts
    return None


def _utc(moment: datetime) -> float:
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def has_expired(expires: float | None, ahead: float = 60.0) -> bool:
    """Whether a link ends within `ahead` seconds: a request must not start on its last breath."""
    return expires is not None and time.time() > expires - ahead


def message_of(response: requests.Response) -> str:
    """What the server says about a refusal: X-Error-Message, else the start of a text body. Closes the response."""
    said = response.headers.get("X-Error-Message", "")
    try:
        body = b"" if said else response.raw.read(MESSAGE_BYTES, decode_content=True)
    except NETWORK_ERRORS:
        body = b""
    finally:
        response.close()
    return said or body.decode("utf-8", "replace")


def busy_error(response: requests.Response, host: str, hint: str = "") -> Transient:
    """429 and the 5xx family, with the pause that the host asks for when it does."""
    wait = asked_pause(response.headers)
    asks = "" if wait is None else f" and asks to be left alone for {_span(wait)}"
    if response.status_code == 429:
        sentence = f"{host} is rate limited{asks}.{hint} It is tried again."
    else:
        sentence = f"{host} has a problem of its own (status {response.status_code}){asks}. It is tried again."
    return Transient(sentence, wait=wait)


def asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds from Retry-After (number or date), else from `RateLimit: "name";r=0;t=SECONDS`; None when not said."""
    said = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d*)?", said, re.ASCII):
        return float(said)
    if said:
        try:
            return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
        except (ValueError, TypeError, OverflowError):
            pass
    limit = headers.get("RateLimit", "")
    left, reset = (re.search(rf"\b{name}=(\d+)", limit, re.ASCII) for name in "rt")
    if left and reset and not left[1].strip("0"):
        return float(reset[1])
    return None


def _span(seconds: float) -> str:
    for unit, length in (("s", 1), ("min", 60), ("h", 3600)):
        if seconds <= 90 * length:
            return f"{math.ceil(seconds / length)} {unit}"
    return "days"
