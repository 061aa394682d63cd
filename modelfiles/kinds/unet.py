"""Which Stable Diffusion a U-Net is, or what was trained beside one: by the widths of its conditioning."""

from __future__ import annotations

import re

from modelfiles.kinds.names import Names

# Width of what label_emb (add_embedding in diffusers) takes. Source: comfy/supported_models.py of ComfyUI.
BY_LABELS = {2816: "sdxl", 2560: "sdxl_refiner", 768: "svd", 1536: "sd2", 2048: "sd2", 1280: "sd2", 5632: "kolors"}
# Width of the text that cross-attention looks at.
BY_TEXT = {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl_refiner", 4096: "kolors"}
_TEXT_WIDTH = re.compile(
    r"attn2(?:\.processor)?[._]to_k"
    r"(?:[._]lora)?\.(?:weight|lora_down\.weight|lora_A(?:\.default)?\.weight|down\.weight|hada_w1_b|hada_w2_b|diff"
    r"|lora_linear_layer\.down\.weight|lora\.down\.weight)$"
)


def unet_base(names: Names, below: str) -> str:
    if names.has(f"{below}input_blocks.*.*.time_stack"):
        return "svd"
    for tensor in ("label_emb.0.0.weight", "add_embedding.linear_1.weight"):
        shape = names.shape(below + tensor)
        if len(shape) == 2 and shape[1] in BY_LABELS:
            return BY_LABELS[shape[1]]
    return text_base(names)


def text_base(names: Names) -> str:
    """By the width of the text that cross-attention looks at; empty where none shows, or several do."""
    found = {BY_TEXT.get(width, "") for width in _text_widths(names)}
    return found.pop() if len(found) == 1 else ""


def _text_widths(names: Names) -> set[int]:
    return {
        tensor.shape[1] for name, tensor in names.tensors.items() if len(tensor.shape) >= 2 and _TEXT_WIDTH.search(name)
    }
