"""The private names of Twisted that the web server's limits use: looked for at import, before a request meets them.

requirements.txt holds Twisted to versions that were tried. A name that is gone would otherwise show itself only when
somebody sends too much.
"""

from __future__ import annotations

from types import FunctionType

from twisted.internet.abstract import FileDescriptor
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.web.http import HTTPChannel

NAMES: tuple[tuple[FunctionType, str], ...] = (
    (HTTPChannel.lineReceived, "_path"),  # the path, known before the headers are
    (HTTPChannel.requestDone, "_savedTimeOut"),  # the time-out that goes on after a body
    (FileDescriptor.__init__, "_tempDataLen"),  # bytes that a reader has not taken yet
    (FileDescriptor.__init__, "_tempDataBuffer"),
    (AsyncioSelectorReactor.__init__, "_asyncioEventloop"),  # the loop that Channels has to share
)


def missing(names: tuple[tuple[FunctionType, str], ...] = NAMES) -> list[str]:
    """Those that the installed Twisted does not have, as ``Class.method uses NAME``."""
    return [f"{method.__qualname__} uses {name}" for method, name in names if name not in method.__code__.co_names]


def check() -> None:
    """Raises ImportError with a sentence."""
    if gone := missing():
        raise ImportError(
            f"This version of Twisted has changed inside ({'; '.join(gone)} no more), so requests are not limited. "
            "Install the versions of requirements.lock."
        )
