"""Reading the body of an answer into memory of the caller's.

urllib3 hands out new bytes for each read of the socket, which under TLS is one record of 16 KB at most. Here a body of
known length is read from the socket itself, record after record, until the memory is full. urllib3 stays the one who
knows where the body ends: its first and its last bytes come by `read1`, and in between it is told what is left.
"""

from __future__ import annotations

import io
import time
from typing import Any

import requests
from urllib3.response import HTTPResponse

FILL_SECONDS = 0.05  # of reading on once something has come: who counts the bytes waits no longer
LEAST_LEFT = 1  # bytes of a body that are left to urllib3, so that it sees the end and keeps the connection
MOST_AT_ONCE = 256 << 10  # bytes of one read1


class Body:
    """The rest of an answer's body. ``decode`` undoes what Content-Encoding says."""

    def __init__(self, response: requests.Response, *, decode: bool = False) -> None:
        self._raw: HTTPResponse = response.raw
        self._decode = decode
        self._is_direct = False  # the socket can be read itself: nothing waits in the buffers above it
        self._failure: OSError | None = None  # of a read that had brought something before

    def read_into(self, memory: memoryview) -> int:
        """Waits for the next bytes, and goes on for FILL_SECONDS while more come; 0 at the end.

        Raises what requests, urllib3 and sockets raise; what came before an error is handed out first.
        """
        if self._failure:
            raise self._failure
        if not self._is_direct or (left := self._left()) <= LEAST_LEFT:
            return self._read1(memory)
        return self._fill(memory[: left - LEAST_LEFT]) or self._read1(memory)

    def _left(self) -> int:
        return self._raw.length_remaining or 0

    def _read1(self, memory: memoryview) -> int:
        asked = min(len(memory), MOST_AT_ONCE)
        chunk = self._raw.read1(asked, decode_content=self._decode)
        count = len(chunk)
        memory[:count] = chunk
        # `read1` gives what is buffered, or else what one read of the socket gave.
        nothing_waits = 0 < count < asked or count > io.DEFAULT_BUFFER_SIZE
        self._is_direct = nothing_waits and not self._decode and self._find_socket()
        return count

    def _find_socket(self) -> bool:
        """Whether it is at hand, and urllib3 and http.client agree on how much of the body is left in it."""
        connection = self._raw.connection
        self._socket: Any = getattr(connection, "opened", None)
        self._answer: Any = getattr(connection, "answer", None)
        left = getattr(self._answer, "length", None)
        return self._socket is not None and left is not None and left == self._raw.length_remaining

    def _fill(self, memory: memoryview) -> int:
        receive, count, size = self._socket.recv_into, 0, len(memory)
        until = time.monotonic() + FILL_SECONDS
        try:
            while count < size and (got := receive(memory[count:])):
                count += got
                if time.monotonic() > until:
                    break
        except OSError as error:
            if not count:
                raise
            self._failure = error
        finally:
            self._answer.length -= count
            self._raw.length_remaining = self._left() - count
        return count
