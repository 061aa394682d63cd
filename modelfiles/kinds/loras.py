"""Loras and their relatives: most names are those of adapters, whoever trained them.

By their share, never by one: checkpoints hold stray ones, and quantised models hold low-rank parts of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelfiles.kinds.names import Names
from modelfiles.kinds.rules import Kind
from modelfiles.kinds.unet import text_base

# What trainers call the parts of an adapter. Source: comfy/weight_adapter and comfy/lora.py of ComfyUI, LyCORIS, PEFT.
_PART = re.compile(
    r"[._](?:lora\d?(?:_(?:up|down|mid|A|B|linear_layer|magnitude_vector|embedding_[AB]))?"
    r"(?:\.[\w-]+){0,2}|(?:hada|lokr)_\w+|oft_(?:blocks|diag|R)(?:\.weight)?|custom_diffusion\.\w+)$"
    r"|\.(?:[ab][12]\.weight|diff|diff_b|set_weight|reshape_weight|dora_scale|[wb]_norm|on_input)$"
)
_BEGINNING = re.compile(r"(?:lora_(?:unet|te\d?|prior_unet|transformer|text_encoder\d?)|lycoris)_")
# Named alike in audio VAEs, so it counts neither for nor against.
_SCALE = ".alpha"
_PREFIX = re.compile(
    r"^(?:lora_(?:unet|transformer|prior_unet)_+|lycoris_|base_model_model_|model_|diffusion_model_|unet_"
    r"|transformer_(?!blocks))+"
)
_DEEP = re.compile(r"transformer_blocks[._][2-9]")

# Base model, how the names of its modules begin (dots and underscores are one, * is a number), a width that is there
# (0: any). The first that fits counts.
BASES = (
    ("chroma", "distilled_guidance_layer", 0),
    ("flux2", "double_stream_modulation", 0),
    ("flux2", "single_transformer_blocks_*_attn_to_qkv_mlp", 0),
    ("hunyuan_video", "double_blocks_*_img_mlp_fc1", 0),
    ("hunyuan_video", "double_blocks_*_img_mod_linear", 0),
    ("hunyuan_video", "txt_in_individual_token_refiner", 0),
    ("hunyuan_video", "context_embedder_token_refiner", 0),
    ("hidream", "double_stream_blocks_*", 0),
    ("flux2", "double_blocks_*", 6144),
    ("flux", "double_blocks_*", 3072),
    ("flux", "single_blocks_*", 3072),
    ("flux", "single_transformer_blocks_*", 3072),
    ("aura_flow", "joint_transformer_blocks_*", 0),
    ("aura_flow", "double_layers_*", 0),
    ("sd3", "joint_blocks_*", 0),
    ("qwen_image", "transformer_blocks_*_img_m", 0),
    ("qwen_image", "transformer_blocks_*_txt_m", 0),
    ("anima", "llm_adapter", 0),
    ("cosmos_predict2", "blocks_*_adaln_modulation", 0),
    ("cosmos_predict2", "blocks_*_mlp_layer", 0),
    ("wan2.1", "blocks_*_cross_attn_k_img", 0),
    ("wan", "blocks_*_ffn_*", 0),
    ("wan", "blocks_*_self_attn_q", 0),
    ("wan", "blocks_*_cross_attn_q", 0),
    ("wan", "blocks_*_attn1_to_", 5120),
    ("wan2.2", "blocks_*_attn1_to_", 3072),
    ("z_image", "layers_*_attention", 3840),
    ("lumina2", "layers_*_attention", 2304),
    ("ltx2", "transformer_blocks_*_audio", 0),
    ("pixart", "transformer_blocks_*_attn1", 1152),
    ("sana", "transformer_blocks_*_attn1", 2240),
    ("ltxv", "transformer_blocks_*_attn1", 2048),
    ("ltxv", "transformer_blocks_*_attn1", 4096),
    ("mochi", "blocks_*_attn_qkv_x", 0),
    ("kandinsky5", "visual_transformer_blocks_*", 0),
    ("krea2", "txtfusion", 0),
    ("ace_step", "lyric_encoder", 0),
)
_SHARED_BY_SD3_AND_QWEN = "transformer_blocks_*_attn_add_"


def is_adapter_name(name: str) -> bool:
    return bool(_BEGINNING.match(name) or _PART.search(name))


def find(names: Names) -> Kind | None:
    counted = [name for name in names.tensors if not name.endswith(_SCALE)]
    adapters = [name for name in counted if is_adapter_name(name)]
    if 2 * len(adapters) <= len(counted) or not adapters:
        return None
    return Kind("lora", _base_model(names), f"the header has {_part_in_words(adapters)} keys")


def _part_in_words(adapters: list[str]) -> str:
    """The part of an adapter's name that is its trainer's own, never text that only this file has."""
    for word in ("lora_up", "lora_A", "lora_down", "lokr_w1", "hada_w1", "oft_blocks", "lora_linear_layer", "diff"):
        if any(f".{word}" in name for name in adapters):
            return word
    return "lora_unet" if any(name.startswith("lora_unet_") for name in adapters) else "lora"


def _base_model(names: Names) -> str:
    if names.any_begins("lora_prior_unet_"):
        return "stable_cascade"
    modules = {_PREFIX.sub("", flat) for flat in _flat(names)}
    text = "\n" + "\n".join(modules)
    widths = {length for tensor in names.tensors.values() for length in tensor.shape}
    for base, beginning, width in BASES:
        if f"\n{beginning}" in text and (not width or width in widths):
            return base
    if f"\n{_SHARED_BY_SD3_AND_QWEN}" in text:
        return "" if 3072 in widths else "sd3"
    if any(part in text for part in ("\ninput_blocks_", "\ndown_blocks_", "\nmid_block_", "\nmiddle_block_")):
        return text_base(names) or ("sdxl" if any(_DEEP.search(name) for name in names.tensors) else "")
    return ""


def _flat(names: Names) -> Iterator[str]:
    """kohya joins what others write with dots, so both are read joined."""
    return (re.sub(r"_\d+(?=_|$)", "_*", name.replace(".", "_")) for name in names.tensors)
