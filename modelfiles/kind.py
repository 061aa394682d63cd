"""What kind of model a file is, by its header: a lora, a checkpoint, a VAE.

Names in the header decide, never what the file says of itself: metadata lie. What is not known is unknown, because who
does not know asks, and who is wrong puts 20 GB into the wrong folder.
"""

from __future__ import annotations

from collections.abc import Callable

from modelfiles.errors import NotAModel
from modelfiles.first_bytes import read_header
from modelfiles.header import Header, NeedsBytes
from modelfiles.kinds import (
    borrowers,
    checkpoints,
    controlnets,
    diffusion_models,
    embeddings,
    encoders,
    gguf,
    loras,
    upscalers,
    vaes,
)
from modelfiles.kinds.names import MOST_TENSORS, Names
from modelfiles.kinds.rules import Kind

__all__ = ["Kind", "NeedsBytes", "kind_by_reading", "kind_of", "kind_of_start"]

UNKNOWN = "unknown"
FIRST_READ = 2**18  # bytes; of safetensors files 93 % have their whole header in them
MOST_HEADER = 16_000_000  # bytes; real ones have up to 3 MB, with the longest metadata
# Who carries another's keys is asked for before it.
TESTS: tuple[Callable[[Names], Kind | None], ...] = (
    borrowers.find_before_checkpoints,
    checkpoints.find,
    borrowers.find,
    controlnets.find,
    loras.find,
    embeddings.find,
    upscalers.find_latent,
    diffusion_models.find_holding_encoders,
    vaes.find,
    encoders.find,
    diffusion_models.find,
    checkpoints.find_part,
    upscalers.find,
)


def kind_of(header: Header) -> Kind:
    """Takes time in proportion to the number and length of names, whatever they are."""
    if why := gguf.refused(header):
        return _unknown(why)
    if not header.whole:
        return gguf.by_metadata(header) or _unknown("its tensors have not arrived")
    if len(header.tensors) > MOST_TENSORS:
        return _unknown(f"the header has {len(header.tensors)} tensors, more than any model known here")
    names = Names(header.tensors)
    if not names.tensors:
        return _unknown("the header has no tensors")
    found = next((found for find in TESTS if (found := find(names))), None)
    return found or gguf.by_metadata(header) or _unknown("its keys are those of no kind that is known here")


def kind_of_start(start: bytes, size: int) -> Kind | NeedsBytes:
    """The kind of a file of ``size`` bytes, of which ``start`` has arrived; never raises.

    Where the host does not say how long the file is, sys.maxsize is as good.
    NeedsBytes: call again when so many are there. Each answer asks for more than the one before, up to MOST_HEADER.
    """
    try:
        header = read_header(start, size, "it")
    except NotAModel as refused:
        return _unknown(str(refused).removesuffix("."))
    if isinstance(header, Header):
        return kind_of(header)
    if header.so_far and (found := gguf.before_vocabulary(header.so_far)):
        return found
    if header.count > MOST_HEADER:
        return _unknown(f"its header is larger than {MOST_HEADER // 1_000_000} MB")
    return header


def kind_by_reading(read: Callable[[int], bytes], size: int, most: int = MOST_HEADER) -> Kind:
    """Like kind_of_start; ``read(n)`` answers the first n bytes of the file. Never asks for more than ``most``."""
    answer = kind_of_start(read(min(FIRST_READ, size, most)), size)
    while isinstance(answer, NeedsBytes):
        wanted = answer.count
        if wanted > most:
            return _unknown(f"its header is larger than {most // 1000} kB")
        start = read(wanted)
        if len(start) < wanted:
            return _unknown("its header could not be read")
        answer = kind_of_start(start, size)
    return answer


def _unknown(why: str) -> Kind:
    return Kind(UNKNOWN, "", why)
