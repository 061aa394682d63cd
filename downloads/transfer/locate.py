"""Ask the hosts what a file is and where it lies, one address or many."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext, suppress
from dataclasses import replace
from queue import Empty, SimpleQueue

from downloads.transfer.background import Task
from downloads.transfer.backoff import Backoff, Pauses
from downloads.transfer.session import Session
from downloads.transfer.types import Options, Progress, Tick, keep_going
from hosts import direct
from hosts.answers import Facts, Located
from hosts.registry import Hosts
from webclient.client import NETWORK_ERRORS, WebClient, explain
from webclient.errors import Stopped, TransferError
from webclient.url_policy import check_address

AT_ONCE = 16  # probes in parallel: answers without a body, most of the time is the way there and back


def probe(url: str, options: Options, tick: Tick = keep_going) -> Facts:
    """What the host says of a URL, no byte of the file fetched. Raises TransferError, and Stopped by the tick."""
    with Session(options) as session:
        return Backoff(options, tick).through(lambda: locate(session.client, session.hosts, url)).facts


def read_start(session: Session, place: Located, count: int) -> bytes:
    """The first bytes of a file, at most so many. Raises TransferError; Transient when a retry may help."""
    headers = {"Range": f"bytes=0-{count - 1}"}
    with session.client.get_or_without(place.link, headers, anonymous=place.anonymous) as response:
        if response.status_code not in {200, 206}:
            raise direct.refusal(place.link, response)
        try:
            return response.raw.read(count, decode_content=False)
        except NETWORK_ERRORS as error:
            raise explain(error, place.facts.url) from error


def probe_all(
    urls: Iterable[str], options: Options, tick: Tick = keep_going, session: Session | None = None
) -> dict[str, Facts | TransferError]:
    """Probe several URLs, a few at a time; each gets its facts or its refusal. Raises Stopped by the tick.

    A session keeps what hosts said for the transfers that follow.
    """
    with nullcontext(session) if session else Session(options) as session:
        return Probes(urls, options, session).run(tick)


class Probes:
    def __init__(self, urls: Iterable[str], options: Options, session: Session) -> None:
        self.options, self.session = options, session
        self.answers: dict[str, Facts | TransferError] = dict.fromkeys(
            urls, TransferError("Not asked.", reason="error")
        )
        self._pending: SimpleQueue[str] = SimpleQueue()
        for url in self.answers:
            self._pending.put(url)
        self._held_up = Pauses(options.max_waits)  # by all of them together: one host says the same for each
        self._said: list[Progress] = []  # what one of them waits for, told by the calling thread
        self._stopped = False

    def run(self, tick: Tick) -> dict[str, Facts | TransferError]:
        tasks = [Task(self._ask_some, "probe") for _ in range(min(AT_ONCE, len(self.answers)))]
        try:
            for task in tasks:
                while not task.done.wait(self.options.tick_interval):
                    if not tick(self._said[-1] if self._said else Progress("downloading")):
                        raise Stopped
                task.result()
        finally:
            self._stopped = True
        return self.answers

    def _note(self, progress: Progress) -> bool:
        if progress.status == "retrying":
            self._said[:] = [progress]
        return not (self._stopped or self.session.client.sockets.closed)

    def _ask_some(self) -> None:
        with suppress(Empty, Stopped):
            while True:
                url = self._pending.get_nowait()
                try:
                    self.answers[url] = self._ask(url)
                except TransferError as refusal:
                    self.answers[url] = refusal

    def _ask(self, url: str) -> Facts:
        session = self.session
        backoff = Backoff(self.options, self._note, host=session.host_of(url), pauses_of_hosts=session.pauses)
        backoff.held_up = self._held_up
        place = backoff.through(lambda: locate(session.client, session.hosts, url))
        session.keep(url, place)
        # A file that came without a token stands behind no gate.
        gated = not place.facts.warning and session.hosts.of(url).is_gated(session.client, url)
        return replace(place.facts, gated=gated)


def locate(client: WebClient, hosts: Hosts, url: str) -> Located:
    """From a catalogue's address to the bytes. Raises TransferError; Transient when a retry may help."""
    allow_private_hosts = client.options.allow_private_hosts
    url = check_address(url, allow_private_hosts)
    host = hosts.of(url)
    return host.locate(client, check_address(host.canonical(url), allow_private_hosts))
