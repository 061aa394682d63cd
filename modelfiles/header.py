"""What stands at the beginning of a model file: its tensors by name, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tensor:
    dtype: str
    shape: tuple[int, ...]  # as PyTorch has it; GGUF writes it the other way round


@dataclass(frozen=True)
class Header:
    tensors: Mapping[str, Tensor]
    # What the file says of itself, which need not be true. Of GGUF only what decides here: architecture, type, part.
    metadata: Mapping[str, str] = field(default_factory=dict)
    # False where the metadata of a GGUF file has arrived up to its vocabulary, and the names of its tensors have not.
    whole: bool = True


@dataclass(frozen=True)
class NeedsBytes:
    """The header goes on behind what has arrived: ask again with at least so many bytes of the file's beginning."""

    count: int
    so_far: Header | None = None  # of GGUF: its metadata, once its vocabulary has begun
