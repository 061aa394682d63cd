"""Ask the hosts what a file is and where it lies, one address or many."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue

from downloads.transfer.background import Task
from downloads.transfer.backoff import Backoff, Pauses
from downloads.transfer.errors import no_model_is_a_refusal
from downloads.transfer.types import Options, Progress, Tick, keep_going
from hosts import direct
from hosts.answers import Facts, Located
from hosts.registry import Hosts, configured
from modelfiles.structure import sniff
from webclient.client import NETWORK_ERRORS, WebClient, explain
from webclient.errors import Stopped, TransferError
from webclient.url_policy import check_address

AT_ONCE = 6  # probes in parallel


def hosts_of(options: Options) -> Hosts:
    return configured(options.hub_endpoint, options.token)


def probe(url: str, options: Options, tick: Tick = keep_going) -> Facts:
    """What the host says of a URL, no byte of the file fetched. Raises TransferError, and Stopped by the tick."""
    hosts = hosts_of(options)
    with WebClient(options, hosts) as client:
        return Backoff(options, tick).through(lambda: locate(client, hosts, url)).facts


def peek(url: str, options: Options, name: str) -> None:
    """Read the first bytes only: TransferError(not_a_model) when they cannot be what `name` says."""
    hosts = hosts_of(options)
    with WebClient(options, hosts) as client:
        place = locate(client, hosts, url)
        headers = {"Range": "bytes=0-511"}
        with client.get_or_without(place.link, headers, anonymous=place.anonymous) as response:
            try:
                head = response.raw.read(512, decode_content=False)
            except NETWORK_ERRORS as error:
                raise explain(error, url) from error
            if response.status_code not in {200, 206}:
                raise direct.refusal(place.link, response)
    with no_model_is_a_refusal():
        sniff(head, name)


def probe_all(urls: Iterable[str], options: Options, tick: Tick = keep_going) -> dict[str, Facts | TransferError]:
    """Probe several URLs, a few at a time; each gets its facts or its refusal. Raises Stopped by the tick."""
    answers: dict[str, Facts | TransferError] = dict.fromkeys(urls, TransferError("Not asked.", reason="error"))
    pending: SimpleQueue[str] = SimpleQueue()
    for url in answers:
        pending.put(url)
    held_up = Pauses(options.max_waits)  # by all of them together: one host says the same for each
    said: list[Progress] = []  # what one of them waits for, told by the calling thread

    def note(progress: Progress) -> bool:
        if progress.status == "retrying":
            said[:] = [progress]
        return not client.sockets.closed

    def ask_some() -> None:
        with suppress(Empty, Stopped):
            while True:
                url = pending.get_nowait()
                try:
                    backoff = Backoff(options, note)
                    backoff.held_up = held_up
                    facts = backoff.through(lambda url=url: locate(client, hosts, url)).facts  # type: ignore[misc]
                    # A file that came without a token stands behind no gate.
                    answers[url] = replace(facts, gated=not facts.warning and hosts.of(url).is_gated(client, url))
                except TransferError as refusal:
                    answers[url] = refusal

    hosts = hosts_of(options)
    with WebClient(options, hosts) as client:
        tasks = [Task(ask_some, "probe") for _ in range(min(AT_ONCE, len(answers)))]
        for task in tasks:
            while not task.done.wait(options.tick_interval):
                if not tick(said[-1] if said else Progress("downloading")):
                    raise Stopped
            task.result()
    return answers


def locate(client: WebClient, hosts: Hosts, url: str) -> Located:
    """From a catalogue's address to the bytes. Raises TransferError; Transient when a retry may help."""
    allow_private_hosts = client.options.allow_private_hosts
    url = check_address(url, allow_private_hosts)
    host = hosts.of(url)
    return host.locate(client, check_address(host.canonical(url), allow_private_hosts))
