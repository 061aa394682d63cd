"""The bytes of one file on its host: asked by Range, the link renewed when it ends, every answer checked."""

from __future__ import annotations

import re
import threading
from contextlib import ExitStack

import requests
from urllib3.response import HTTPResponse

from downloads.transfer.errors import LinkExpired, RangeRefused
from downloads.transfer.locate import locate
from downloads.transfer.part.journal import Identity
from hosts import direct
from hosts.answers import TRANSIENT_STATUSES, Facts, Located, busy_error, has_expired
from hosts.direct import REDIRECTS
from hosts.registry import Hosts
from webclient.client import WebClient, compression, is_page, number
from webclient.errors import TransferError, Transient
from webclient.url_policy import next_hop, origin, shown

CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
MAX_HOPS = 5
OVER = frozenset({400, 401, 403, 404, 410})  # how storage says that a signed link has ended
MANY_NAMES = 4  # ETags of one file: it has another one on each machine of a CDN, and asking for each is in vain


class SourceChanged(Exception):
    """The host has another file now than the one whose bytes are here."""

    def __init__(self, place: Located) -> None:
        super().__init__(place.facts.url)
        self.place = place


class Source:
    def __init__(self, client: WebClient, hosts: Hosts, place: Located) -> None:
        self.client = client
        self.hosts = hosts
        self.place = place
        self._lock = threading.Lock()
        self._stale = False
        self._names: set[str] = set()  # what the link's host calls the file: ETags, not the Hub's, or dates
        self._proven: Located | None = None  # a link that has handed out bytes

    @property
    def facts(self) -> Facts:
        return self.place.facts

    def link(self) -> Located:
        """A link that can be asked now. Raises what `locate` raises, and SourceChanged."""
        with self._lock:
            if self._stale or has_expired(self.place.expires):
                self._renew()
            return self.place

    def expire(self, place: Located) -> None:
        """A request by this link was refused: ask for a new one before the next."""
        with self._lock:
            self._stale = self._stale or place is self.place

    def _renew(self) -> None:
        fresh = locate(self.client, self.hosts, self.facts.url)
        known, now = Identity.of(self.facts), Identity.of(fresh.facts)
        # A host that says nothing but the size: a link that ended is no reason to start over again and again.
        if not now.same_bytes(known) and not (now == known and now.size is not None and now.says_nothing):
            raise SourceChanged(fresh)
        if origin(fresh.link) != origin(self.place.link):
            self._names.clear()
        self.place, self._stale = fresh, False

    def open_range(self, place: Located, start: int, end: int) -> requests.Response:
        """The answer that carries bytes [start, …); it may go beyond end or stop short of it. Raises LinkExpired,
        RangeRefused, SourceChanged, Transient, TransferError."""
        headers = {"Range": f"bytes={start}-{end - 1}"}
        if not place.facts.sha256 and place.facts.etag:
            headers["If-Range"] = f'"{place.facts.etag}"'
        with ExitStack() as unless_good:
            response = self._get(place, headers)
            unless_good.callback(response.close)
            self._check_range(response, place, start)
            unless_good.pop_all()
        self._proven = place
        return response

    def open_whole(self, place: Located) -> requests.Response:
        """The answer that carries the file from its first byte on. Raises like `open_range`."""
        response = self._get(place, {})
        if response.status_code != 200:
            response.close()
            raise self._refusal(response, place)
        if (packed := compression(response)) and packed not in HTTPResponse.CONTENT_DECODERS:
            response.close()
            raise TransferError(
                f"{shown(place.link)} sends the file compressed ({packed}), although it was asked for as it is. "
                "Look for another address of it.",
                reason="error",
            )
        return response

    def _get(self, place: Located, headers: dict[str, str]) -> requests.Response:
        """Ask the link; hosts that sign per request redirect here as well."""
        url = place.link
        for _ in range(MAX_HOPS):
            response = self.client.get_or_without(url, headers, anonymous=place.anonymous)
            if response.status_code not in REDIRECTS:
                return response
            target = next_hop(url, response.headers.get("Location", ""), self.client.options.allow_private_hosts)
            response.close()
            url = target
        raise Transient(f"{shown(url)} redirects in a circle. It is tried again.")

    def _check_range(self, response: requests.Response, place: Located, start: int) -> None:
        status, headers = response.status_code, response.headers
        if status in {200, 206} and is_page(response):  # a captive portal, a gateway: no reason to give up any bytes
            sentence = f"{shown(place.link)} answers with a web page instead of the file. It is tried again."
            raise Transient(sentence, reason="not_a_model")
        if status == 200:
            self._check_version(response, place)
            raise RangeRefused
        if status == 416:
            total = headers.get("Content-Range", "").rpartition("/")[2]
            if number(total) not in {None, place.facts.size}:
                self._changed(place)
            raise Transient(f"{shown(place.link)} does not hand out the part that is missing. It is tried again.")
        if status == 412:
            self._changed(place)
        if status != 206:
            raise self._refusal(response, place)
        answered = CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
        if compression(response) or not answered or int(answered[1]) != start or int(answered[2]) < start:
            raise RangeRefused
        if answered[3] != "*" and place.facts.size is not None and int(answered[3]) != place.facts.size:
            self._changed(place)
        self._check_version(response, place)

    def _check_version(self, response: requests.Response, place: Located) -> None:
        """Two answers of one host with different strong ETags are two files, unless the Hub vouches for the bytes."""
        name = response.headers.get("ETag", "")
        if not name or name.startswith("W/"):
            name = "" if place.facts.sha256 or place.facts.etag else response.headers.get("Last-Modified", "")
        with self._lock:
            vouched = bool(place.facts.sha256) and len(self._names) >= MANY_NAMES
            if not name or not self._names or vouched:
                self._names |= {name} - {""}
            known = not name or name in self._names or vouched
        if known:
            return
        fresh = self._ask_again(place)
        if not place.facts.sha256:
            if _differ_by_machine(fresh.facts, place.facts):
                raise RangeRefused
            raise Transient(f"{shown(place.link)} sent parts of another file. It is tried again.")
        with self._lock:
            self._names.add(name)

    def _changed(self, place: Located) -> None:
        """Raises SourceChanged when the original address has another file, Transient when it still has ours."""
        self._ask_again(place)
        raise Transient(f"{shown(place.link)} sent parts of another file. It is tried again.")

    def _ask_again(self, place: Located) -> Located:
        """What the original address has now, provably the bytes we have; SourceChanged when it is not."""
        fresh = locate(self.client, self.hosts, place.facts.url)
        known, now = Identity.of(place.facts), Identity.of(fresh.facts)
        if not now.same_bytes(known) and not _differ_by_machine(fresh.facts, place.facts):
            raise SourceChanged(fresh)
        return fresh

    def _refusal(self, response: requests.Response, place: Located) -> Exception:
        status = response.status_code
        if status in TRANSIENT_STATUSES:
            return busy_error(response, shown(place.link).split("/")[2])
        if status in OVER and place.link != place.facts.url:
            # An expiry after Expires, or when the link was good a moment ago; else a refusal that may stay one.
            ended = has_expired(place.expires, ahead=0) or place is self._proven
            return LinkExpired() if ended else Refused(direct.refusal(place.link, response))
        return direct.refusal(place.link, response)


def range_end(response: requests.Response) -> int:
    """Where the bytes of an answer that `open_range` accepted end."""
    answered = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(answered[2]) + 1 if answered else 0


def _differ_by_machine(one: Facts, other: Facts) -> bool:
    """The same file by size and date, with an ETag that each machine behind the address makes up for itself."""
    same = one.url == other.url and one.size == other.size and one.modified == other.modified
    return same and bool(one.modified) and not (one.sha256 or other.sha256) and one.etag != other.etag


class Refused(Transient):
    """The CDN refuses a link that is still good: too many connections, or blocked."""

    def __init__(self, refusal: TransferError) -> None:
        super().__init__(str(refusal))
