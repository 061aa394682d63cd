"""The one thread that talks to ComfyUI while nobody clicks: health, jobs, reports, freshly installed files."""

from __future__ import annotations

import logging
import threading
import time

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import connections, transaction

from comfyui import address, after_install, generations, health, reports
from comfyui.client import Client, ComfyError
from comfyui.job_log import JobWatch
from comfyui.models import ComfyState
from comfyui.poller_lock import RENEW, PollerLock
from settings_app import preferences

log = logging.getLogger(__name__)

BUSY, IDLE = 2.0, 5.0  # seconds between looks at the jobs
HEALTH = 10.0  # seconds between looks at the whole
AWAY = (2.0, 5.0, 10.0, 15.0)  # seconds to the next try while it is not there, the last one again and again
SHARE = 20  # at most a twentieth of ComfyUI's time is spent on answering us
LONGEST = 30.0  # seconds between looks, however slow it answers
NOT_MINE = 10.0  # seconds between tries for the lock while another process polls
BROKEN_DATABASE = 10.0


class Poller:
    """``step()`` does what is due and answers how many seconds nothing will be."""

    def __init__(self, connect: float = 2.0, read: float = 10.0) -> None:
        self._lock = PollerLock()
        self._timeouts = (connect, read)
        self._leased_at = float("-inf")
        self._client: Client | None = None
        self._watch: JobWatch | None = None
        self._is_up = False
        self._tries = 0
        self._looked_at = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Until stop is set. A database or a disk that fails is waited for; ComfyUI's failures are states."""
        while not stop.is_set():
            try:
                wait = self.step()
            except (DatabaseFailure, OSError) as error:
                log.warning("ComfyUI is not watched for a moment: %s", error)
                wait = BROKEN_DATABASE
            finally:
                connections.close_all()
            stop.wait(wait * settings.COMFYUI_PACE)
        self.close()
        connections.close_all()

    def close(self) -> None:
        if self._client:
            self._client.close()
        try:
            self._lock.give_back()
        except DatabaseFailure as error:  # it runs out by itself
            log.debug("The lock was not given back: %s", error)

    def step(self) -> float:
        if not self._hold_lock():
            self._is_up = False
            return NOT_MINE
        try:
            return self._ask(self._connected())
        except ComfyError as error:
            return self._failed(error)

    def _hold_lock(self) -> bool:
        if time.monotonic() - self._leased_at < RENEW:
            return True
        if not self._lock.take():
            return False
        self._leased_at = time.monotonic()
        return True

    def _connected(self) -> Client:
        """A client for the address of Settings, which may change while we run."""
        wanted = address.configured()
        if self._client is None or self._client.address != wanted:
            if self._client:
                self._client.close()
            self._client = Client(wanted, *self._timeouts)
            self._watch = JobWatch(self._client)
            self._is_up = False
            self._looked_at = float("-inf")
            self._begin_anew_elsewhere(wanted.base)
        return self._client

    @staticmethod
    def _begin_anew_elsewhere(base: str) -> None:
        """Another ComfyUI: its past is no news, and the jobs of the one before are not followed any more."""
        with transaction.atomic():
            state = ComfyState.get()
            if state.url != base:
                ComfyState.objects.filter(pk=ComfyState.ONLY).update(url=base, log_begun=False)
                generations.forget_open()

    def _ask(self, client: Client) -> float:
        if not self._is_up or time.monotonic() - self._looked_at >= HEALTH:
            if health.ask_and_store(client) != ComfyState.State.UP:
                return self._away()
            self._looked_at = time.monotonic()
            if not self._is_up:
                self._arrived(client)
            after_install.check(client)
        if not preferences.get("log_generations"):
            self._stop_logging()
            return HEALTH
        assert self._watch is not None
        before = client.seconds
        wait = BUSY if self._watch.poll() else IDLE
        return max(wait, min(SHARE * (client.seconds - before), LONGEST))

    def _arrived(self, client: Client) -> None:
        self._is_up, self._tries = True, 0
        assert self._watch is not None
        self._watch.reconnected()
        reports.refresh(client)
        generations.prune()

    def _failed(self, error: ComfyError) -> float:
        """A question about jobs failed: ComfyUI went away, or only this question is too much for it."""
        if self._client is None or error.trouble in {"too_large", "broken", "missing", "refused"}:
            log.debug("ComfyUI: %s", error)
            return HEALTH
        health.store_failure(self._client, error)
        return self._away()

    def _away(self) -> float:
        self._is_up = False
        self._tries += 1
        return AWAY[min(self._tries, len(AWAY)) - 1]

    @staticmethod
    def _stop_logging() -> None:
        """What happens while the log is off is no news when it is switched on again."""
        if ComfyState.objects.filter(pk=ComfyState.ONLY, log_begun=True).update(log_begun=False):
            generations.forget_open()


_thread: threading.Thread | None = None
_starting = threading.Lock()


def start(stop: threading.Event) -> None:
    """Run a poller in a thread of this process until stop is set, unless it runs already."""
    global _thread
    with _starting:
        if _thread is not None and _thread.is_alive():
            return
        _thread = threading.Thread(target=Poller().run, args=(stop,), name="comfyui", daemon=True)
        _thread.start()


def wait_for_end(seconds: float) -> None:
    """Let a poller that was told to stop give back its lock; one that waits for ComfyUI just ends with the process."""
    if _thread is not None:
        _thread.join(seconds)
