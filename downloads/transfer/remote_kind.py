"""What kind of model a file is, by its header, before it is fetched."""

from __future__ import annotations

from urllib.parse import urlsplit

from downloads.transfer.background import watch
from downloads.transfer.locate import read_start
from downloads.transfer.session import Session
from downloads.transfer.types import Progress, Tick
from hosts.answers import Located
from modelfiles.kind import Kind, kind_by_reading

HAVE_HEADERS = (".safetensors", ".sft", ".gguf")
MOST_READ = 1 << 20  # bytes; nearly every header is shorter


def remote_kind(session: Session, place: Located, tick: Tick) -> Kind | None:
    """None for a file that has no header to read. Raises TransferError, and Stopped by the tick."""
    size = place.facts.size
    if not size or not urlsplit(place.facts.url).path.lower().endswith(HAVE_HEADERS):
        return None
    return watch(
        lambda: kind_by_reading(lambda count: read_start(session, place, count), size, MOST_READ),
        tick,
        session.options.tick_interval,
        lambda: Progress("downloading"),
    )
