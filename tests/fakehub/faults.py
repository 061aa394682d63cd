"""What can go wrong, as data, and places to stand still."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Fault:
    """One way to misbehave. It applies to requests whose path contains `path`, at `origin` ("hub", "cdn", "" = both),
    after the first `skip` of them, `times` times (None = always). Byte counts are of the body of one answer."""

    path: str = ""
    origin: str = ""
    skip: int = 0
    times: int | None = None
    only_ranges: bool = False  # only requests with a Range that does not begin at 0
    only_with_token: bool = False  # only requests with an Authorization header

    status: int | None = None  # answer with this status and `body` instead
    headers: dict[str, str] = field(default_factory=dict)  # added to the answer
    body: bytes | None = None
    content_type: str = ""

    latency: float = 0.0  # seconds before the first byte of the answer
    drop_after: int | None = None  # close after so many bytes
    reset_after: int | None = None  # the same with a TCP reset
    stall_after: int | None = None  # send nothing more, keep the connection open
    trickle: int | None = None  # bytes/s
    refuse: bool = False  # close without an answer
    above_connections: int | None = None  # only when more than so many requests of the path are being answered

    claim: int = 0  # added to Content-Length
    shift: int = 0  # added to the first byte that is sent, and to Content-Range
    ignore_range: bool = False
    chunked: bool = False  # no length, chunked
    endless: bool = False  # no length, ends when the connection closes
    gzip: bool = False
    flip: int | None = None  # this byte of the file arrives changed
    redirect: str = ""  # 302 to this address

    used: int = 0
    seen: int = 0

    def applies(self, origin: str, path: str, asked: range, at_once: int, token: bool = False) -> bool:
        """Whether it strikes this request; counts."""
        if self.only_with_token and not token:
            return False
        if self.path not in path or (self.origin and self.origin != origin) or (self.only_ranges and asked.start == 0):
            return False
        if self.above_connections is not None and at_once <= self.above_connections:
            return False
        if self.flip is not None and self.flip not in asked:
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.used >= self.times):
            return False
        self.used += 1
        return True


class Gate:
    """The server stops before byte `at_byte` of the file and waits there until `open` is called."""

    def __init__(self, path: str, at_byte: int) -> None:
        self.path, self.at_byte = path, at_byte
        self.reached = threading.Event()
        self._opened = threading.Event()

    def open(self) -> None:
        self._opened.set()

    @property
    def is_open(self) -> bool:
        return self._opened.is_set()

    def wait(self) -> None:
        self.reached.set()
        self._opened.wait()


@dataclass
class Asked:
    """One line of the request log; status and sent grow while it is answered."""

    origin: str  # hub or cdn
    method: str
    host: str
    path: str
    range: str
    authorization: str  # as it came
    status: int = 0
    sent: int = 0  # bytes of body
    client: str = ""  # its address
    port: int = 0  # … and port
    moments: list[float] = field(default_factory=list)  # monotonic times at which bytes of the body were sent
