"""An open page as its script keeps it: one socket, and a new one when that is closed or falls silent."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.comfydash.serving import wait_for
from tests.fleet.fleet import BEARER, Fleet
from tests.fleet.worker import SECONDS

SILENT_SECONDS = 40  # heartbeats come each 15


class Page:
    def __init__(self, fleet: Fleet, web: int = 0) -> None:
        self._fleet = fleet
        self._address = fleet.webs[web].url.replace("http://", "ws://") + "/ws/dashboard"
        self._silent = 0.0  # seconds without a message
        self._stack = ExitStack()
        self._socket = fleet.person.do(self._open)

    def _open(self) -> ClientConnection:
        opened: ClientConnection = self._stack.enter_context(
            connect(self._address, additional_headers=BEARER, proxy=None, open_timeout=10, close_timeout=1)
        )
        return opened

    def hear(self, *kinds: str, **fields: Any) -> dict[str, Any]:
        """The next message of these kinds with these fields. Those that a busy machine could not send are left out."""

        def heard() -> dict[str, Any] | None:
            message = self._next()
            return message if message.get("type") in kinds and fields.items() <= message.items() else None

        found = wait_for(heard, SECONDS, f"the page hears {kinds}")
        assert found
        return found

    def hears(self, kind: str, seconds: float = 2) -> bool:
        """Whether a message of a kind comes soon."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._next(left).get("type") == kind:
                return True
        return False

    def _next(self, seconds: float = SILENT_SECONDS) -> dict[str, Any]:
        """{} where none came; the socket is a new one then, unless that was to be expected so soon."""
        try:
            message: dict[str, Any] = json.loads(self._socket.recv(timeout=seconds))
        except TimeoutError:
            self._silent += seconds
            if self._silent >= SILENT_SECONDS:
                self._again()
            return {}
        except WebSocketException:
            self._again()
            return {}
        self._silent = 0.0
        return message

    def _again(self) -> None:
        self._stack.close()
        self._silent = 0.0
        try:
            self._socket = self._fleet.person.do(self._open)
        except (OSError, WebSocketException, TimeoutError):
            pass  # the next look fails as well, and tries once more

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
