"""The web server's process: Daphne on the socket that the supervisor holds, with limits on what strangers may send.

usage: python -m comfydash.serve.web FILE_DESCRIPTOR
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import socket
import sys
from typing import Any

from comfydash.serve.parent_watch import ParentWatch

parent_watch = ParentWatch()  # before the long imports: a supervisor that dies meanwhile takes us along

from daphne.server import Server  # noqa: E402  # installs Twisted's reactor, so it comes first
from twisted.internet import defer, reactor  # noqa: E402
from twisted.logger import globalLogBeginner  # noqa: E402

from comfydash.serve.limits import CLIENT_MESSAGE, Factory, SocketFactory  # noqa: E402
from comfydash.serve.setup import load_django  # noqa: E402
from comfydash.serve.trouble import CannotStart  # noqa: E402

log = logging.getLogger(__name__)

NAME = "ComfyDash"  # all that the Server header tells
OPEN_FILES = 8192
FAREWELL_SECONDS = 0.1  # for what is on its way out when we are asked to stop


class WebServer(Server):  # type: ignore[misc]  # daphne has no types
    """Daphne's server with our factory, on a socket that listens already."""

    def __init__(self, application: Any, listener: socket.socket, without_login: bool = False) -> None:
        super().__init__(
            application,
            endpoints=[f"inherited socket {listener.fileno()}"],  # only Daphne's own run() would open them
            server_name=NAME,
            websocket_timeout=-1,  # a page may stay open for days
            ping_interval=20,
            ping_timeout=30,
        )
        self._listener = listener
        self._without_login = without_login

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        self.connections: dict[Any, dict[str, Any]] = {}
        self.http_factory = Factory(self)
        self.http_factory.without_login = self._without_login
        self.ws_factory = SocketFactory(self, server=NAME)
        self.ws_factory.setProtocolOptions(
            autoPingTimeout=self.ping_timeout,
            openHandshakeTimeout=self.websocket_handshake_timeout,
            maxMessagePayloadSize=CLIENT_MESSAGE,
            maxFramePayloadSize=CLIENT_MESSAGE,
        )
        globalLogBeginner.beginLoggingTo([lambda _: None], redirectStandardIO=False, discardBuffer=True)
        reactor.callLater(1, self.application_checker)
        reactor.callLater(2, self.timeout_checker)
        reactor.adoptStreamPort(self._listener.fileno(), self._listener.family, self.http_factory)
        asyncio.set_event_loop(reactor._asyncioEventloop)
        reactor.addSystemEventTrigger("before", "shutdown", self.kill_all_applications)
        reactor.callWhenRunning(parent_watch.tell_ready)
        reactor.run()

    def kill_all_applications(self) -> Any:
        """Daphne's own stumbles over a connection on which no request has come yet."""
        for details in self.connections.values():
            if (running := details.get("application_instance")) and not running.done():
                running.cancel()
        farewell: defer.Deferred[None] = defer.Deferred()
        reactor.callLater(FAREWELL_SECONDS, farewell.callback, None)
        return farewell


def main(descriptor: int) -> None:
    raise_open_files()
    application, without_login = load_application()
    parent_watch.wait_for_start()
    with socket.socket(fileno=descriptor) as listener:
        WebServer(application, listener, without_login).run()
    leave_no_socket()
    logging.shutdown()
    os._exit(0)  # threads of sync views may wait for a slow host; what they write to the database is atomic


def load_application() -> tuple[Any, bool]:
    """The ASGI application, and whether it is open to everybody (COMFYDASH_AUTH=off)."""
    try:
        load_django()
    except CannotStart as trouble:
        log.debug("%s", trouble)  # the preparations fail by the same thing and say it
        sys.exit(1)
    from django.conf import settings
    from django.urls import get_resolver

    import comfydash.asgi

    _ = get_resolver().url_patterns  # now, while the database is being prepared, and not for the first visitor
    gc.freeze()  # what was loaded stays: to walk it again every few seconds held up all events for 0.1 s
    return comfydash.asgi.application, not settings.AUTH_ON


def leave_no_socket() -> None:
    from asgiref.sync import async_to_sync
    from channels.layers import get_channel_layer

    from comfydash.local_channel_layer import SocketChannelLayer

    layer = get_channel_layer()
    if isinstance(layer, SocketChannelLayer):
        async_to_sync(layer.close)()


def raise_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    main(int(sys.argv[1]))
