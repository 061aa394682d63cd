"""What goes into a transfer and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def no_limit() -> int:
    return 0


@dataclass(frozen=True)
class Fence:
    """Who may write where several machines share a folder: each new holder of the lease has a higher number.

    ``holds`` says from the holder's own clock whether it still does, and is cheap.
    """

    number: int
    holds: Callable[[], bool]


UNFENCED = Fence(0, lambda: True)  # on one machine, where the end of a process ends its lock


@dataclass(frozen=True)
class Options:
    """How transfers behave. Times are seconds, sizes bytes; every one can be shortened in a test."""

    hub_endpoint: str = "https://huggingface.co"
    token: str = ""
    connections: int = 8  # the most per file, 1-16
    rate_limit: Callable[[], int] = no_limit  # bytes/s, 0 = none; asked again while running
    allow_private_hosts: bool = False
    ca_bundle: str = ""  # a file; "" leaves it to REQUESTS_CA_BUNDLE and the system
    retry_base: float = 5.0
    retry_cap: float = 60.0
    max_attempts: int = 3  # without progress in between
    max_wait: float = 900.0  # the longest pause a host may ask for by Retry-After
    max_waits: float = 1800.0  # all such pauses together, from the first one until bytes arrive
    stall_seconds: float = 60.0  # nothing arrives on any connection for so long: a failed attempt
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    floor_rate: int = 10_000  # a connection slower than this over floor_window is opened anew
    floor_window: float = 20.0
    disk_reserve: int = 0  # bytes that must stay free
    tick_interval: float = 0.25
    fence: Fence = UNFENCED


@dataclass(frozen=True)
class Wanted:
    """One file to bring. path is relative to root and comes from outside.

    sha256 and size are what the file must have (a lock file says so); "" and None take what the host has.
    replace fetches beside an existing file and replaces it on success only.
    local_copies are files (root, path below it) said to hold the same bytes: linked or copied once that is proved.
    """

    url: str
    root: Path
    path: str
    sha256: str = ""
    size: int | None = None
    replace: bool = False
    local_copies: tuple[tuple[Path, str], ...] = ()


@dataclass(frozen=True)
class Progress:
    """What a tick sees. bytes_done are bytes on disk; speed is bytes/s over the last seconds.

    error says why it is tried again, and otherwise what is waited for: the disk.
    """

    status: str  # downloading, retrying or verifying
    bytes_done: int = 0
    bytes_total: int | None = None
    speed: float = 0.0
    connections: int = 0
    attempt: int = 1
    max_attempts: int = 1
    retry_in: float = 0.0  # seconds
    error: str = ""


@dataclass(frozen=True)
class Published:
    """A complete file under its final name. verified says that sha256 was known beforehand and met."""

    path: str
    size: int
    mtime_ns: int
    sha256: str
    etag: str
    commit: str
    url: str
    fetched_bytes: int
    attempts: int
    warnings: tuple[str, ...] = ()
    verified: bool = False


Tick = Callable[[Progress], bool]


def keep_going(progress: Progress) -> bool:
    return True
