"""Following installs from a command line: a moving bar on a terminal, one line per ten percent elsewhere."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from django.core.management.base import OutputWrapper
from django.db import connections

from downloads.models import DownloadHistory, Status
from downloads.worker.consumer import stop_flag
from downloads.worker.drain import drain_queue
from downloads.worker.heartbeat import worker_status
from values.sizes import human_size

LOOK_EVERY = 0.5  # seconds
BAR = 24  # characters


class Report:
    """Where the lines go. ``quiet`` says nothing (the caller prints JSON)."""

    def __init__(self, out: OutputWrapper, *, quiet: bool = False) -> None:
        self.out = out
        self.quiet = quiet
        self.moving = not quiet and out.isatty()
        self._tenths: dict[int, int] = {}
        self._width = 0

    def line(self, text: str) -> None:
        if self.quiet:
            return
        self._wipe()
        self.out.write(text)
        self.out.flush()

    def progress(self, row: DownloadHistory) -> None:
        if self.moving:
            self._move(row)
        elif row.progress // 10 > self._tenths.get(row.pk, 0):
            self._tenths[row.pk] = int(row.progress // 10)
            self.line(f"{row.preset_id}: {self._tenths[row.pk] * 10} % of {human_size(row.bytes_total)}")

    def _move(self, row: DownloadHistory) -> None:
        speed = sum(row.files.values_list("speed", flat=True))
        filled = int(BAR * row.progress / 100)
        text = (
            f"[{'#' * filled}{'.' * (BAR - filled)}] {row.progress:5.1f} % of {human_size(row.bytes_total)}"
            f"  {human_size(speed)}/s  {row.title}"
        )
        text = text[: shutil.get_terminal_size().columns - 1]
        self._wipe()
        self.out.write(text, ending="")
        self.out.flush()
        self._width = len(text)

    def _wipe(self) -> None:
        if self._width:
            self.out.write("\r" + " " * self._width + "\r", ending="")
            self._width = 0


def watch(rows: Iterable[DownloadHistory], report: Report) -> list[DownloadHistory]:
    """Wait until each install has ended, or waits for a person (as a paused one does).

    The rows as they are then, in the given order. Where no worker lives, this process downloads; what it has not
    finished when watching ends (Ctrl-C, or an install of somebody else) goes back to the queue with its bytes.
    """
    rows = list(rows)
    with _some_worker(report):
        open_ = {row.pk for row in rows}
        while open_:
            for row in DownloadHistory.objects.filter(pk__in=open_).in_queue_order():
                if row.status == Status.DOWNLOADING:
                    report.progress(row)
                if not _goes_on(row):
                    open_.discard(row.pk)
                    report.line(_ended(row))
            if open_:
                time.sleep(LOOK_EVERY)
    ended = DownloadHistory.objects.in_bulk([row.pk for row in rows])
    return [ended[row.pk] for row in rows]


def _goes_on(row: DownloadHistory) -> bool:
    return row.status in {Status.QUEUED, Status.DOWNLOADING}


def _ended(row: DownloadHistory) -> str:
    if row.status == Status.COMPLETED:
        return f"{row.preset_id}: installed"
    return f"{row.preset_id}: {row.status}{f', {row.reason}. {row.error_message}' if row.reason else ''}"


@contextmanager
def _some_worker(report: Report) -> Iterator[None]:
    """A thread that drains the queue as long as no worker process does."""
    done = threading.Event()

    def drain() -> None:
        told = False
        try:
            while not done.is_set():
                if not worker_status()["alive"] and DownloadHistory.objects.filter(status=Status.QUEUED).exists():
                    if not told:
                        with suppress(OSError):  # nobody reads: the thread that watches meets that too, and ends
                            report.line("No worker is running, so this command downloads by itself.")
                        told = True
                    drain_queue()
                connections.close_all()
                done.wait(1)
        finally:
            connections.close_all()

    thread = threading.Thread(target=drain, name="drain")
    thread.start()
    try:
        yield
    finally:
        done.set()
        stop_flag().set()
        thread.join()
        stop_flag().clear()
