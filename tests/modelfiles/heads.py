"""Heads of model files, made from the names of their tensors."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Mapping

from modelfiles.header import Header, Tensor
from modelfiles.kind import Kind, kind_of


def head(names: str | Iterable[str], metadata: Mapping[str, str] | None = None) -> Header:
    """Each word a tensor: its name, or its name and shape as in ``img_in.weight:3072,64``."""
    words = names.split() if isinstance(names, str) else names
    return Header(dict(_tensor(word) for word in words), metadata or {})


def kind(names: str | Iterable[str], metadata: Mapping[str, str] | None = None) -> tuple[str, str]:
    found = kind_of(head(names, metadata))
    return found.kind, found.base_model


def judged(names: str) -> Kind:
    return kind_of(head(names))


def _tensor(word: str) -> tuple[str, Tensor]:
    name, _, shape = word.partition(":")
    lengths = tuple(int(length) for length in shape.split(",")) if shape else (8, 8)
    return name, Tensor("F16", lengths)


def below(prefix: str, names: str) -> str:
    return " ".join(prefix + name for name in names.split())


def safetensors_start(header: Header) -> tuple[bytes, int]:
    """The header's bytes, and the size of the file that would follow them."""
    content: dict[str, object] = {"__metadata__": dict(header.metadata)} if header.metadata else {}
    end = 0
    for name, tensor in header.tensors.items():
        begin, end = end, end + 2 * math.prod(tensor.shape)
        content[name] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": [begin, end]}
    data = json.dumps(content).encode()
    return struct.pack("<Q", len(data)) + data, 8 + len(data) + end


def gguf_start(metadata: Mapping[str, object], names: str = "", vocabulary: int = 0) -> bytes:
    """Texts and numbers as metadata, then so many words of a vocabulary, then tensors of eight numbers."""
    entries = [text(key) + _value(value) for key, value in metadata.items()]
    if vocabulary:
        words = b"".join(text(f"word {number}") for number in range(vocabulary))
        entries.append(text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, vocabulary) + words)
    tensors = [text(name) + struct.pack("<IQIQ", 1, 8, 0, 32 * place) for place, name in enumerate(names.split())]
    return b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)) + b"".join(entries + tensors)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def _value(value: object) -> bytes:
    if isinstance(value, int):
        return struct.pack("<IH", 2, value)
    return struct.pack("<I", 8) + text(str(value))
