"""The bytes of one file on its host: asked by Range, the link renewed when it ends, every answer checked."""

from __future__ import annotations

import re
import threading

import requests

from downloads.transfer.addresses import next_hop, origin, shown
from downloads.transfer.errors import LinkExpired, RangeRefused, TransferError, Transient
from downloads.transfer.options import Facts
from downloads.transfer.probe import REDIRECTS, Located, is_over, locate
from downloads.transfer.refusals import TRANSIENT_STATUSES, busy, host_refusal
from downloads.transfer.state import Identity
from downloads.transfer.web import Web

CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
MAX_HOPS = 5


class SourceChanged(Exception):
    """The host has another file now than the one whose bytes are here."""

    def __init__(self, place: Located) -> None:
        super().__init__(place.facts.url)
        self.place = place


class Source:
    def __init__(self, web: Web, place: Located) -> None:
        self.web = web
        self.place = place
        self._lock = threading.Lock()
        self._stale = False
        self._etag = ""  # what the host of the link calls the file; on a CDN another hash than the Hub's

    @property
    def facts(self) -> Facts:
        return self.place.facts

    def link(self) -> Located:
        """A link that can be asked now. Raises what `locate` raises, and SourceChanged."""
        with self._lock:
            if self._stale or is_over(self.place.expires):
                self._renew()
            return self.place

    def expire(self, place: Located) -> None:
        """A request by this link was refused: ask for a new one before the next."""
        with self._lock:
            self._stale = self._stale or place is self.place

    def _renew(self) -> None:
        fresh = locate(self.web, self.facts.url)
        if not Identity.of(fresh.facts).same_bytes(Identity.of(self.facts)):
            raise SourceChanged(fresh)
        if origin(fresh.link) != origin(self.place.link):
            self._etag = ""
        self.place, self._stale = fresh, False

    def open_range(self, place: Located, start: int, end: int) -> requests.Response:
        """The answer that carries bytes [start, …), at the latest to end. Raises LinkExpired, RangeRefused,
        SourceChanged, Transient, TransferError."""
        headers = {"Range": f"bytes={start}-{end - 1}"}
        if not place.facts.sha256 and place.facts.etag:
            headers["If-Range"] = f'"{place.facts.etag}"'
        response = self._get(place, headers)
        try:
            self._check_range(response, place, start)
        except BaseException:
            response.close()
            raise
        return response

    def open_whole(self, place: Located) -> requests.Response:
        """The answer that carries the file from its first byte on. Raises like `open_range`."""
        response = self._get(place, {})
        if response.status_code != 200:
            response.close()
            raise self._refusal(response, place)
        return response

    def _get(self, place: Located, headers: dict[str, str]) -> requests.Response:
        """Ask the link; hosts that sign per request redirect here as well."""
        url, token = place.link, self.web.options.token if place.carries_token else ""
        for _ in range(MAX_HOPS):
            response = self.web.get(url, headers, token=token)
            if response.status_code not in REDIRECTS:
                return response
            target = next_hop(url, response.headers.get("Location", ""), self.web.options.allow_private_hosts)
            response.close()
            url, token = target, ""
        raise Transient(f"{shown(url)} redirects in a circle. It is tried again.")

    def _check_range(self, response: requests.Response, place: Located, start: int) -> None:
        status, headers = response.status_code, response.headers
        if status == 200:
            self._check_etag(headers.get("ETag", ""), place)
            raise RangeRefused
        if status == 416:
            total = headers.get("Content-Range", "").rpartition("/")[2]
            if total.isdigit() and int(total) != place.facts.size:
                self._changed(place)
            raise Transient(f"{shown(place.link)} does not hand out the part that is missing. It is tried again.")
        if status == 412:
            self._changed(place)
        if status != 206:
            raise self._refusal(response, place)
        if headers.get("Content-Encoding", "identity") != "identity":
            raise RangeRefused
        answered = CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
        if not answered or int(answered[1]) != start:
            raise RangeRefused
        if answered[3] != "*" and place.facts.size is not None and int(answered[3]) != place.facts.size:
            self._changed(place)
        self._check_etag(headers.get("ETag", ""), place)

    def _check_etag(self, etag: str, place: Located) -> None:
        """Two answers of one host with different strong ETags are two files, unless the Hub vouches for the bytes."""
        if not etag or etag.startswith("W/"):
            return
        with self._lock:
            known, self._etag = self._etag, etag
        if known and known != etag:
            self._changed(place)

    def _changed(self, place: Located) -> None:
        """Ask the original address what it has now; SourceChanged unless it is provably what we had."""
        fresh = locate(self.web, place.facts.url)
        if not Identity.of(fresh.facts).same_bytes(Identity.of(place.facts)):
            raise SourceChanged(fresh)
        raise Transient(f"{shown(place.link)} sent parts of another file. It is tried again.")

    def _refusal(self, response: requests.Response, place: Located) -> Exception:
        status = response.status_code
        if status in TRANSIENT_STATUSES:
            return busy(response, shown(place.link).split("/")[2])
        if status in {401, 403, 404, 410} and place.link != place.facts.url:
            # Only after Expires is it an expiry; before, it is a refusal, which a fresh link may or may not cure.
            return LinkExpired() if is_over(place.expires, ahead=0) else Refused(host_refusal(place.link, response))
        return host_refusal(place.link, response)


class Refused(Transient):
    """The CDN refuses a link that is still good: too many connections, or blocked."""

    def __init__(self, refusal: TransferError) -> None:
        super().__init__(str(refusal))
