"""Textual inversions (a handful of vectors) and hypernetworks."""

from __future__ import annotations

import re

from modelfiles.kinds.names import Names
from modelfiles.kinds.rules import Kind

MOST_TENSORS, MOST_DIMENSIONS = 4, 2
# ComfyUI and A1111 write these; diffusers writes the token itself: <token>.
_NAME = re.compile(r"emb_params|clip_[lgh]|t5xxl|text_encoders_\d|string_to_param\..*|embedding|\*|<[^<>]{1,80}>")
BASES = {
    frozenset({"clip_l", "clip_g"}): "sdxl",
    frozenset({"clip_l", "t5xxl"}): "flux",
    frozenset({"clip_l", "clip_g", "t5xxl"}): "sd3",
}
BY_WIDTH = {768: "sd1", 1024: "sd2"}
_HYPERNETWORK = re.compile(r"(?:320|640|768|1024|1280|2048)\.(?:\d+\.)?linear\.\d+\.(?:weight|bias)")


def find(names: Names) -> Kind | None:
    tensors = names.tensors
    if 0 < len(tensors) <= MOST_TENSORS and all(
        _NAME.fullmatch(name) and 1 <= len(tensor.shape) <= MOST_DIMENSIONS for name, tensor in tensors.items()
    ):
        return Kind(
            "embedding", _base_model(names), f"the header has {len(tensors)} small tensors, named as embeddings are"
        )
    if tensors and all(_HYPERNETWORK.fullmatch(name) for name in tensors):
        return Kind("hypernetwork", "", "the header has WIDTH.linear keys")
    return None


def _base_model(names: Names) -> str:
    if len(names.tensors) == 1:
        [tensor] = names.tensors.values()
        return BY_WIDTH.get(tensor.shape[-1], "")
    return BASES.get(frozenset(names.tensors), "")
