"""What the dashboard's WebSocket sends, a type for each message. The contract's table and the script go by these.

Whoever has news hands one of the `News` to `activity.events.broadcast`; the consumer adds ``seq`` and ``time`` and
sends it on, gathers ``download_progress`` (the newest of each download), and puts the queue into ``queue_updated``.
Times are ISO 8601 UTC, sizes bytes, speeds bytes per second.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class Envelope(TypedDict):
    """In every message. ``seq`` counts from 0 on each connection."""

    seq: int
    time: str


class Worker(TypedDict):
    alive: bool
    seen_at: str | None


class File(TypedDict):
    path: str
    url: str  # secrets and signatures masked
    optional: bool
    status: str
    bytes_done: int
    bytes_total: int
    sha256: str
    speed: float
    error: str


class Item(TypedDict):
    """An active install. ``progress`` is 0 to 100; ``files`` only of the one that runs."""

    id: int
    preset_id: str
    title: str
    status: str
    reason: str
    error_message: str
    files_completed: int
    files_total: int
    bytes_done: int
    bytes_total: int
    attempts: int
    position: int
    progress: float
    queued_at: str | None
    started_at: str | None
    completed_at: str | None
    files: NotRequired[list[File]]


class QueueHead(TypedDict):
    """The queue in short: ``queue`` holds the first ids of ``queue_total``; ``revision`` changes with each status."""

    current: str | None
    queue: list[str]
    queue_total: int
    counts: dict[str, int]
    revision: str


class Queue(QueueHead):
    items: list[Item]


class Snapshot(Envelope, Queue):
    """The first message of a connection: the whole truth."""

    type: Literal["snapshot"]
    worker: Worker
    newest_activity: int  # id, 0 for none: whether something was logged between the page and its socket


class Heartbeat(Envelope, QueueHead):
    type: Literal["heartbeat"]
    worker: Worker


class QueueUpdated(Envelope, Queue):
    type: Literal["queue_updated"]


# --- news, as they are handed to broadcast ----------------------------------------------------------------------------


class QueueNews(TypedDict):
    """Some row came, went or moved. Becomes `QueueUpdated`: the consumer reads the rows when it sends."""

    type: Literal["queue_updated"]


class ProgressNews(TypedDict):
    """``total``, ``downloaded`` and ``speed`` of the install; ``file`` is one of those that run, each in its turn.

    The last four while it backs off; ``retry_in`` in seconds. ``error`` alone says that the disk is
    still writing what has arrived.
    """

    type: Literal["download_progress"]
    preset_id: str
    download_id: int
    file: str
    status: str
    progress: float
    downloaded: int
    total: int
    file_downloaded: int
    file_total: int
    file_speed: int
    speed: int
    eta_seconds: int | None
    files_completed: int
    files_total: int
    connections: int
    attempt: NotRequired[int]
    max_attempts: NotRequired[int]
    retry_in: NotRequired[int]
    error: NotRequired[str]


EndKind = Literal["download_complete", "download_failed", "download_waiting"]


class EndNews(TypedDict):
    """``file`` is the path of the one in trouble, "" where none is."""

    type: EndKind
    preset_id: str
    download_id: int
    file: str
    reason: str
    error: str
    retry_count: int


class ActivityNews(TypedDict):
    type: Literal["activity"]
    id: int
    activity_type: str
    status: str
    title: str
    subtitle: str
    created_at: str


class CatalogueNews(TypedDict):
    type: Literal["presets_refreshed"]
    total_presets: int
    version: str


News = QueueNews | ProgressNews | EndNews | ActivityNews | CatalogueNews


class Progress(Envelope, ProgressNews):
    pass


class End(Envelope, EndNews):
    pass


class Entry(Envelope, ActivityNews):
    pass


class CatalogueRefreshed(Envelope, CatalogueNews):
    pass


Message = Snapshot | Heartbeat | QueueUpdated | Progress | End | Entry | CatalogueRefreshed
