"""What a stranger may make the web server do: sizes and times of requests, decided before a byte of a body is kept.

Daphne takes a whole body in before Django sees the request, so the limit has to be here.

By hand, inside Twisted: a proxy in front may have such limits, but most pods have none.
"""

from __future__ import annotations

import json
import time
from typing import Any, ClassVar

from autobahn.websocket.types import ConnectionDeny
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet.interfaces import IAddress
from twisted.web import http
from twisted.web.http_headers import Headers

from comfydash.serve import twisted_internals

twisted_internals.check()

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
CLIENT_FRAMES, FRAMES_A_SECOND = 100.0, 10.0  # at once, and how fast that grows back; pings and fragments count
CLIENT_BYTES, BYTES_A_SECOND = 2.0 * CLIENT_MESSAGE, 8.0 * 1024
OPEN_SOCKETS = 2000  # of everybody together; far below the files that the process may open
TOO_MUCH, TOO_LARGE = 1008, 1009  # close codes, RFC 6455
UNREAD_BYTES = 4 * MEBIBYTE  # events kept for a page that does not read; then it has to connect again
UNREAD_TOGETHER = 32 * MEBIBYTE  # of all pages; the one that reads least has to connect again first

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

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """As in Twisted, but for the forms, which that reads too, whole in memory, and refuses without a word.

        They are Django's.
        """
        self.content.seek(0)
        self.args: dict[bytes, list[bytes]] = {}
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        self.process()

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


class SpendingLimit:
    """What somebody may spend at once; it grows back with time."""

    def __init__(self, most: float, a_second: float) -> None:
        self._most, self._a_second = most, a_second
        self._left, self._at = most, time.monotonic()

    def spend(self, amount: float) -> bool:
        """Whether there was enough."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._a_second) - amount
        self._at = now
        return self._left >= 0


class Socket(WebSocketProtocol):  # type: ignore[misc]
    """Daphne queues whatever a page says and writes without asking whether anybody reads.

    Who says too much is told so and closed before it is queued; who does not read is cut off before it costs memory.
    """

    refused = False

    def connectionMade(self) -> None:
        self._bytes = SpendingLimit(CLIENT_BYTES, BYTES_A_SECOND)
        self._frames = SpendingLimit(CLIENT_FRAMES, FRAMES_A_SECOND)
        super().connectionMade()

    def onConnect(self, request: Any) -> Any:
        if self.factory.open_sockets >= OPEN_SOCKETS:
            sentence = "Too many sockets are open. Close some pages, then try again."
            raise ConnectionDeny(503, sentence)  # type: ignore[no-untyped-call]
        self.factory.open_sockets += 1
        self._counted = True
        return super().onConnect(request)

    _counted = False

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if self._counted:
            self._counted = False
            self.factory.open_sockets -= 1
            self.factory.backlog.forget(self)
            super().onClose(wasClean, code, reason)

    def dataReceived(self, data: bytes) -> None:
        if self.refused:
            return  # read away until the closing handshake times out
        if hasattr(self, "handshake_deferred"):  # no client may speak before it is let in; it would be kept for then
            self.transport.abortConnection()
        elif self.state == self.STATE_OPEN and not self._bytes.spend(len(data)):
            self.refuse(TOO_MUCH, "Too many bytes. This socket only speaks.")
        else:
            super().dataReceived(data)

    def processData(self) -> bool:
        if self.refused:
            self.data = b""
            return False
        return bool(super().processData())

    def onFrameBegin(self) -> None:
        super().onFrameBegin()
        if not self.refused and not self._frames.spend(1):
            self.refuse(TOO_MUCH, "Too many messages. This socket only speaks.")

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if not self.refused:
            super().onMessage(payload, isBinary)

    def onPing(self, payload: bytes) -> None:
        if not self.refused:
            super().onPing(payload)

    def _max_message_size_exceeded(self, size: int, limit: int, reason: str) -> None:
        self.refuse(TOO_LARGE, "The message is too large. This socket only speaks.")

    def refuse(self, code: int, reason: str) -> None:
        if not self.refused:
            self.refused = True
            self.sendCloseFrame(code, reason.encode())  # sendClose() takes an application's codes only

    maxMessagePayloadSize: int  # autobahn's name

    def serverSend(self, content: Any, binary: bool = False) -> None:
        if self.refused:
            return
        if self.unread > UNREAD_BYTES:
            self.cut_off()
            return
        super().serverSend(content, binary)
        if self._counted:
            self.factory.backlog.note(self)

    def cut_off(self) -> None:
        """Twisted ends the connection a moment later, and would go on taking what is written until then."""
        self.refused = True
        self.transport.dataBuffer, self.transport.offset = b"", 0
        self.transport._tempDataBuffer, self.transport._tempDataLen = [], 0
        self.transport.abortConnection()

    @property
    def unread(self) -> int:
        """Bytes that wait in Twisted's transport, which has no public word for it."""
        return int(len(self.transport.dataBuffer) - self.transport.offset + self.transport._tempDataLen)

    def sendMessage(self, payload: bytes, *args: Any, **options: Any) -> None:  # autobahn's name
        """Autobahn measures what we say with the limit that is meant for what a page may say."""
        limit: int = self.maxMessagePayloadSize
        self.maxMessagePayloadSize = 0
        try:
            super().sendMessage(payload, *args, **options)
        finally:
            self.maxMessagePayloadSize = limit


class Backlog:
    """What all sockets together have not read. Many that read nothing must not cost what many times one may."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._unread: dict[Socket, int] = {}
        self._sum = 0

    def note(self, socket: Socket) -> None:
        """Something was sent to it. Above the limit those that read least are cut off."""
        self._set(socket, socket.unread)
        if self._sum <= self._most:
            return
        for other in list(self._unread):  # what the others have read since they were last sent something
            self._set(other, other.unread)
        while self._sum > self._most:
            slowest = max(self._unread, key=self._unread.__getitem__)
            self.forget(slowest)
            slowest.cut_off()

    def forget(self, socket: Socket) -> None:
        self._sum -= self._unread.pop(socket, 0)

    def _set(self, socket: Socket, unread: int) -> None:
        self.forget(socket)
        if unread:
            self._unread[socket] = unread
            self._sum += unread


class SocketFactory(WebSocketFactory):  # type: ignore[misc]
    protocol = Socket
    open_sockets = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.backlog = Backlog(UNREAD_TOGETHER)
