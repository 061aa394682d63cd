"""The state of the fake Hub: repositories, files, tokens, faults, gates, log."""

from __future__ import annotations

import hashlib
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.fakehub.content import Bytes, Content, Generated, OnDisk
from tests.fakehub.faults import Asked, Fault, Gate

COMMIT = "5f3c1d2ab4e60789c0ffee0123456789abcdef01"


@dataclass
class Token:
    name: str = "ada"
    role: str = "read"
    accepted: set[str] = field(default_factory=set)  # repositories whose licence is accepted
    pending: set[str] = field(default_factory=set)  # … whose author has not answered
    sees: set[str] = field(default_factory=set)  # private repositories
    reads_gated: bool = True  # a fine-grained token may lack it


@dataclass
class Repo:
    name: str
    gated: bool = False
    private: bool = False
    disabled: bool = False
    moved_to: str = ""
    commit: str = COMMIT


@dataclass
class File:
    """A file of a repository, or a plain document when repo is ""."""

    hub: FakeHub
    repo: str
    path: str
    content: Content
    lfs: bool = True
    content_type: str = "application/octet-stream"
    ranges: bool = True
    etag: str | None = None  # None: made from the content; "" sends none
    length: bool = True  # plain documents: whether Content-Length is sent
    headers: dict[str, str] = field(default_factory=dict)
    origin: str = "hub"

    @property
    def url(self) -> str:
        base = self.hub.url if self.origin == "hub" else self.hub.cdn_url
        return f"{base}/{self.repo}/resolve/main/{self.path}" if self.repo else f"{base}/{self.path}"

    @property
    def size(self) -> int:
        return self.content.size

    @property
    def sha256(self) -> str:
        return self.content.sha256

    @property
    def git_id(self) -> str:
        data = self.content.read(0, self.size)
        return hashlib.sha1(b"blob %d\0" % self.size + data, usedforsecurity=False).hexdigest()

    def replace(self, data: bytes) -> None:
        """From now on the address has these bytes."""
        self.content = Bytes(data)


class FakeHub:
    """See the package's docstring."""

    def __init__(
        self,
        port: int = 0,
        cdn_port: int = 0,
        *,
        speed: int = 0,
        total_speed: int = 0,
        latency: float = 0.0,
        address: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.address, self._ports = address, (port, cdn_port)
        self.tls = tls  # both servers speak https when there is one
        self.speed = speed  # bytes/s of each connection, 0 = none
        self.total_speed = total_speed  # bytes/s of all together
        self.latency = latency  # seconds before each answer
        self.link_seconds = 3600.0  # how long a signed link lives
        self.rate_limit: dict[str, str] = {}  # headers added to each /resolve answer
        self.tokens: dict[str, Token] = {}
        self.repos: dict[str, Repo] = {}
        self.files: dict[tuple[str, str], File] = {}
        self.documents: dict[str, File] = {}
        self.faults: list[Fault] = []
        self.gates: list[Gate] = []
        self.log: list[Asked] = []
        self.control = False
        self.closing = threading.Event()
        self.lock = threading.RLock()
        self.settled = threading.Condition(self.lock)
        self.moving = 0  # requests being answered that do not stand at a gate
        self.at_work: dict[str, int] = {}  # path → requests being answered
        self._bucket = 0.0

    # --- what there is -------------------------------------------------------------------------------------------

    def add_repo(self, name: str, **facts: Any) -> Repo:
        """gated=True, private=True, disabled=True, moved_to="org/new"."""
        repo = self.repos.setdefault(name, Repo(name))
        for key, value in facts.items():
            setattr(repo, key, value)
        return repo

    def add_file(
        self,
        repo: str,
        path: str,
        data: bytes | None = None,
        *,
        size: int = 0,
        seed: int = 0,
        source: Path | None = None,
        lfs: bool = True,
        **repo_facts: Any,
    ) -> File:
        """A file with `data`, a generated safetensors file of `size` bytes, or one from disk. Further keywords are the
        repository's: gated=True."""
        self.add_repo(repo, **repo_facts)
        file = File(self, repo, path, _content(data, size, seed, source), lfs=lfs)
        self.files[repo, path] = file
        return file

    def add_document(
        self, path: str, data: bytes | None = None, *, size: int = 0, seed: int = 0, origin: str = "cdn", **facts: Any
    ) -> File:
        """A plain address of a host that is no Hub: content_type=, ranges=False, etag="", length=False, headers={}."""
        file = File(self, "", path.lstrip("/"), _content(data, size, seed, None), origin=origin, **facts)
        self.documents[file.path] = file
        return file

    def token(self, secret: str, **facts: Any) -> Token:
        self.tokens[secret] = Token(**facts)
        return self.tokens[secret]

    # --- what goes wrong -----------------------------------------------------------------------------------------

    def fault(self, path: str | File = "", **facts: Any) -> Fault:
        """Misbehave for requests whose path contains `path`; the keywords are the fields of `Fault`."""
        fault = Fault(path=path.path if isinstance(path, File) else path, **facts)
        self.faults.append(fault)
        return fault

    def gate(self, path: str | File, at_byte: int = 0) -> Gate:
        """Stop before this byte of the file, whichever request asks for it."""
        gate = Gate(path.path if isinstance(path, File) else path, at_byte)
        self.gates.append(gate)
        return gate

    def heal(self) -> None:
        """No faults and no gates any more."""
        self.faults.clear()
        for gate in self.gates:
            gate.open()
        self.gates.clear()

    # --- what was asked ------------------------------------------------------------------------------------------

    def asked(self, path: str = "", origin: str = "") -> list[Asked]:
        """The log's lines of one path (part of it) and origin, oldest first; what is being answered gets a moment."""
        with self.lock:
            self.settled.wait_for(lambda: self.moving == 0, 0.5)
            return [line for line in self.log if path in line.path and origin in {"", line.origin}]

    def sent(self, path: str = "") -> int:
        """Bytes of bodies the CDN sent for a path."""
        return sum(line.sent for line in self.asked(path, "cdn"))

    def move(self, count: int) -> None:
        """From a server's thread: a request begins (1), ends or stands still (-1)."""
        with self.lock:
            self.moving += count
            self.settled.notify_all()

    # --- pace ----------------------------------------------------------------------------------------------------

    def take_turn(self, count: int) -> float:
        """Seconds a connection must wait so that all together keep to total_speed after `count` more bytes."""
        with self.lock:
            now = time.monotonic()
            self._bucket = max(self._bucket, now - 0.02) + count / self.total_speed
            return self._bucket - now

    # --- running -------------------------------------------------------------------------------------------------

    def start(self) -> FakeHub:
        from tests.fakehub.server import Server

        self._cdn = Server(self, "cdn", self._ports[1])
        self._hub = Server(self, "hub", self._ports[0])
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://{self.address}:{self._hub.port}"
        self.cdn_url = f"{scheme}://{self.address}:{self._cdn.port}"
        return self

    def stop(self) -> None:
        self.closing.set()
        self.heal()
        self._hub.stop()
        self._cdn.stop()

    def __enter__(self) -> FakeHub:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _content(data: bytes | None, size: int, seed: int, source: Path | None) -> Content:
    if source is not None:
        return OnDisk(source)
    return Bytes(data) if data is not None else Generated(size, seed)
