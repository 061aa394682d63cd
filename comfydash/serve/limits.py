"""What a stranger may make the web server do: sizes and times of requests, decided before a byte of a body is kept.

Daphne takes a whole body in before Django sees the request, so the limit has to be here.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet.interfaces import IAddress
from twisted.web import http
from twisted.web.http_headers import Headers

MEBIBYTE = 2**20
ORDINARY_BODY = 2 * MEBIBYTE
WORKFLOW_BODY = 33 * MEBIBYTE  # 32 MiB of workflow or picture, and the multipart around it
WORKFLOW_PATHS = (b"/api/workflows/scan", b"/api/workflows/save", b"/workflows/drop/")
LARGE_AT_ONCE = 4  # bodies above ORDINARY_BODY that are taken in at the same time

REQUEST_SECONDS = 30.0  # for a whole header, and for how long an idle connection stays open
SLOWEST_BODY = 64 * 1024  # bytes a second; a body slower than this is given up
LINGER_SECONDS = 5.0  # how long a refused sender may go on talking, so that it reads the answer
PATIENCE_BYTES = 64 * MEBIBYTE  # and how much

CLIENT_MESSAGE = 64 * 1024  # bytes; a page has next to nothing to say on its socket
UNREAD_BYTES = 4 * MEBIBYTE  # events kept for a page that does not read; then it has to connect again

HEADERS_OF_REFUSALS = (
    (b"Content-Security-Policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"X-Frame-Options", b"DENY"),
    (b"Referrer-Policy", b"same-origin"),
)


def body_limit(path: bytes, headers: Headers, without_login: bool = False) -> int:
    """Bytes. Whether the credentials are good is Django's question; who has none brings nothing large.

    ``without_login``: COMFYDASH_AUTH is off, so nobody has anything to show.
    """
    if headers.hasHeader(b"Upgrade"):
        return 0
    welcome = without_login or headers.hasHeader(b"Authorization") or headers.hasHeader(b"Cookie")
    return WORKFLOW_BODY if welcome and path.startswith(WORKFLOW_PATHS) else ORDINARY_BODY


class Request(WebRequest):  # type: ignore[misc]  # daphne and twisted have no types for this
    error_template = "<!doctype html><title>%(title)s</title><h1>%(title)s</h1><p>%(body)s</p>"
    limit = ORDINARY_BODY
    received = 0

    def handleContentChunk(self, data: bytes) -> None:
        self.received += len(data)
        if self.received > self.limit:  # a chunked body, which does not say its length
            self.channel.refuse_body()
        else:
            super().handleContentChunk(data)

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        for name, value in HEADERS_OF_REFUSALS:
            self.responseHeaders.setRawHeaders(name, [value])
        super().basic_error(status, status_text, body)


class Channel(http.HTTPChannel):  # type: ignore[misc]
    """One connection. Time runs per request and not, as in Twisted, per byte: a byte now and then keeps no slot."""

    requestFactory = Request
    large: ClassVar[set[Channel]] = set()
    _refused = False
    _discarded = 0

    def resetTimeout(self) -> None:
        pass

    def allHeadersReceived(self) -> None:
        request = self.requests[-1]
        request.requestHeaders.removeHeader(b"daphne-root-path")  # for proxies; anybody could send it
        path = self._path.split(b"?")[0]
        request.limit = body_limit(path, request.requestHeaders, self.factory.without_login)
        expected = request.limit if self.length is None else self.length
        if expected > request.limit:
            self.refuse_body()
            return
        if expected > ORDINARY_BODY:
            if len(self.large) >= LARGE_AT_ONCE:
                self._refuse(503, "Several large files are being uploaded already. Try again in a moment.")
                return
            self.large.add(self)
        if expected:
            self.setTimeout(REQUEST_SECONDS + expected / SLOWEST_BODY)
        super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:
        if not self._refused:
            super().rawDataReceived(data)
            return
        self._discarded += len(data)
        if self._discarded > PATIENCE_BYTES:
            self.transport.abortConnection()

    def allContentReceived(self) -> None:
        if not self._refused:
            super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        self.large.discard(self)
        self._savedTimeOut = REQUEST_SECONDS  # Twisted would go on with the time that the body had
        super().requestDone(request)

    def connectionLost(self, reason: Any) -> None:
        self.large.discard(self)
        super().connectionLost(reason)

    def refuse_body(self) -> None:
        limit = self.requests[-1].limit // MEBIBYTE
        self._refuse(413, f"The request is too large: at most {limit} MB are taken here.")

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer now, read the rest away for a moment (a connection closed at once may take the answer with it)."""
        if self._refused:
            return
        self._refused = True
        api = self._path.startswith(b"/api/")
        body = json.dumps({"detail": sentence, "errors": []}).encode() if api else sentence.encode()
        lines = [
            b"HTTP/1.1 %d %s" % (status, http.RESPONSES[status]),
            b"Content-Type: " + (b"application/json" if api else b"text/plain; charset=utf-8"),
            b"Content-Length: %d" % len(body),
            b"Connection: close",
            *(name + b": " + value for name, value in HEADERS_OF_REFUSALS),
        ]
        self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        self.abortTimeout = 1
        self.setTimeout(LINGER_SECONDS)


class Factory(HTTPFactory):  # type: ignore[misc]
    """Connections with our limits. HTTP/1.1 only, as Daphne without its extras."""

    without_login = False

    def buildProtocol(self, address: IAddress) -> Channel:
        channel = Channel()
        channel.factory = self
        channel.callLater = self.reactor.callLater
        channel.timeOut = REQUEST_SECONDS
        return channel


class Socket(WebSocketProtocol):  # type: ignore[misc]
    """Daphne writes without asking whether anybody reads; a page that does not is cut off before it costs memory."""

    maxMessagePayloadSize: int  # autobahn's name

    def serverSend(self, content: Any, binary: bool = False) -> None:
        # What waits in Twisted's transport, which has no public word for it.
        unread = len(self.transport.dataBuffer) - self.transport.offset + self.transport._tempDataLen
        if unread > UNREAD_BYTES:
            self.transport.abortConnection()
        else:
            super().serverSend(content, binary)

    def sendMessage(self, payload: bytes, *args: Any, **options: Any) -> None:  # autobahn's name
        """Autobahn measures what we say with the limit that is meant for what a page may say."""
        limit: int = self.maxMessagePayloadSize
        self.maxMessagePayloadSize = 0
        try:
            super().sendMessage(payload, *args, **options)
        finally:
            self.maxMessagePayloadSize = limit


class SocketFactory(WebSocketFactory):  # type: ignore[misc]
    protocol = Socket
