"""A model's header out of the first bytes of its file, as they arrive."""

from __future__ import annotations

from modelfiles import gguf, safetensors, structure
from modelfiles.errors import no_model
from modelfiles.header import Header, NeedsBytes

MAGIC = 4  # bytes
PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def read_header(start: bytes, size: int, name: str = "The file") -> Header | NeedsBytes:
    """start: the file's beginning, as far as it is here; size: of the whole file, in bytes. Raises NotAModel.

    Bounded by what has arrived: nothing is read, and nothing is asked for beyond the file's end.
    """
    if len(start) < min(MAGIC, size):
        return NeedsBytes(min(structure.SNIFFED, size))
    structure.sniff(start[: structure.SNIFFED], name)
    if start.startswith(PICKLES):
        raise no_model(name, "is a PyTorch file, which has to be run to be read")
    if start[:MAGIC] in gguf.MAGICS:
        return gguf.read_header(start, size, name)
    return safetensors.read_header(start, size, name)
