"""Do the catalogue's addresses still lead to the files? Each one is asked once, no file is fetched."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import Literal
from urllib.parse import urlsplit

from downloads.file_records import ModelFile
from downloads.inventory import remote
from downloads.transfer import Facts, Options, Progress, Session, Stopped, TransferError, remote_kind
from downloads.transfer.background import Task
from downloads.transfer.locate import probe_all
from downloads.transfer_options import transfer_options
from modelfiles.kind import Kind
from modelfiles.model_folders import contradicts, folder_for
from presets.preset import Preset, PresetFile
from values.sizes import human_size
from webclient.errors import Transient
from webclient.url_policy import shown

Answer = Literal["ok", "gated", "missing", "html", "size", "hash", "kind", "unreachable", "refused"]
TIMEOUT = 30.0  # seconds for one address, redirects and a second try included
HOSTS_AT_ONCE, PER_HOST = 6, 8
STRIKES = 3  # addresses in a row without an answer: the rest of that host is not asked
HOST_TIMES = 10  # of TIMEOUT: what one host may take for all its addresses, however faithfully it answers
POLL_SECONDS = 0.2  # seconds
TOLERANCE = 0.1  # of the catalogue's size; it is written by hand and rounded
BAD = frozenset({"missing", "html", "hash", "kind", "unreachable", "refused"})
Said = Facts | TransferError


@dataclass(frozen=True)
class Checked:
    """``size`` in bytes, as the host says it.

    size: the catalogue is off by more than a tenth; hash: the host has other content than what was installed from the
    same address; kind: the file's header says that it belongs into another folder.
    """

    preset_ids: tuple[str, ...]
    path: str
    url: str
    answer: Answer
    message: str
    size: int | None


def check(presets: Iterable[Preset], timeout: float = TIMEOUT) -> Iterator[Checked]:
    """As the answers come, a file that several presets share once. An address gets ``timeout`` seconds.

    Hosts are asked beside each other, each by a few connections; one that leaves STRIKES addresses in a row without an
    answer, or takes HOST_TIMES as long for all of them, is not asked for the rest.
    """
    owners: dict[tuple[str, str], list[str]] = {}
    files: dict[tuple[str, str], PresetFile] = {}
    for preset in presets:
        for file in preset.files:
            owners.setdefault((file.path, file.url), []).append(preset.id)
            files.setdefault((file.path, file.url), file)
    installed = {(record.path, record.url): record.sha256 for record in ModelFile.objects.all()}
    keys: dict[str, list[tuple[str, str]]] = {}
    for key in files:
        keys.setdefault(key[1], []).append(key)
    for url, said, kind in _answers_of_hosts(keys, timeout):
        remote.remember(url, said)
        for key in keys[url]:
            answer, message, size = _judge(files[key], said, kind, installed.get(key, ""))
            yield Checked(tuple(owners[key]), *key, answer, message, size)


class _Host:
    """The addresses of one host that wait to be asked, and how many in a row it left without an answer."""

    def __init__(self, name: str, urls: list[str]) -> None:
        self.name, self.urls = name, deque(urls)
        self.strikes = 0
        self.end = float("inf")  # set when it is asked for the first time

    @property
    def is_dead(self) -> bool:
        return self.strikes >= STRIKES or self.is_late

    @property
    def is_late(self) -> bool:
        return time.monotonic() > self.end

    def heard(self, said: Said) -> None:
        silent = isinstance(said, TransferError) and (said.retry or said.reason == "network")
        self.strikes = self.strikes + 1 if silent else 0


def _answers_of_hosts(urls: Iterable[str], timeout: float) -> Iterator[tuple[str, Said, Kind | None]]:
    """Each address with what its host says and its header is, as they come. Nobody waits for a host that is silent."""
    by_host: dict[str, list[str]] = {}
    for url in urls:
        by_host.setdefault(urlsplit(url).netloc.lower(), []).append(url)
    hosts = deque(_Host(name, listed) for name, listed in by_host.items())
    options = replace(
        transfer_options(),
        connect_timeout=min(10.0, timeout),
        read_timeout=timeout,
        max_attempts=2,
        max_wait=timeout,
        retry_base=1.0,
    )
    running: dict[str, tuple[_Host, Task[tuple[Said, Kind | None]]]] = {}
    stop = threading.Event()
    bell: SimpleQueue[str] = SimpleQueue()
    asking: list[_Host] = []
    try:
        while hosts or asking or running:
            while hosts and len(asking) < HOSTS_AT_ONCE:
                asking.append(hosts.popleft())
                asking[-1].end = time.monotonic() + HOST_TIMES * timeout
            for host in list(asking):
                mine = sum(busy is host for busy, _ in running.values())
                while host.urls and not host.is_dead and mine < min(PER_HOST, 1 if host.strikes else PER_HOST):
                    url = host.urls.popleft()
                    running[url] = (host, Task(partial(_ask, url, options, timeout, stop, bell), "check"))
                    mine += 1
                if host.is_dead:
                    while host.urls:
                        yield host.urls.popleft(), _given_up(host, timeout), None
                if not host.urls and not mine:
                    asking.remove(host)
            with suppress(Empty):
                url = bell.get(timeout=POLL_SECONDS)
                host, task = running.pop(url)
                said, kind = task.result()
                host.heard(said)
                yield url, said, kind
    finally:
        stop.set()


def _ask(
    url: str, options: Options, timeout: float, stop: threading.Event, bell: SimpleQueue[str]
) -> tuple[Said, Kind | None]:
    end = time.monotonic() + timeout

    def tick(progress: Progress) -> bool:
        return time.monotonic() < end and not stop.is_set()

    try:
        with Session(options) as session:
            said = probe_all([url], options, tick, session)[url]
            kind = None
            if place := session.take(url):
                with suppress(TransferError, Stopped):  # what it is stays unknown, and where it is does not
                    kind = remote_kind(session, place, tick)
            return said, kind
    except Stopped:
        return Transient(f"{urlsplit(shown(url)).netloc} did not answer within {timeout:.0f} s."), None
    finally:
        bell.put(url)


def _given_up(host: _Host, timeout: float) -> TransferError:
    name = host.name.rpartition("@")[2]
    if host.strikes < STRIKES:
        return Transient(
            f"Not asked: {name} is slow and has used up its {HOST_TIMES * timeout:.0f} s. Give it more with --timeout."
        )
    return Transient(f"Not asked: {name} did not answer {STRIKES} times in a row.")


def _judge(file: PresetFile, said: Said, kind: Kind | None, installed: str) -> tuple[Answer, str, int | None]:
    if isinstance(said, TransferError):
        return _refusal(said), str(said), None
    if installed and said.sha256 and said.sha256 != installed:
        return "hash", "The host has other content now than what is installed.", said.size
    if kind and contradicts(kind.kind, file.path):
        folder, what = file.path.partition("/")[0], kind.kind.replace("_", " ")
        right = f"{folder_for(kind.kind)} is the folder for it"
        return "kind", f"The preset says {folder}, the file is a {what}: {kind.why}. {right}.", said.size
    guess = file.size_guess
    if guess and said.size and abs(said.size - guess) > TOLERANCE * guess:
        return "size", f"It has {human_size(said.size)}; the catalogue says {file.size}.", said.size
    return ("gated", "It needs a token, and yours may read it.", said.size) if said.gated else ("ok", "", said.size)


def _refusal(said: TransferError) -> Answer:
    if said.reason in remote.GATED_REASONS:
        return "gated"
    if said.reason == "not_found":
        return "missing"
    if said.reason == "not_a_model":
        return "html"
    return "unreachable" if said.retry or said.reason == "network" else "refused"
