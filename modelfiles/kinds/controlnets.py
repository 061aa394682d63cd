"""Controlnets and T2I adapters, in ComfyUI's order. Source: comfy/controlnet.py of ComfyUI (autumn 2026)."""

from __future__ import annotations

from dataclasses import replace

from modelfiles.kinds.names import Names
from modelfiles.kinds.rules import OF_UNET, Kind, first_that_fits, rules_of
from modelfiles.kinds.unet import unet_base

PREFIXES = ("", "control_model.", "controlnet.", "module.")

_controlnet = rules_of("controlnet")
RULES = (
    _controlnet("hunyuan_dit", "after_proj_list.*"),
    _controlnet("sdxl", "lora_controlnet", "label_emb"),
    _controlnet("", "lora_controlnet"),
    _controlnet(OF_UNET, "controlnet_cond_embedding.conv_in"),
    _controlnet(OF_UNET, "controlnet_down_blocks.*", "controlnet_mid_block"),
    _controlnet("flux", "controlnet_blocks.*", "double_blocks.*.img_attn"),
    _controlnet("sd3", "controlnet_blocks.*", "pos_embed_input.proj"),
    _controlnet("qwen_image", "controlnet_blocks.*", "transformer_blocks.*.img_mlp.net"),
    _controlnet("flux", "controlnet_blocks.*", "controlnet_x_embedder"),
    _controlnet("flux", "controlnet_blocks.*", "single_controlnet_blocks.*"),
    _controlnet("", "controlnet_blocks.*"),
    _controlnet("qwen_image", "control_blocks.*.after_proj", "control_img_in"),
    _controlnet("cosmos", "control_blocks.*", "patch_embed_base"),
    _controlnet(OF_UNET, "zero_convs.*.*"),
    # A T2I adapter takes blocks of 8 pixels (of 16 for SDXL) as channels, of one colour or three.
    *(
        _controlnet(base, f"{body}.*.{block}", length=(f"{conv_in}.weight", 1, channels))
        for body, block, conv_in in (("adapter.body", "resnets", "adapter.conv_in"), ("body", "block1", "conv_in"))
        for base, channels in (("sd1", 64), ("sd1", 192), ("sdxl", 256), ("sdxl", 768))
    ),
    _controlnet("", "adapter.body.*.resnets"),
    _controlnet("", "adapter.body.*", "adapter.conv_in"),
    _controlnet("", "body.*.in_conv", "body.*.body.*.block1"),
    _controlnet("", "body.*.block1", "conv_in"),
    _controlnet("stable_cascade", "backbone.*", "projections.*"),
)


def find(names: Names) -> Kind | None:
    if names.any_begins("lllite_unet", "lllite_mid", "lllite_input", "lllite_middle", "lllite_output"):
        return Kind("controlnet", "sdxl", "the header has lllite_unet keys")
    for prefix in PREFIXES:
        if found := first_that_fits(RULES, names, (prefix,)):
            return replace(found, base_model=unet_base(names, prefix)) if found.base_model == OF_UNET else found
    return None
